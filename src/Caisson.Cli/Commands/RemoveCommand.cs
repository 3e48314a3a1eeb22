using Caisson.Cli.CommandLine;
using Caisson.Client;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson rm</c></summary>
internal sealed class RemoveCommand : EachContainerCommand
{
    private readonly SwitchOption _force, _link, _volumes;

    public RemoveCommand()
    {
        _force = Switch("force", "Force the removal of a running container (uses SIGKILL)", 'f');
        _link = Switch("link", "Remove the specified link", 'l');
        _volumes = Switch("volumes", "Remove anonymous volumes associated with the container", 'v');
    }

    public override string Usage => "[OPTIONS] CONTAINER [CONTAINER...]";

    public override IReadOnlyList<string> Examples => ["rm job", "rm -f $(caisson ps -aq)"];

    protected override string Act(Session session, string name)
    {
        try
        {
            session.Engine.RemoveContainer(name.Trim('/'), _force.Value, _volumes.Value, _link.Value);
            return name;
        }
        catch (EngineException e) when (_force.Value && e.Status == 404)
        {
            // Forced, the wish is that it is not there; say so and be content.
            session.Error.WriteLine($"caisson: {e.Message}");
            return "";
        }
    }
}
