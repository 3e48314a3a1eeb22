using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson volume snapshot rm</c></summary>
internal sealed class RemoveSnapshotCommand : Command
{
    public override string Usage => "VOLUME SNAPSHOT [SNAPSHOT...]";

    public override IReadOnlyList<string> Examples => ["volume snapshot rm data before-upgrade", "volume snapshot rm data monday tuesday"];

    public override (int Min, int Max) ArgumentCount => (2, -1);

    public override CompletionKind Completes => CompletionKind.Volumes;

    public override int Run(Session session)
    {
        foreach (string snapshot in Arguments.Skip(1))
        {
            session.Engine.RemoveVolumeSnapshot(Arguments[0], snapshot);
            session.Out.WriteLine(snapshot);
        }
        return 0;
    }
}
