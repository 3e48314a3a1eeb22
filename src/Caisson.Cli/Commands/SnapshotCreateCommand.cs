using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson volume snapshot create</c></summary>
internal sealed class SnapshotCreateCommand : Command
{
    private readonly SwitchOption _live;

    public SnapshotCreateCommand() => _live = Switch("live", "Let containers that use the volume go on while it is copied");

    public override string Usage => "[OPTIONS] VOLUME SNAPSHOT";

    public override string Details => """
        Containers that may write to the volume are frozen while it is copied, unless
        --live is given, so the snapshot is what the volume held at one moment. Where the
        file system can, it shares the blocks of the volume (reflink); the command says
        how it was made.
        """;

    public override IReadOnlyList<string> Examples => ["volume snapshot create data before-upgrade", "volume snapshot create --live logs monday"];

    public override (int Min, int Max) ArgumentCount => (2, 2);

    public override CompletionKind Completes => CompletionKind.Volumes;

    public override int Run(Session session)
    {
        var made = session.Engine.CreateVolumeSnapshot(Arguments[0], Arguments[1], _live.Value);
        session.Out.WriteLine(made.Name);
        session.Flush();
        session.Error.WriteLine($"{HumanSize.Decimal(made.Bytes, 4)} made by {made.Method}");
        return 0;
    }
}
