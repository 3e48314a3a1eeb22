using Caisson.Cli.CommandLine;
using Caisson.Client;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson rmi</c></summary>
internal sealed class RemoveImageCommand : EachContainerCommand
{
    private readonly SwitchOption _force, _noPrune;

    public RemoveImageCommand()
    {
        _force = Switch("force", "Force removal of the image", 'f');
        _noPrune = Switch("no-prune", "Do not delete untagged parents");
    }

    public override string Usage => "[OPTIONS] IMAGE [IMAGE...]";

    public override IReadOnlyList<string> Examples => ["rmi old:1", "rmi -f $(caisson images -q --filter dangling=true)"];

    public override CompletionKind Completes => CompletionKind.Images;

    protected override string Act(Session session, string name)
    {
        try
        {
            var removed = session.Engine.RemoveImage(name, _force.Value, _noPrune.Value);
            return string.Join('\n', removed.Select(one => one.Deleted.Length > 0 ? "Deleted: " + one.Deleted : "Untagged: " + one.Untagged));
        }
        catch (EngineException e) when (_force.Value && e.Status == 404)
        {
            session.Error.WriteLine($"caisson: {e.Message}");
            return "";
        }
    }
}
