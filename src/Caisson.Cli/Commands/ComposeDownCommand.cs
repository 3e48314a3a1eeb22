using Caisson.Cli.CommandLine;
using Caisson.Cli.Composing;
using Caisson.Compose.Plans;
using Caisson.Compose.Running;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose down</c></summary>
internal sealed class ComposeDownCommand : ComposeCommand
{
    private readonly SwitchOption _removeOrphans, _volumes;
    private readonly ValueOption<string> _images;
    private readonly ValueOption<int?> _timeout;

    public ComposeDownCommand()
    {
        _removeOrphans = Switch("remove-orphans", "Remove containers for services not defined in the Compose file");
        _images = Value("rmi", "string", "Remove images used by services. \"local\" remove only images that don't have a custom tag (\"local\"|\"all\")", Images, "");
        _timeout = Seconds("timeout", "Specify a shutdown timeout in seconds", 't');
        _volumes = Switch("volumes", "Remove named volumes declared in the \"volumes\" section of the Compose file and anonymous volumes attached to containers", 'v');
    }

    public override IReadOnlyList<string> Examples => ["compose down", "compose down -v --remove-orphans", "compose -p demo down"];

    protected override int RunCompose(Session session)
    {
        var project = LoadOrReconstruct(session, Arguments);
        var observed = ProjectObserver.Observe(session.Engine, project);
        var plan = ComposePlan.CompileDown(project, observed, new DownOptions
        {
            Services = [.. Arguments],
            RemoveOrphans = _removeOrphans.Value,
            Volumes = _volumes.Value,
            Images = _images.Value,
            TimeoutSeconds = _timeout.Value,
        });
        if (plan.Steps.Length == 0)
        {
            session.Error.WriteLine($"Warning: No resource found to remove for project \"{project.Name}\".");
        }
        Execute(session, project, observed, plan);
        return 0;
    }

    private static string Images(string text) => text is "all" or "local" ? text : throw new FormatException("write all or local");
}
