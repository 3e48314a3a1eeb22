using Caisson.Cli.CommandLine;
using Caisson.Cli.Composing;
using Caisson.Compose.Plans;
using Caisson.Compose.Running;
using Caisson.Errors;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose pull</c></summary>
internal sealed class ComposePullCommand : ComposeCommand
{
    private readonly SwitchOption _ignoreFailures, _includeDependencies;
    private readonly ValueOption<string> _policy;

    public ComposePullCommand()
    {
        Switch("ignore-buildable", "Ignore images that can be built");
        _ignoreFailures = Switch("ignore-pull-failures", "Pull what it can and ignores images with pull failures");
        _includeDependencies = Switch("include-deps", "Also pull services declared as dependencies");
        _policy = Value("policy", "string", "Apply pull policy (\"missing\"|\"always\")", UpArguments.Pull, "always");
        Switch("quiet", "Pull without printing progress information", 'q');
    }

    public override IReadOnlyList<string> Examples => ["compose pull", "compose pull --policy missing web"];

    protected override int RunCompose(Session session)
    {
        var project = Load(session, Arguments);
        List<Problem> problems = [];
        var observed = ProjectObserver.Observe(session.Engine, project);
        var options = new UpOptions { Services = [.. Arguments], NoDependencies = !_includeDependencies.Value, Pull = _policy.Value };
        var plan = ComposePlan.CompilePulls(project, observed, options, problems);
        ProblemsException.ThrowIfAny("compose project", problems);
        if (session.Compose.DryRun)
        {
            session.Out.Write(plan.ToString());
            return 0;
        }
        using var progress = new ComposeProgress(session);
        _ = session.Engine.Version;
        new ComposeRunner(session.Engine, project, observed, progress) { IgnorePullFailures = _ignoreFailures.Value }.Run(plan, CancellationToken.None);
        return 0;
    }
}
