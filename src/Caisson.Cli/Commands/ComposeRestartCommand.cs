using Caisson.Cli.CommandLine;
using Caisson.Cli.Composing;
using Caisson.Compose.Plans;
using Caisson.Compose.Running;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose restart</c></summary>
internal sealed class ComposeRestartCommand : ComposeCommand
{
    private readonly SwitchOption _noDeps;
    private readonly ValueOption<int?> _timeout;

    public ComposeRestartCommand()
    {
        _noDeps = Switch("no-deps", "Don't restart dependent services");
        _timeout = Seconds("timeout", "Specify a shutdown timeout in seconds", 't');
    }

    public override IReadOnlyList<string> Examples => ["compose restart", "compose restart -t 1 web"];

    protected override int RunCompose(Session session)
    {
        var project = LoadOrReconstruct(session, Arguments);
        var observed = ProjectObserver.Observe(session.Engine, project);
        Execute(session, project, observed, ComposePlan.CompileRestart(project, observed, Arguments, _timeout.Value, _noDeps.Value));
        return 0;
    }
}
