using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson volume rm</c></summary>
internal sealed class RemoveVolumeCommand : EachContainerCommand
{
    private readonly SwitchOption _force;

    public RemoveVolumeCommand() => _force = Switch("force", "Do not error if the volume does not exist", 'f');

    public override string Usage => "[OPTIONS] VOLUME [VOLUME...]";

    public override string Details => """
        The volume's files and its snapshots are removed for good. One that a container
        has, running or not, is kept.
        """;

    public override IReadOnlyList<string> Examples => ["volume rm data", "volume rm $(caisson volume ls -q --filter dangling=true)"];

    public override CompletionKind Completes => CompletionKind.Volumes;

    protected override string Act(Session session, string name)
    {
        session.Engine.RemoveVolume(name, _force.Value);
        return name;
    }
}
