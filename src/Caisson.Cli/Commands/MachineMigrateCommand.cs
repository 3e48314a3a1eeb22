using Caisson.Cli.CommandLine;
using Caisson.Client.Machines;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine migrate</c></summary>
internal sealed class MachineMigrateCommand : MachineWorkCommand
{
    private readonly ValueOption<int?> _timeout;
    private readonly ValueOption<long> _downtime, _bandwidth;
    private readonly SwitchOption _dropSnapshots;

    public MachineMigrateCommand()
    {
        _downtime = Number("downtime", "Milliseconds that it may stand still, as a target (default 10)");
        _bandwidth = Number("bandwidth", "The most megabytes of memory a second");
        _timeout = Seconds("timeout", "Seconds that it may take; then it goes on here");
        _dropSnapshots = Switch("drop-snapshots", "Its snapshots are deleted; they do not go along");
    }

    public override string Usage => "[OPTIONS] MACHINE ENGINE";

    public override string Details => """
        Moves a running machine to another engine: unix:///path/to/docker.sock or
        ssh://[user@]host[:port], where caisson is in the path. Disks and memory are copied while
        it runs; at last it stands still for a moment and goes on there. When anything fails
        before, or you press Ctrl-C, it goes on here.
        """;

    public override IReadOnlyList<string> Examples => ["machine migrate deb ssh://root@other", "machine migrate --downtime 100 deb unix:///run/other/docker.sock"];

    public override (int Min, int Max) ArgumentCount => (2, 2);

    public override CompletionKind Completes => CompletionKind.Machines;

    protected override MachineWork Act(Session session, Action<string, double> progress) => session.Engine.MigrateMachine(
        Arguments[0], Arguments[1], _downtime.Value > 0 ? (int)_downtime.Value : null, _bandwidth.Value > 0 ? (int)_bandwidth.Value : null, _timeout.Value, _dropSnapshots.Value, progress);
}
