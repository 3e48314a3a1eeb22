using System.Globalization;
using System.Net;

using Caisson.Control.Health;
using Caisson.Control.Model;
using Caisson.Control.Workloads;
using Caisson.Documents;
using Caisson.Errors;
using Caisson.Images;
using Caisson.Kubernetes.Objects;
using Caisson.Kubernetes.Pods;
using Caisson.Oci;

using ContainerState = Caisson.Kubernetes.Pods.ContainerState;

namespace Caisson.Control.Orchestration;

/// <summary>One pod: the only owner of what is known of its containers. Carries out what <see cref="PodLifecycle"/> decides; between two events it does nothing.</summary>
internal sealed class PodWorker
{
    /// <summary>How long a pod that is to go is kept after services have stopped sending to it: for requests that are on their way.</summary>
    private static readonly TimeSpan Drain = TimeSpan.FromMilliseconds(300);

    private readonly Lock _lock = new();
    private readonly Orchestrator _all;
    private readonly ObjectKey _key;
    private readonly Dictionary<string, CancellationTokenSource> _probes = [];
    private PodObservation _seen = PodObservation.None;
    private string? _sandbox;
    private int _wakes;
    private ITimer? _timer;
    private readonly bool _refused;
    private bool _over;

    public PodWorker(Orchestrator all, KubernetesObject pod)
    {
        (_all, _key, Uid) = (all, pod.Key, pod.Uid);
        IsMachine = PodPlan.IsMachine(pod, name => all.Objects.Find("RuntimeClass", "", name));
        if (IsMachine)
        {
            _seen = _seen with { HasSandbox = true };
        }
        if (PodPlan.Refusal(pod, IsMachine) is { } refusal)
        {
            _refused = true;
            _seen = _seen with { HasSandbox = false, SandboxError = refusal };
            all.Objects.Tell(pod, "FailedCreatePodSandBox", refusal, isWarning: true);
        }
    }

    /// <summary>Of the pod's object.</summary>
    public string Uid { get; }

    /// <summary>Its containers run behind a kernel of their own.</summary>
    public bool IsMachine { get; }

    /// <summary>Its containers that run, by name.</summary>
    public IReadOnlyDictionary<string, string> Running
    {
        get
        {
            lock (_lock)
            {
                return _seen.Containers.Where(pair => pair.Value.State == ContainerState.Running).ToDictionary(pair => pair.Key, pair => pair.Value.ContainerId);
            }
        }
    }

    /// <summary>The container of the last run, or of the one before; null when there is none.</summary>
    public string? ContainerOf(string name, bool previous)
    {
        lock (_lock)
        {
            ContainerFacts facts = _seen.Of(name);
            string id = previous ? facts.LastEnd?.ContainerId ?? "" : facts.ContainerId;
            return id.Length > 0 ? id : null;
        }
    }

    /// <summary>Something changed.</summary>
    public void Wake()
    {
        if (Interlocked.Increment(ref _wakes) == 1)
        {
            _ = Task.Run(Run);
        }
    }

    /// <summary>Takes over what an engine before this one has started.</summary>
    public void Adopt(KubernetesObject pod, IEnumerable<Workload> workloads)
    {
        lock (_lock)
        {
            foreach (IGrouping<string, Workload> group in workloads.GroupBy(workload => workload.Record.Config.Labels![PodPlan.ContainerName]))
            {
                Workload[] runs = [.. group.OrderBy(AttemptOf)];
                Workload last = runs[^1];
                if (group.Key == PodPlan.SandboxName)
                {
                    if (last.Status.HasProcess)
                    {
                        TakeSandboxUnlocked(last);
                    }
                    foreach (Workload old in runs.Where(run => run != last || !last.Status.HasProcess))
                    {
                        _ = RemoveQuietlyAsync(old);
                    }
                    continue;
                }
                DocumentNode? told = pod.Status.Field("containerStatuses").Items().Concat(pod.Status.Field("initContainerStatuses").Items())
                    .FirstOrDefault(one => one.Text("name") == group.Key);
                bool same = told.Text("containerID").EndsWith(last.Id, StringComparison.Ordinal);
                ContainerFacts facts = new()
                {
                    ContainerId = last.Id,
                    ImageId = last.Record.ImageId,
                    Restarts = AttemptOf(last),
                    StartedAt = last.Status.StartedAt ?? last.Record.Created,
                    LastEnd = runs.Length > 1 ? EndOf(runs[^2]) : null,
                };
                if (last.Status.HasProcess)
                {
                    Set(group.Key, _ => facts with { State = ContainerState.Running, Started = same && told.Flag("started"), Ready = same && told.Flag("ready") });
                    if (IsMachine)
                    {
                        _seen = _seen with { Address = AddressOf(last) };
                    }
                    Watch(pod, group.Key, last);
                }
                else if (last.Status.Phase == ContainerPhase.Exited)
                {
                    Set(group.Key, _ => facts with { State = ContainerState.Exited, End = EndOf(last) });
                }
                else
                {
                    _ = RemoveQuietlyAsync(last);
                }
            }
        }
    }

    /// <summary>From now on nothing is decided any more; containers go on.</summary>
    public void Leave()
    {
        lock (_lock)
        {
            _over = true;
            _timer?.Dispose();
            foreach (CancellationTokenSource probes in _probes.Values)
            {
                probes.Cancel();
            }
            _probes.Clear();
        }
    }

    private static int AttemptOf(Workload workload) =>
        int.TryParse(workload.Record.Config.Labels!.GetValueOrDefault(PodPlan.Attempt), NumberStyles.None, CultureInfo.InvariantCulture, out int attempt) ? attempt : 0;

    private static ContainerEnd EndOf(Workload workload) => new(
        workload.Id, workload.Status.ExitCode, workload.Status.OomKilled, workload.Status.StartedAt ?? workload.Record.Created,
        workload.Status.FinishedAt ?? DateTimeOffset.UtcNow, workload.Status.Error);

    private static string AddressOf(Workload workload) => workload.Status.Endpoints is [var first, ..] ? first.IPv4 : "";

    private DateTimeOffset Now => _all.Engine.Services.Time.GetUtcNow();

    private void Run()
    {
        int seen;
        do
        {
            seen = Volatile.Read(ref _wakes);
            try
            {
                Look();
            }
            catch (Exception error) when (error is CaissonException or IOException or UnauthorizedAccessException)
            {
                _all.Engine.Services.Log.Warn($"pod {_key}: {error.Message}");
                LookAt(Now + TimeSpan.FromSeconds(1));
            }
        }
        while (Interlocked.Add(ref _wakes, -seen) != 0);
    }

    private void Look()
    {
        if (_over || _all.Objects.Find(_key) is not { } pod || pod.Uid != Uid)
        {
            return;
        }
        PodLifecycle.Result decided;
        PodObservation seen;
        lock (_lock)
        {
            decided = _refused && !pod.IsDeleting ? new([], null) : PodLifecycle.Decide(pod, _seen, Now);
            foreach (PodStep step in decided.Steps)
            {
                Begin(pod, step);
            }
            seen = _seen;
        }
        _ = _all.Objects.SetStatus(_key, Uid, PodStatus.Make(pod, seen, _all.HostAddress, Now));
        if (decided.Again is { } again)
        {
            LookAt(again);
        }
    }

    private void LookAt(DateTimeOffset at)
    {
        lock (_lock)
        {
            if (_over)
            {
                return;
            }
            TimeSpan wait = at - Now;
            _timer ??= _all.Engine.Services.Time.CreateTimer(_ => Wake(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _timer.Change(wait < TimeSpan.Zero ? TimeSpan.Zero : wait + TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Notes that a step has begun, and carries it out beside; needs the lock.</summary>
    private void Begin(KubernetesObject pod, PodStep step)
    {
        switch (step)
        {
            case PodStep.StartSandbox:
                // What prepared the pod did so in a sandbox that is gone: it is done again.
                HashSet<string> inits = [.. PodLifecycle.Inits(pod).Select(init => init.Text("name"))];
                _seen = _seen with
                {
                    SandboxStarting = true,
                    Containers = _seen.Containers.ToDictionary(pair => pair.Key, pair => inits.Contains(pair.Key) && pair.Value.State == ContainerState.Exited
                        ? pair.Value with { State = ContainerState.Absent, LastEnd = pair.Value.End, End = null, Restarts = pair.Value.Restarts + 1, Started = false, Ready = false } : pair.Value),
                };
                _ = DoAsync(() => StartSandboxAsync(pod));
                break;
            case PodStep.StopSandbox:
                string? sandbox = _sandbox;
                _sandbox = null;
                _seen = _seen with { HasSandbox = false };
                if (sandbox is not null)
                {
                    _ = DoAsync(() => RemoveAsync(sandbox));
                }
                break;
            case PodStep.Start start:
                Set(start.Name, facts => facts with
                {
                    State = ContainerState.Starting,
                    LastEnd = facts.End ?? facts.LastEnd,
                    End = null,
                    Restarts = start.Attempt,
                    Streak = facts.State != ContainerState.Exited ? facts.Streak : facts.End is { } end && end.FinishedAt - end.StartedAt >= PodLifecycle.GoodRun ? 1 : facts.Streak + 1,
                    Started = false,
                    Ready = false,
                    Unwell = false,
                    Stopping = false,
                });
                _ = DoAsync(() => StartAsync(pod, start));
                break;
            case PodStep.Stop stop:
                Set(stop.Name, facts => facts with { Stopping = true, Ready = false });
                _ = DoAsync(() => StopAsync(pod, stop));
                break;
            case PodStep.Finish:
                _over = true;
                _ = DoAsync(() => FinishAsync(pod));
                break;
        }
    }

    private void Set(string name, Func<ContainerFacts, ContainerFacts> change)
    {
        lock (_lock)
        {
            _seen = _seen with { Containers = new Dictionary<string, ContainerFacts>(_seen.Containers) { [name] = change(_seen.Of(name)) } };
        }
    }

    private async Task DoAsync(Func<Task> effect)
    {
        try
        {
            await Task.Yield();
            await effect();
        }
        catch (Exception error) when (error is CaissonException or IOException or UnauthorizedAccessException or OperationCanceledException)
        {
            if (!_all.IsStopping)
            {
                _all.Engine.Services.Log.Warn($"pod {_key}: {error.Message}");
            }
        }
        Wake();
    }

    private async Task StartSandboxAsync(KubernetesObject pod)
    {
        try
        {
            DocumentNode first = PodLifecycle.Mains(pod).First();
            await RequireImageAsync(pod, first);
            PodPlan.Facts facts = _all.FactsFor(pod, "");
            ContainerEngine.Created created = await _all.Engine.CreateAsync(NameOf(pod, PodPlan.SandboxName, Random.Shared.Next(1_000_000)), PodPlan.Sandbox(pod, _all.HolderPath, facts), CancellationToken.None);
            Workload workload = _all.Engine.Find(created.Id);
            try
            {
                _ = await workload.StartAsync(CancellationToken.None);
            }
            catch (CaissonException)
            {
                await RemoveQuietlyAsync(workload);
                throw;
            }
            lock (_lock)
            {
                TakeSandboxUnlocked(workload);
            }
        }
        catch (Exception error) when (error is CaissonException or IOException or UnauthorizedAccessException)
        {
            lock (_lock)
            {
                _seen = _seen with { SandboxStarting = false, SandboxError = error.Message, SandboxFailures = _seen.SandboxFailures + 1, SandboxFailedAt = Now };
            }
            bool pull = error is ImagePullException;
            if (pull)
            {
                // Said of the container, as everybody looks for it there.
                string reason = ((ImagePullException)error).Reason;
                Set(PodLifecycle.Mains(pod).First().Text("name"), facts => facts with { ErrorReason = reason, Error = error.Message, Failures = facts.Failures + 1, FailedAt = Now });
            }
            _all.Objects.Tell(pod, pull ? "Failed" : "FailedCreatePodSandBox", error.Message, isWarning: true);
        }
    }

    private void TakeSandboxUnlocked(Workload workload)
    {
        _sandbox = workload.Id;
        _seen = _seen with { HasSandbox = true, SandboxStarting = false, SandboxError = "", SandboxFailures = 0, Address = AddressOf(workload) };
        _ = WatchSandboxAsync(workload);
    }

    private async Task WatchSandboxAsync(Workload workload)
    {
        await workload.WaitAsync(WaitCondition.NotRunning, CancellationToken.None);
        lock (_lock)
        {
            if (_sandbox != workload.Id || _all.IsStopping)
            {
                return;
            }
            _sandbox = null;
            _seen = _seen with { HasSandbox = false, Address = "" };
        }
        await RemoveQuietlyAsync(workload);
        Wake();
    }

    private async Task StartAsync(KubernetesObject pod, PodStep.Start start)
    {
        string reason = "CreateContainerConfigError";
        try
        {
            DocumentNode container = PodLifecycle.Find(_all.Objects.Find(_key) ?? pod, start.Name)!;
            await RequireImageAsync(pod, container);
            PodPlan.Facts facts = _all.FactsFor(pod, _seen.Address);
            RequireNotRoot(pod, container);
            IReadOnlyList<MountRequest> mounts = _all.Volumes.Prepare(pod, container, facts);
            ContainerCreate create = PodPlan.Container(pod, container, start.Attempt, IsMachine ? null : _sandbox ?? "", mounts, facts);
            reason = "CreateContainerError";
            await RemoveRunsAsync(start.Name, start.Attempt);
            ContainerEngine.Created created = await _all.Engine.CreateAsync(NameOf(pod, start.Name, start.Attempt), create, CancellationToken.None);
            Workload workload = _all.Engine.Find(created.Id);
            Set(start.Name, one => one with { ContainerId = workload.Id, ImageId = workload.Record.ImageId });
            reason = "RunContainerError";
            try
            {
                _ = await workload.StartAsync(CancellationToken.None);
            }
            catch (CaissonException) when (workload.Status.Phase == ContainerPhase.Created)
            {
                await RemoveQuietlyAsync(workload);
                throw;
            }
            _all.Objects.Tell(pod, "Started", $"Started container {start.Name}");
            if (IsMachine)
            {
                lock (_lock)
                {
                    _seen = _seen with { Address = AddressOf(workload) };
                }
            }
            bool startup = container.Field("startupProbe") is not null;
            Set(start.Name, one => one with
            {
                State = ContainerState.Running,
                StartedAt = workload.Status.StartedAt ?? Now,
                ErrorReason = "",
                Error = "",
                Failures = 0,
                Started = !startup,
                Ready = !startup && container.Field("readinessProbe") is null,
            });
            await HookAsync(pod, container.At("lifecycle", "postStart"), workload, "postStart", TimeSpan.FromMinutes(2));
            Watch(pod, start.Name, workload);
        }
        catch (Exception error) when (error is CaissonException or IOException or UnauthorizedAccessException)
        {
            if (error is CaissonException { Kind: ErrorKind.Conflict } && !IsMachine && !_seen.HasSandbox)
            {
                reason = ""; // its sandbox ended in this moment: all begins anew, and nothing of it is a mistake of the container
            }
            Set(start.Name, facts => facts with
            {
                State = ContainerState.Absent,
                ErrorReason = reason.Length == 0 ? "" : error is ImagePullException pull ? pull.Reason : reason,
                Error = reason.Length == 0 ? "" : error.Message,
                Failures = reason.Length == 0 ? 0 : facts.Failures + 1,
                FailedAt = Now,
            });
            if (reason.Length > 0)
            {
                _all.Objects.Tell(pod, "Failed", error.Message, isWarning: true);
            }
        }
    }

    private void Watch(KubernetesObject pod, string name, Workload workload)
    {
        var over = new CancellationTokenSource();
        lock (_lock)
        {
            if (_over)
            {
                return;
            }
            _probes[name] = over;
        }
        _ = WatchEndAsync(name, workload, over);
        if (PodLifecycle.Find(pod, name) is { } container)
        {
            _ = Task.Run(() => ProbeAsync(pod, container, workload, over.Token), CancellationToken.None);
        }
    }

    private async Task WatchEndAsync(string name, Workload workload, CancellationTokenSource over)
    {
        await workload.WaitAsync(WaitCondition.NotRunning, CancellationToken.None);
        await over.CancelAsync();
        if (_all.IsStopping)
        {
            return;
        }
        Set(name, facts => facts.ContainerId == workload.Id
            ? facts with { State = ContainerState.Exited, End = EndOf(workload), Ready = false, Started = false, Stopping = false, Unwell = false } : facts);
        if (IsMachine)
        {
            lock (_lock)
            {
                _seen = _seen with { Address = "" };
            }
        }
        Wake();
    }

    /// <summary>Startup first; then liveness and readiness, each in its own time.</summary>
    private async Task ProbeAsync(KubernetesObject pod, DocumentNode container, Workload workload, CancellationToken over)
    {
        string name = container.Text("name");
        try
        {
            if (container.Field("startupProbe") is { } startup && !_seen.Of(name).Started)
            {
                bool? passed = null;
                await ProbeAsync(pod, startup, container, workload, "Startup", state => (passed = state.Passed) is null, over);
                bool ready = container.Field("readinessProbe") is null;
                Set(name, facts => passed == true ? facts with { Started = true, Ready = ready } : facts with { Unwell = true });
                Wake();
                if (passed != true)
                {
                    return;
                }
            }
            Task readiness = container.Field("readinessProbe") is not { } asked ? Task.CompletedTask : ProbeAsync(pod, asked, container, workload, "Readiness", state =>
            {
                if (state.Passed is { } ready && ready != _seen.Of(name).Ready && !_seen.Of(name).Stopping)
                {
                    Set(name, facts => facts with { Ready = ready });
                    Wake();
                }
                return true;
            }, over);
            Task liveness = container.Field("livenessProbe") is not { } living ? Task.CompletedTask : ProbeAsync(pod, living, container, workload, "Liveness", state =>
            {
                if (state.Passed == false)
                {
                    Set(name, facts => facts with { Unwell = true });
                    Wake();
                    return false;
                }
                return true;
            }, over);
            await Task.WhenAll(readiness, liveness);
        }
        catch (OperationCanceledException)
        {
            // The run is over.
        }
    }

    private async Task ProbeAsync(
        KubernetesObject pod, DocumentNode probe, DocumentNode container, Workload workload, string kind, Func<ProbeState, bool> goesOn, CancellationToken over)
    {
        ProbeState state = ProbeState.First;
        DateTimeOffset started = workload.Status.StartedAt ?? Now;
        TimeProvider time = _all.Engine.Services.Time;
        do
        {
            TimeSpan wait = ProbeDecision.Due(probe, state, started) - Now;
            if (wait > TimeSpan.Zero)
            {
                await Task.Delay(wait, time, over);
            }
            over.ThrowIfCancellationRequested();
            (bool success, string output) = await AskAsync(probe, container, workload, ProbeDecision.Timeout(probe));
            over.ThrowIfCancellationRequested();
            state = ProbeDecision.After(probe, state, success, Now);
            if (!success)
            {
                _all.Objects.Tell(pod, "Unhealthy", $"{kind} probe failed: {output.Trim()}", isWarning: true);
            }
        }
        while (goesOn(state));
    }

    private async Task<(bool Success, string Output)> AskAsync(DocumentNode probe, DocumentNode container, Workload workload, TimeSpan timeout)
    {
        try
        {
            HealthResult result = await workload.ProbeAsync(ToProbe(probe, container), timeout);
            return (result.ExitCode == 0, result.Output);
        }
        catch (CaissonException error)
        {
            return (false, error.Message);
        }
    }

    private HealthProbe ToProbe(DocumentNode action, DocumentNode container)
    {
        if (action.Field("exec") is { } exec)
        {
            return new HealthProbe.Command(exec.Texts("command"));
        }
        DocumentNode? http = action.Field("httpGet");
        DocumentNode? place = http ?? action.Field("tcpSocket") ?? action.Field("grpc");
        int port = place.Field("port") is ScalarNode { Is: ScalarKind.Text } named
            ? (int)(container.Field("ports").Items().FirstOrDefault(one => one.Text("name") == named.Text).Whole("containerPort") ?? 0)
            : (int)(place.Whole("port") ?? 0);
        string host = place.Text("host") is { Length: > 0 } given ? given : _seen.Address;
        IPEndPoint[] endpoints = IPAddress.TryParse(host, out IPAddress? address) ? [new(address, port)] : [new(IPAddress.Loopback, port)];
        if (http is null || http.Text("scheme") == "HTTPS")
        {
            return new HealthProbe.Tcp(endpoints);
        }
        string authority = http.Field("httpHeaders").Items().FirstOrDefault(header => header.Text("name").Equals("Host", StringComparison.OrdinalIgnoreCase)).Text("value") is { Length: > 0 } own
            ? own : string.Create(CultureInfo.InvariantCulture, $"{host}:{port}");
        return new HealthProbe.Http(endpoints, authority, http.Text("path") is { Length: > 0 } path ? path : "/");
    }

    private async Task HookAsync(KubernetesObject pod, DocumentNode? hook, Workload workload, string name, TimeSpan timeout)
    {
        if (hook is null)
        {
            return;
        }
        if (hook.Field("sleep") is { } sleep)
        {
            TimeSpan length = TimeSpan.FromSeconds(sleep.Whole("seconds") ?? 0);
            await Task.Delay(length < timeout ? length : timeout, _all.Engine.Services.Time);
            return;
        }
        DocumentNode container = PodLifecycle.Find(pod, workload.Record.Config.Labels![PodPlan.ContainerName])!;
        (bool success, string output) = await AskAsync(hook, container, workload, timeout);
        if (!success)
        {
            _all.Objects.Tell(pod, name == "postStart" ? "FailedPostStartHook" : "FailedPreStopHook", output.Trim(), isWarning: true);
            if (name == "postStart")
            {
                _ = await workload.StopAsync(null, (int)PodLifecycle.GraceOf(pod).TotalSeconds, CancellationToken.None);
            }
        }
    }

    private async Task StopAsync(KubernetesObject pod, PodStep.Stop stop)
    {
        string id = _seen.Of(stop.Name).ContainerId;
        Workload workload;
        try
        {
            workload = _all.Engine.Find(id);
        }
        catch (CaissonException)
        {
            return; // gone by another's hand: its end was seen
        }
        _all.Objects.Tell(pod, "Killing", stop.Why.StartsWith("Container ", StringComparison.Ordinal) ? stop.Why : $"Stopping container {stop.Name}");
        DateTimeOffset end = Now + stop.Grace;
        if (pod.IsDeleting && stop.Grace > TimeSpan.Zero && await _all.ServicesSettledAsync(pod))
        {
            await Task.Delay(Drain, _all.Engine.Services.Time);
        }
        if (stop.Grace > TimeSpan.Zero && PodLifecycle.Find(pod, stop.Name) is { } container)
        {
            await HookAsync(pod, container.At("lifecycle", "preStop"), workload, "preStop", stop.Grace);
        }
        int seconds = (int)Math.Ceiling(Math.Max(0, (end - Now).TotalSeconds));
        _ = await workload.StopAsync(seconds == 0 ? "SIGKILL" : null, Math.Max(1, seconds), CancellationToken.None);
    }

    private async Task FinishAsync(KubernetesObject pod)
    {
        foreach (Workload workload in Own())
        {
            await RemoveQuietlyAsync(workload);
        }
        Leave();
        try
        {
            _all.Volumes.Remove(Uid);
        }
        catch (Exception error) when (error is CaissonException or IOException or UnauthorizedAccessException)
        {
            _all.Engine.Services.Log.Warn($"pod {_key}: remove its volumes: {error.Message}");
        }
        _all.Objects.Remove(_key, pod.Uid);
    }

    private IEnumerable<Workload> Own() => _all.Engine.List().Where(workload => workload.Record.Config.Labels?.GetValueOrDefault(PodPlan.PodUid) == Uid);

    /// <summary>Of the runs of a container the last one before this stays, for its log.</summary>
    private async Task RemoveRunsAsync(string name, int attempt)
    {
        foreach (Workload old in Own().Where(workload => workload.Record.Config.Labels!.GetValueOrDefault(PodPlan.ContainerName) == name
            && (AttemptOf(workload) < attempt - 1 || AttemptOf(workload) == attempt)))
        {
            await RemoveQuietlyAsync(old);
        }
    }

    private async Task RemoveAsync(string id)
    {
        try
        {
            await RemoveQuietlyAsync(_all.Engine.Find(id));
        }
        catch (CaissonException error) when (error.Kind == ErrorKind.NotFound)
        {
            // Gone already.
        }
    }

    private async Task RemoveQuietlyAsync(Workload workload)
    {
        try
        {
            await workload.RemoveAsync(force: true, volumes: true, CancellationToken.None);
        }
        catch (CaissonException error) when (error.Kind == ErrorKind.NotFound)
        {
            // Gone already.
        }
        catch (CaissonException error)
        {
            _all.Engine.Services.Log.Warn($"pod {_key}: remove container {workload.Record.Name}: {error.Message}");
        }
    }

    private static string NameOf(KubernetesObject pod, string container, int attempt) =>
        string.Create(CultureInfo.InvariantCulture, $"k8s_{container}_{pod.Name}_{pod.Namespace}_{pod.Uid}_{attempt}");

    private void RequireNotRoot(KubernetesObject pod, DocumentNode container)
    {
        DocumentNode? own = container.Field("securityContext");
        DocumentNode? shared = pod.Spec.Field("securityContext");
        if ((own.TryFlag("runAsNonRoot") ?? shared.TryFlag("runAsNonRoot")) != true)
        {
            return;
        }
        long? user = own.Whole("runAsUser") ?? shared.Whole("runAsUser");
        string image = user is { } number ? number.ToString(CultureInfo.InvariantCulture)
            : _all.Engine.Services.Images.TryResolve(container.Text("image"))?.Config.Config?.User?.Split(':')[0] ?? "";
        if (image is "" or "0" or "root")
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, "container has runAsNonRoot and image will run as root");
        }
    }

    private sealed class ImagePullException(string reason, CaissonException cause) : CaissonException(cause.Kind, cause.Message, cause)
    {
        public string Reason => reason;
    }

    private async Task RequireImageAsync(KubernetesObject pod, DocumentNode container)
    {
        string image = container.Text("image");
        string policy = container.Text("imagePullPolicy");
        bool here = _all.Engine.Services.Images.TryResolve(image) is not null;
        if (policy == "Never" && !here)
        {
            throw new ImagePullException("ErrImageNeverPull", new CaissonException(ErrorKind.NotFound, $"Container image \"{image}\" is not present with pull policy of Never"));
        }
        if (policy == "Never" || (policy != "Always" && here))
        {
            return;
        }
        try
        {
            Reference reference = Reference.Parse(image);
            _all.Objects.Tell(pod, "Pulling", $"Pulling image \"{image}\"");
            _ = await _all.Images.PullAsync(reference.WithDefaultTag(), new PullOptions(), null, CancellationToken.None);
            _all.Objects.Tell(pod, "Pulled", $"Successfully pulled image \"{image}\"");
        }
        catch (CaissonException error) when (here && error.Kind is ErrorKind.Unavailable)
        {
            _all.Objects.Tell(pod, "Pulled", $"Container image \"{image}\" is here; its registry cannot be asked for a newer one: {error.Message}", isWarning: true);
        }
        catch (CaissonException error)
        {
            throw new ImagePullException("ErrImagePull", error);
        }
        catch (FormatException error)
        {
            throw new ImagePullException("InvalidImageName", new CaissonException(ErrorKind.InvalidArgument, $"image \"{image}\": {error.Message}", error));
        }
    }
}
