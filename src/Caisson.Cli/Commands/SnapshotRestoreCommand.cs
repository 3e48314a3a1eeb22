using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson volume snapshot restore</c></summary>
internal sealed class SnapshotRestoreCommand : Command
{
    public override string Usage => "VOLUME SNAPSHOT";

    public override string Details => """
        What the volume holds now is lost; the snapshot stays. Containers that have the
        volume must be stopped.
        """;

    public override IReadOnlyList<string> Examples => ["volume snapshot restore data before-upgrade", "volume clone --snapshot before-upgrade data data-before"];

    public override (int Min, int Max) ArgumentCount => (2, 2);

    public override CompletionKind Completes => CompletionKind.Volumes;

    public override int Run(Session session)
    {
        string method = session.Engine.RestoreVolumeSnapshot(Arguments[0], Arguments[1]);
        session.Out.WriteLine(Arguments[0]);
        session.Flush();
        session.Error.WriteLine($"made by {method}");
        return 0;
    }
}
