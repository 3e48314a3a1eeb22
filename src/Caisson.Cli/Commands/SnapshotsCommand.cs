using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Client.Volumes;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson volume snapshot ls</c></summary>
internal sealed class SnapshotsCommand : Command
{
    private const string Usual = "{{.Name}}\t{{.CreatedAt}}\t{{.Size}}\t{{.Method}}";

    private readonly SwitchOption _quiet;
    private readonly ValueOption<string> _format;

    public SnapshotsCommand()
    {
        _format = Format();
        _quiet = Switch("quiet", "Only display names", 'q');
    }

    public override string Usage => "[OPTIONS] VOLUME";

    public override IReadOnlyList<string> Examples => ["volume snapshot ls data", "volume snapshot ls -q data"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override CompletionKind Completes => CompletionKind.Volumes;

    public override int Run(Session session)
    {
        string format = _quiet.Value && _format.Value is ("" or "table") ? "{{.Name}}" : _format.Value;
        ListFormat.Print(session.Out, format, Usual, Columns(session.Clock), session.Engine.ListVolumeSnapshots(Arguments[0]), (_, _) => "");
        return 0;
    }

    private static Column<VolumeSnapshotSummary>[] Columns(TimeProvider clock) =>
    [
        new("Name", "SNAPSHOT", snapshot => snapshot.Name),
        new("Volume", "VOLUME", snapshot => snapshot.Volume),
        new("CreatedAt", "CREATED AT", snapshot => PsCommand.Time(snapshot.Created, clock)),
        new("Size", "SIZE", snapshot => HumanSize.Decimal(snapshot.Bytes, 4)),
        new("Method", "METHOD", snapshot => snapshot.Method),
    ];
}
