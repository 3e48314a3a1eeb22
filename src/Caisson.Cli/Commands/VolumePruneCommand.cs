using Caisson.Cli.CommandLine;
using Caisson.Client.Containers;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson volume prune</c></summary>
internal sealed class VolumePruneCommand : PruneCommand
{
    private readonly SwitchOption _all;

    public VolumePruneCommand() => _all = Switch("all", "Remove all unused volumes, not just anonymous ones", 'a');

    public override string Details => "A volume with snapshots is kept.";

    public override IReadOnlyList<string> Examples => ["volume prune", "volume prune -a -f --filter label!=keep"];

    protected override string Warning =>
        _all.Value ? "all local volumes not used by at least one container" : "anonymous local volumes not used by at least one container";

    protected override string Deleted => "Deleted Volumes:";

    protected override PruneResult Prune(Session session, Dictionary<string, List<string>> filters)
    {
        if (_all.Value)
        {
            filters["all"] = ["true"];
        }
        return session.Engine.PruneVolumes(filters);
    }
}
