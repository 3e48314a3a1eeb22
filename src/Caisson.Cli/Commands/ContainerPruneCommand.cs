using Caisson.Client.Containers;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson container prune</c></summary>
internal sealed class ContainerPruneCommand : PruneCommand
{
    public override IReadOnlyList<string> Examples => ["container prune", "container prune -f --filter until=24h"];

    protected override string Warning => "all stopped containers";

    protected override string Deleted => "Deleted Containers:";

    protected override PruneResult Prune(Session session, Dictionary<string, List<string>> filters) =>
        session.Engine.PruneContainers(filters);
}
