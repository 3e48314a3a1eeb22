using Caisson.Client.Containers;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson builder prune</c></summary>
internal sealed class BuilderPruneCommand : PruneCommand
{
    public BuilderPruneCommand() => Switch("all", "Remove all unused build cache, not just dangling ones", 'a');

    public override IReadOnlyList<string> Examples => ["builder prune", "builder prune -f --filter until=48h"];

    protected override string Warning => "all build cache, and the directories of cache mounts with it";

    protected override string Deleted => "Deleted build cache objects:";

    protected override PruneResult Prune(Session session, Dictionary<string, List<string>> filters) => session.Engine.PruneBuilds(filters);
}
