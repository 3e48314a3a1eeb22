using Caisson.Client.Containers;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson network prune</c></summary>
internal sealed class NetworkPruneCommand : PruneCommand
{
    public override IReadOnlyList<string> Examples => ["network prune", "network prune -f --filter until=24h"];

    protected override string Warning => "all networks not used by at least one container";

    protected override string Deleted => "Deleted Networks:";

    protected override bool FreesSpace => false;

    protected override PruneResult Prune(Session session, Dictionary<string, List<string>> filters) =>
        new(session.Engine.PruneNetworks(filters), 0);
}
