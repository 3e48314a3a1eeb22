using System.Collections.Immutable;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Composing;
using Caisson.Documents;
using Caisson.Compose.Model;
using Caisson.Compose.Plans;
using Caisson.Compose.Running;
using Caisson.Errors;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose up</c></summary>
internal sealed class ComposeUpCommand : ComposeCommand
{
    private readonly SwitchOption _abortOnExit, _abortOnFailure, _recreateDependencies, _attachDependencies, _build, _detach, _forceRecreate, _noBuild, _noColor, _noDeps, _noPrefix,
        _noRecreate, _noStart, _removeOrphans, _renewVolumes, _rolling, _timestamps, _wait, _watch;
    private readonly ListOption<string> _attach, _noAttach;
    private readonly ListOption<KeyValuePair<string, int>> _scale;
    private readonly ValueOption<string> _exitCodeFrom, _pull;
    private readonly ValueOption<int?> _timeout, _waitTimeout;

    public ComposeUpCommand()
    {
        _abortOnExit = Switch("abort-on-container-exit", "Stops all containers if any container was stopped. Incompatible with -d");
        _abortOnFailure = Switch("abort-on-container-failure", "Stops all containers if any container exited with failure. Incompatible with -d");
        _recreateDependencies = Switch("always-recreate-deps", "Recreate dependent containers. Incompatible with --no-recreate");
        _attach = List("attach", "Restrict attaching to the specified services. Incompatible with --attach-dependencies", kind: "stringArray");
        _attachDependencies = Switch("attach-dependencies", "Automatically attach to log output of dependent services");
        _build = Switch("build", "Build images before starting containers");
        _detach = Switch("detach", "Detached mode: Run containers in the background", 'd');
        _exitCodeFrom = Text("exit-code-from", "Return the exit code of the selected service container. Implies --abort-on-container-exit");
        _forceRecreate = Switch("force-recreate", "Recreate containers even if their configuration and image haven't changed");
        _noAttach = List("no-attach", "Do not attach (stream logs) to the specified services", kind: "stringArray");
        _noBuild = Switch("no-build", "Don't build an image, even if it's policy");
        _noColor = Switch("no-color", "Produce monochrome output");
        _noDeps = Switch("no-deps", "Don't start linked services");
        _noPrefix = Switch("no-log-prefix", "Don't print prefix in logs");
        _noRecreate = Switch("no-recreate", "If containers already exist, don't recreate them. Incompatible with --force-recreate");
        _noStart = Switch("no-start", "Don't start the services after creating them");
        _pull = Value("pull", "string", "Pull image before running (\"always\"|\"missing\"|\"never\")", UpArguments.Pull, "");
        Switch("quiet-pull", "Pull without printing progress information");
        _removeOrphans = Switch("remove-orphans", "Remove containers for services not defined in the Compose file");
        _renewVolumes = Switch("renew-anon-volumes", "Recreate anonymous volumes instead of retrieving data from the previous containers", 'V');
        _rolling = Switch("rolling", "Start each new container and wait until it is healthy before the old one is stopped; ports and names move over without a gap");
        _scale = Values("scale", "scale", "Scale SERVICE to NUM instances. Overrides the `scale` setting in the Compose file if present", UpArguments.Scale);
        _timeout = Seconds("timeout", "Use this timeout in seconds for container shutdown when attached or when containers are already running", 't');
        _timestamps = Switch("timestamps", "Show timestamps");
        _wait = Switch("wait", "Wait for services to be running|healthy. Implies detached mode");
        _waitTimeout = Seconds("wait-timeout", "Maximum duration in seconds to wait for the project to be running|healthy");
        _watch = Switch("watch", "Watch source code and refresh containers when files are updated", 'w');
        Switch("menu", "Taken for compatibility, without effect");
        Switch("quiet-build", "Taken for compatibility, without effect");
        Switch("yes", "Assume \"yes\" as answer to all prompts and run non-interactively", 'y');
    }

    public override IReadOnlyList<string> Examples => ["compose up -d", "compose up -d --rolling", "compose -f compose.yaml --profile debug up --scale web=3", "compose --dry-run up"];

    protected override int RunCompose(Session session)
    {
        CheckOptions();
        var project = Load(session, Arguments);
        if (!_noBuild.Value)
        {
            ServiceBuilds.Build(session, project, Arguments, new ServiceBuilds.Options { OnlyMissing = !_build.Value, WithDependencies = true });
        }
        if (_exitCodeFrom.Value.Length > 0 && !project.Services.ContainsKey(_exitCodeFrom.Value))
        {
            throw new CaissonException(ErrorKind.NotFound, $"no such service: {_exitCodeFrom.Value}{Spelling.Hint(_exitCodeFrom.Value, project.Services.Keys)}");
        }
        var options = Describe();
        bool attached = !_detach.Value && !_wait.Value && !_noStart.Value && !session.Compose.DryRun;
        using var attachment = attached ? new UpAttachment(session, project, project.Select(Arguments, _noDeps.Value), Attached(project))
        {
            NoColor = _noColor.Value,
            NoPrefix = _noPrefix.Value,
            Timestamps = _timestamps.Value,
            TimeoutSeconds = _timeout.Value,
            AbortOnExit = _abortOnExit.Value || _exitCodeFrom.Value.Length > 0,
            AbortOnFailure = _abortOnFailure.Value,
            ExitCodeFrom = _exitCodeFrom.Value,
        } : null;
        using var progress = new ComposeProgress(session) { Started = attachment is null ? null : attachment.Follow };
        var plan = UpArguments.Up(session, project, options, progress, attachment?.Interrupted ?? CancellationToken.None);
        if (session.Compose.DryRun)
        {
            return 0;
        }
        if (_wait.Value)
        {
            Wait(session, project, progress);
        }
        if (attachment is null)
        {
            foreach (var container in Untouched(session, project, plan))
            {
                progress.End($"Container {container}", "Running");
            }
            return _watch.Value ? new ProjectWatch(session, project, [.. Arguments]).Run() : 0;
        }
        if (_watch.Value)
        {
            new Thread(() => new ProjectWatch(session, project, [.. Arguments]).Run()) { IsBackground = true, Name = "watch" }.Start();
        }
        return attachment.Run(plan);
    }

    private void CheckOptions()
    {
        Exclude(_forceRecreate, _noRecreate);
        Exclude(_recreateDependencies, _noRecreate);
        Exclude(_build, _noBuild);
        Exclude(_detach, _abortOnExit);
        Exclude(_detach, _abortOnFailure);
        if (_detach.Value && (_exitCodeFrom.IsSet || _attach.IsSet || _attachDependencies.Value))
        {
            throw new UsageException("--detach cannot be combined with --exit-code-from, --attach or --attach-dependencies", exitCode: 1);
        }

        static void Exclude(SwitchOption one, SwitchOption other)
        {
            if (one.Value && other.Value)
            {
                throw new UsageException($"--{one.Name} and --{other.Name} are incompatible", exitCode: 1);
            }
        }
    }

    private UpOptions Describe() => new()
    {
        Services = [.. Arguments],
        NoDependencies = _noDeps.Value,
        ForceRecreate = _forceRecreate.Value,
        AlwaysRecreateDependencies = _recreateDependencies.Value,
        NoRecreate = _noRecreate.Value,
        RemoveOrphans = _removeOrphans.Value,
        NoStart = _noStart.Value,
        Rolling = _rolling.Value,
        RenewAnonymousVolumes = _renewVolumes.Value,
        TimeoutSeconds = _timeout.Value,
        Pull = _pull.Value,
        Scale = _scale.Values.GroupBy(pair => pair.Key, StringComparer.Ordinal).ToImmutableDictionary(group => group.Key, group => group.Last().Value, StringComparer.Ordinal),
    };

    /// <summary>Services whose output is shown.</summary>
    private HashSet<string> Attached(ComposeProject project)
    {
        IEnumerable<string> services = _attach.Values.Count > 0 ? _attach.Values
            : Arguments.Count > 0 && !_attachDependencies.Value ? Arguments
            : project.Select(Arguments, _noDeps.Value);
        return
        [
            .. services.Where(service => !_noAttach.Values.Contains(service)
                && project.Services.TryGetValue(service, out var described)
                && described.Definition.TryFlag("attach") != false),
        ];
    }

    private void Wait(Session session, ComposeProject project, IComposeProgress progress)
    {
        using var limit = _waitTimeout.Value is { } seconds and > 0 ? new CancellationTokenSource(TimeSpan.FromSeconds(seconds)) : new CancellationTokenSource();
        var selected = project.Select(Arguments, _noDeps.Value);
        var containers = ProjectObserver.Containers(session.Engine, project.Name).Where(container => !container.IsOneOff && selected.Contains(container.Service)).ToList();
        try
        {
            Runner(session, project, ObservedProject.Nothing, progress).AwaitUp(containers.Select(container => (container.Service, container.Name)), limit.Token);
        }
        catch (OperationCanceledException)
        {
            throw new CaissonException(ErrorKind.Unavailable, $"the project was not up after {_waitTimeout.Value} s; see 'caisson compose ps'");
        }
    }

    /// <summary>Containers that were as they should be.</summary>
    private static IEnumerable<string> Untouched(Session session, ComposeProject project, ComposePlan plan)
    {
        var touched = plan.Steps.Select(step => step.Step.Subject).ToHashSet(StringComparer.Ordinal);
        return ProjectObserver.Containers(session.Engine, project.Name)
            .Where(container => container.IsRunning && !container.IsOneOff && !touched.Contains($"Container {container.Name}"))
            .Select(container => container.Name);
    }
}
