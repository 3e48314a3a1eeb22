using Caisson.Cli.CommandLine;
using Caisson.Cli.Composing;
using Caisson.Compose.Plans;
using Caisson.Compose.Running;
using Caisson.Errors;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose start</c></summary>
internal sealed class ComposeStartCommand : ComposeCommand
{
    private readonly SwitchOption _wait;
    private readonly ValueOption<int?> _waitTimeout;

    public ComposeStartCommand()
    {
        _wait = Switch("wait", "Wait for services to be running|healthy");
        _waitTimeout = Seconds("wait-timeout", "Maximum duration in seconds to wait for the project to be running|healthy");
    }

    public override IReadOnlyList<string> Examples => ["compose start", "compose start db"];

    protected override int RunCompose(Session session)
    {
        var project = LoadOrReconstruct(session, Arguments);
        var observed = ProjectObserver.Observe(session.Engine, project);
        var without = Arguments.Find(service => !observed.Of(service).Any());
        if (without is not null)
        {
            throw new CaissonException(ErrorKind.NotFound, $"service \"{without}\" has no container to start; run 'caisson compose up -d {without}'");
        }
        using var progress = new ComposeProgress(session);
        Execute(session, project, observed, ComposePlan.CompileStart(project, observed, Arguments), progress);
        if (_wait.Value && !session.Compose.DryRun)
        {
            using var limit = _waitTimeout.Value is { } seconds and > 0 ? new CancellationTokenSource(TimeSpan.FromSeconds(seconds)) : new CancellationTokenSource();
            Runner(session, project, observed, progress).AwaitUp(
                observed.Containers.Where(container => !container.IsOneOff && (Arguments.Count == 0 || Arguments.Contains(container.Service))).Select(container => (container.Service, container.Name)), limit.Token);
        }
        return 0;
    }
}
