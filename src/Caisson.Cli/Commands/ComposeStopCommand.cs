using Caisson.Cli.CommandLine;
using Caisson.Cli.Composing;
using Caisson.Compose.Plans;
using Caisson.Compose.Running;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose stop</c></summary>
internal sealed class ComposeStopCommand : ComposeCommand
{
    private readonly ValueOption<int?> _timeout;

    public ComposeStopCommand() => _timeout = Seconds("timeout", "Specify a shutdown timeout in seconds", 't');

    public override IReadOnlyList<string> Examples => ["compose stop", "compose stop -t 30 db"];

    protected override int RunCompose(Session session)
    {
        var project = LoadOrReconstruct(session, Arguments);
        var observed = ProjectObserver.Observe(session.Engine, project);
        Execute(session, project, observed, ComposePlan.CompileStop(project, observed, Arguments, _timeout.Value));
        return 0;
    }
}
