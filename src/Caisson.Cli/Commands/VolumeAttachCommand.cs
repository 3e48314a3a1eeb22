using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson volume attach</c></summary>
internal sealed class VolumeAttachCommand : Command
{
    private readonly ValueOption<string> _subpath;

    public VolumeAttachCommand() => _subpath = Text("subpath", "Attach this part of the volume only");

    public override string Usage => "[OPTIONS] CONTAINER VOLUME:/PATH[:OPTIONS]";

    public override string Details => """
        The volume is mounted at once when the container runs, and at each of its starts;
        it is made when it is not there. What the image has at the path is hidden, not
        copied.
        """;

    public override IReadOnlyList<string> Examples => ["volume attach web data:/data", "volume attach --subpath site web data:/srv/www:ro"];

    public override (int Min, int Max) ArgumentCount => (2, 2);

    public override CompletionKind Completes => CompletionKind.Containers;

    public override int Run(Session session)
    {
        session.Engine.AttachVolume(Arguments[0], Arguments[1], _subpath.Value);
        return 0;
    }
}
