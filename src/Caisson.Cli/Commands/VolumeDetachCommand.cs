using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson volume detach</c></summary>
internal sealed class VolumeDetachCommand : Command
{
    public override string Usage => "CONTAINER VOLUME|/PATH";

    public override string Details => """
        The volume stays. Files that are open stay the container's until it closes them.
        """;

    public override IReadOnlyList<string> Examples => ["volume detach web data", "volume detach web /srv/www"];

    public override (int Min, int Max) ArgumentCount => (2, 2);

    public override CompletionKind Completes => CompletionKind.Containers;

    public override int Run(Session session)
    {
        session.Engine.DetachVolume(Arguments[0], Arguments[1]);
        return 0;
    }
}
