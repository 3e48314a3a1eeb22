using Caisson.Cli.CommandLine;
using Caisson.Client.Containers;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson image prune</c></summary>
internal sealed class ImagePruneCommand : PruneCommand
{
    private readonly SwitchOption _all;

    public ImagePruneCommand() => _all = Switch("all", "Remove all unused images, not just dangling ones", 'a');

    public override IReadOnlyList<string> Examples => ["image prune", "image prune -a -f"];

    protected override string Warning =>
        _all.Value ? "all images without at least one container associated to them" : "all dangling images";

    protected override string Deleted => "Deleted Images:";

    protected override PruneResult Prune(Session session, Dictionary<string, List<string>> filters)
    {
        filters["dangling"] = [_all.Value ? "false" : "true"];
        return session.Engine.PruneImages(filters);
    }
}
