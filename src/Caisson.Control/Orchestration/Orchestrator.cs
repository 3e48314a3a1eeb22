using Caisson.Control.Images;
using Caisson.Control.Model;
using Caisson.Control.Sandboxes;
using Caisson.Control.State;
using Caisson.Control.Workloads;
using Caisson.Documents;
using Caisson.Errors;
using Caisson.Kubernetes.Controllers;
using Caisson.Kubernetes.Objects;
using Caisson.Kubernetes.Schema;

namespace Caisson.Control.Orchestration;

/// <summary>Kubernetes on this machine: the objects, the controllers that look at what changed, and a worker for each pod.</summary>
/// <remarks>
/// Nothing is made before the first object is. Between changes there is no work: controllers look when an object of theirs changes, or at a time
/// that they said themselves.
/// </remarks>
public sealed partial class Orchestrator : IAsyncDisposable
{
    /// <summary>The network of pods.</summary>
    public const string NetworkName = "kubernetes";

    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(200);

    private readonly Lock _lock = new();
    private readonly Lock _beginning = new();
    private readonly string _run;
    private readonly WorkQueue _queue;
    private readonly CancellationTokenSource _end = new();
    private readonly Dictionary<string, PodWorker?> _workers = [];
    private readonly Dictionary<string, IReadOnlyList<AutoscalerController.Recommendation>> _recommendations = [];
    private readonly Dictionary<string, (ulong CpuNs, DateTimeOffset At)> _usage = [];
    private Task _loop = Task.CompletedTask;
    private Task _serviceLoop = Task.CompletedTask;
    private bool _begun;

    private Orchestrator(ContainerEngine engine, ObjectStore objects, string run)
    {
        (Engine, Objects, _run) = (engine, objects, run);
        Volumes = new PodVolumes(engine, run);
        Images = new ImageActions(engine);
        _queue = new WorkQueue(engine.Services.Time);
    }

    /// <summary>All objects.</summary>
    public ObjectStore Objects { get; }

    /// <summary>The containers.</summary>
    public ContainerEngine Engine { get; }

    /// <summary>True from the end on: containers go on, nobody decides about them any more.</summary>
    internal bool IsStopping => _end.IsCancellationRequested || Engine.IsStopping;

    internal PodVolumes Volumes { get; }

    internal ImageActions Images { get; }

    internal string HostAddress { get; private set; } = "127.0.0.1";

    internal string HolderPath => HolderFile.PathIn(Engine.Services.Root);

    /// <summary>Loads the objects and, if there are any, goes on with them; containers are recovered before.</summary>
    /// <param name="engine">The containers.</param>
    /// <param name="state">Keeps the objects.</param>
    /// <param name="run">The run directory, which is in memory.</param>
    public static Orchestrator Open(ContainerEngine engine, IStateStore state, string run)
    {
        var box = SecretBox.Open($"{engine.Services.Root}/objects.key");
        var orchestrator = new Orchestrator(engine, new ObjectStore(state, box, engine.Services.Time), run);
        if (orchestrator.Objects.List("Namespace").Count > 0)
        {
            orchestrator.Begin();
        }
        return orchestrator;
    }

    /// <summary>Makes what there always is, at the first use, and begins to look after objects.</summary>
    public void Begin()
    {
        lock (_beginning)
        {
            if (!_begun)
            {
                BeginUnlocked();
                _begun = true;
            }
        }
    }

    private void BeginUnlocked()
    {
        HostAddress = OwnAddress();
        HolderFile.Make(HolderPath);
        foreach (string space in (ReadOnlySpan<string>)["default", "kube-system", "kube-public"])
        {
            MakeOnce(Doc.Map(
                ("apiVersion", Doc.Text("v1")), ("kind", Doc.Text("Namespace")),
                ("metadata", Doc.Map(("name", Doc.Text(space)), ("labels", Doc.Map(("kubernetes.io/metadata.name", Doc.Text(space))))))));
        }
        foreach (string handler in (ReadOnlySpan<string>)["container", "vm"])
        {
            MakeOnce(Doc.Map(
                ("apiVersion", Doc.Text("node.k8s.io/v1")), ("kind", Doc.Text("RuntimeClass")),
                ("metadata", Doc.Map(("name", Doc.Text(handler)))), ("handler", Doc.Text(handler))));
        }
        MakeNode();
        Dictionary<string, List<Workload>> found = [];
        foreach (Workload workload in Engine.List())
        {
            if (workload.Record.Config.Labels?.GetValueOrDefault(PodPlan.PodUid) is { Length: > 0 } uid && !workload.Record.IsOfPod)
            {
                (found.TryGetValue(uid, out List<Workload>? some) ? some : found[uid] = []).Add(workload);
            }
        }
        Objects.Changed = OnChange;
        foreach (KubernetesObject pod in Objects.List("Pod"))
        {
            var worker = new PodWorker(this, pod);
            worker.Adopt(pod, found.GetValueOrDefault(pod.Uid) ?? []);
            found.Remove(pod.Uid);
            lock (_lock)
            {
                _workers[pod.Uid] = worker;
            }
        }
        foreach (Workload stray in found.Values.SelectMany(some => some))
        {
            _ = RemoveStrayAsync(stray);
        }
        _loop = Task.Run(LoopAsync);
        _serviceLoop = Task.Run(ServiceLoopAsync);
        lock (_lock)
        {
            foreach (PodWorker? worker in _workers.Values)
            {
                worker?.Wake();
            }
        }
        foreach (ResourceKind kind in ResourceKind.All.Where(kind => IsControlled(kind.Kind)))
        {
            foreach (KubernetesObject one in Objects.List(kind))
            {
                _queue.Add(one.Key);
            }
        }
        TouchServices();
    }

    /// <summary>The worker of a pod.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: no such pod, or it is only being made.</exception>
    internal PodWorker WorkerOf(KubernetesObject pod)
    {
        lock (_lock)
        {
            return _workers.GetValueOrDefault(pod.Uid) ?? throw new CaissonException(ErrorKind.Unavailable, $"pod {pod.Name} is only being made; try again");
        }
    }

    /// <summary>The container of a pod, for its log, an exec or an attach.</summary>
    /// <param name="pod">The pod.</param>
    /// <param name="container">Its name; empty for the one that is meant by default.</param>
    /// <param name="previous">Of the run before.</param>
    /// <exception cref="CaissonException">There is no such container, or none was made yet.</exception>
    public Workload ContainerOf(KubernetesObject pod, string container, bool previous = false)
    {
        string name = container.Length > 0 ? container
            : pod.Annotation("kubectl.kubernetes.io/default-container") is { Length: > 0 } meant ? meant
            : pod.Spec.Field("containers").Items().First().Text("name");
        if (Kubernetes.Pods.PodLifecycle.Find(pod, name) is null)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"container {name} is not valid for pod {pod.Name}");
        }
        string id = WorkerOf(pod).ContainerOf(name, previous) ?? throw new CaissonException(
            ErrorKind.InvalidArgument,
            previous ? $"previous terminated container \"{name}\" in pod \"{pod.Name}\" not found" : $"container \"{name}\" in pod \"{pod.Name}\" is waiting to start");
        return Engine.Find(id);
    }

    /// <summary>The address that a pod has.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: it has none yet, or no more.</exception>
    public static string AddressOf(KubernetesObject pod) => pod.PodIP.Length > 0 ? pod.PodIP
        : throw new CaissonException(ErrorKind.FailedPrecondition, $"pod {pod.Name} has no address; it is {pod.Phase}");

    /// <summary>Takes a pod away on purpose, if its budgets allow it.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.ResourceExhausted"/>: a budget does not.</exception>
    public void Evict(KubernetesObject pod)
    {
        foreach (KubernetesObject budget in Objects.List("PodDisruptionBudget", pod.Namespace))
        {
            if (LabelSelector.Read(budget.Spec.Field("selector")).Fits(pod.Labels) && budget.Status.Whole("disruptionsAllowed") is not > 0 && pod.IsReady)
            {
                throw new CaissonException(ErrorKind.ResourceExhausted, "Cannot evict pod as it would violate the pod's disruption budget.");
            }
        }
        _ = Objects.Delete(pod.Key);
    }

    /// <summary>What pods use now: processor in cores, memory in bytes, by container.</summary>
    public IReadOnlyList<(string Container, decimal Cores, ulong MemoryBytes)> UsageOf(KubernetesObject pod)
    {
        List<(string, decimal, ulong)> all = [];
        foreach ((string name, string id) in WorkerOf(pod).Running)
        {
            if (Engine.Find(id).ReadUsage() is not { } usage)
            {
                continue;
            }
            DateTimeOffset now = Engine.Services.Time.GetUtcNow();
            decimal cores = 0;
            lock (_lock)
            {
                if (_usage.TryGetValue(id, out var before) && now > before.At)
                {
                    cores = (decimal)(usage.CpuTotalNs - before.CpuNs) / 1_000_000_000m / (decimal)(now - before.At).TotalSeconds;
                }
                else if (Engine.Find(id).Status.StartedAt is { } started && now > started)
                {
                    cores = usage.CpuTotalNs / 1_000_000_000m / (decimal)(now - started).TotalSeconds;
                }
                if (!_usage.ContainsKey(id) || now - before.At > TimeSpan.FromSeconds(5))
                {
                    _usage[id] = (usage.CpuTotalNs, now);
                }
            }
            all.Add((name, Math.Max(0, cores), usage.MemoryBytes - Math.Min(usage.MemoryBytes, usage.MemoryInactiveFileBytes)));
        }
        return all;
    }

    /// <summary>Lets go: controllers end, containers go on.</summary>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        Objects.Changed = null;
        PodWorker[] workers;
        lock (_lock)
        {
            workers = [.. _workers.Values.OfType<PodWorker>()];
        }
        foreach (PodWorker worker in workers)
        {
            worker.Leave();
        }
        await Task.WhenAll(_loop, _serviceLoop);
        _queue.Dispose();
        _end.Dispose();
    }

    internal PodPlan.Facts FactsFor(KubernetesObject pod, string address) => new(
        (kind, name) => Objects.Find(kind, pod.Namespace, name), kind => Objects.List(kind, pod.Namespace),
        NetworkOfPods(), address, HostAddress, Engine.Services.Facts.Processors, Engine.Services.Facts.MemoryBytes);

    private static bool IsControlled(string kind) =>
        kind is "Deployment" or "ReplicaSet" or "StatefulSet" or "DaemonSet" or "Job" or "CronJob" or "HorizontalPodAutoscaler" or "PodDisruptionBudget"
            or "ResourceQuota" or "PersistentVolumeClaim" or "Namespace";

    /// <summary>The network of pods, made at the first use: containers reach each other by the host, so that policies hold between them.</summary>
    private string NetworkOfPods()
    {
        lock (_lock)
        {
            if (!Engine.Services.Networks.List().Any(network => network.Name == NetworkName))
            {
                _ = Engine.Services.Networks.Create(new NetworkCreate
                {
                    Name = NetworkName,
                    Options = new Dictionary<string, string> { ["caisson.routed"] = "true", ["caisson.host_access"] = "true" },
                });
                TouchServices();
            }
            return NetworkName;
        }
    }

    private void OnChange(ObjectChange change)
    {
        KubernetesObject one = change.Object;
        if (IsControlled(one.Kind.Kind) && change.Type != "DELETED")
        {
            _queue.Add(one.Key);
        }
        if (one.Controller is { } owner && ResourceKind.Find(owner.Text("apiVersion"), owner.Text("kind")) is { } kind)
        {
            _queue.Add(new(kind.Stored, one.Namespace, owner.Text("name")));
        }
        switch (one.Kind.Kind)
        {
            case "Pod":
                OnPod(change);
                break;
            case "Service" or "NetworkPolicy":
                TouchServices();
                break;
            case "Namespace" when change.Before is null || !change.Before.Metadata.Field("labels").Same(one.Metadata.Field("labels")):
                TouchServices();
                break;
            case "ConfigMap" or "Secret" when change.Type == "MODIFIED":
                _ = Task.Run(() => RefreshFiles(one));
                break;
            case "PersistentVolumeClaim" when change.Type == "DELETED":
                _queue.Add(one.Key);
                break;
        }
        if (change.Type != "MODIFIED" && one.Namespace.Length > 0 && one.Kind.Kind is not ("Pod" or "Event" or "Endpoints"))
        {
            _queue.Add(new(ResourceKind.Of("ResourceQuota"), one.Namespace, "")); // it may be one that a quota counts
        }
        if (change.Type == "DELETED" && one.Namespace.Length > 0)
        {
            _queue.Add(new(ResourceKind.Of("Namespace"), "", one.Namespace));
        }
    }

    private void OnPod(ObjectChange change)
    {
        KubernetesObject pod = change.Object;
        PodWorker? worker;
        lock (_lock)
        {
            if (change.Type == "DELETED")
            {
                if (_workers.Remove(pod.Uid, out worker))
                {
                    worker?.Leave();
                }
            }
            else if (!_workers.TryGetValue(pod.Uid, out worker))
            {
                _workers[pod.Uid] = null; // it is made below, outside of the store's lock
            }
        }
        if (change.Type != "DELETED")
        {
            // Of a new pod the worker asks the store, whose lock this is called under.
            _ = Task.Run(() => WakeOrBegin(pod));
        }
        if (change.Before is not { } before || change.Type == "DELETED" || before.IsReady != pod.IsReady || before.PodIP != pod.PodIP || before.IsDeleting != pod.IsDeleting
            || before.IsFinished != pod.IsFinished || !before.Metadata.Field("labels").Same(pod.Metadata.Field("labels")))
        {
            TouchServices();
            _queue.Add(new(ResourceKind.Of("PodDisruptionBudget"), pod.Namespace, ""));
            _queue.Add(new(ResourceKind.Of("ResourceQuota"), pod.Namespace, ""));
        }
    }

    private void WakeOrBegin(KubernetesObject pod)
    {
        PodWorker? worker;
        lock (_lock)
        {
            if (!_workers.TryGetValue(pod.Uid, out worker))
            {
                return;
            }
        }
        if (worker is null)
        {
            var made = new PodWorker(this, pod); // asks the store, whose lock must not be waited for under ours
            lock (_lock)
            {
                if (!_workers.TryGetValue(pod.Uid, out worker))
                {
                    return;
                }
                _workers[pod.Uid] = worker ??= made;
            }
        }
        worker.Wake();
    }

    private async Task LoopAsync()
    {
        while (true)
        {
            ObjectKey key;
            try
            {
                key = await _queue.TakeAsync(_end.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            try
            {
                Reconcile(key);
            }
#pragma warning disable CA1031 // one object that nobody foresaw must not end the controllers of all others
            catch (Exception error)
#pragma warning restore CA1031
            {
                if (!IsStopping)
                {
                    Engine.Services.Log.Warn($"{key}: {(error is CaissonException ? error.Message : error.ToString())}");
                    _queue.AddAt(key, Engine.Services.Time.GetUtcNow() + TimeSpan.FromSeconds(2));
                }
            }
        }
    }

    private void Reconcile(ObjectKey key)
    {
        if (key.Name.Length == 0)
        {
            foreach (KubernetesObject each in Objects.List(key.Kind, key.Namespace))
            {
                _queue.Add(each.Key);
            }
            return;
        }
        KubernetesObject? one = Objects.Find(key);
        if (key.Kind.Kind == "PersistentVolumeClaim")
        {
            ReconcileClaim(key, one);
            return;
        }
        if (one is null)
        {
            return;
        }
        DateTimeOffset now = Engine.Services.Time.GetUtcNow();
        Decision? decision = key.Kind.Kind switch
        {
            "Deployment" => DeploymentController.Decide(one, Objects.ListOwned(one.Uid, "ReplicaSet"), now),
            "ReplicaSet" => ReplicaSetController.Decide(one, Objects.ListOwned(one.Uid, "Pod"), now),
            "StatefulSet" => StatefulSetController.Decide(one, Objects.ListOwned(one.Uid, "Pod"), name => Objects.Find("PersistentVolumeClaim", one.Namespace, name) is not null, now),
            "DaemonSet" => DaemonSetController.Decide(one, Objects.ListOwned(one.Uid, "Pod"), now),
            "Job" => JobController.Decide(one, Objects.ListOwned(one.Uid, "Pod"), now),
            "CronJob" => CronJobController.Decide(one, Objects.ListOwned(one.Uid, "Job"), now),
            "PodDisruptionBudget" => DecideBudget(one),
            _ => null,
        };
        if (decision is not null)
        {
            if (!Objects.Apply(decision.Actions))
            {
                _queue.AddAt(key, now + RetryDelay);
            }
            if (decision.Again is { } again)
            {
                _queue.AddAt(key, again);
            }
        }
        switch (key.Kind.Kind)
        {
            case "HorizontalPodAutoscaler":
                Autoscale(one, now);
                break;
            case "Namespace" when one.IsDeleting:
                Empty(one);
                break;
            case "ResourceQuota":
                CountQuota(one);
                break;
        }
    }

    private Decision DecideBudget(KubernetesObject budget)
    {
        LabelSelector selector = LabelSelector.Read(budget.Spec.Field("selector"));
        KubernetesObject[] pods = [.. Objects.List("Pod", budget.Namespace).Where(pod => selector.Fits(pod.Labels))];
        int expected = pods.Select(pod => pod.Controller).OfType<DocumentNode>().DistinctBy(owner => owner.Text("uid"))
            .Sum(owner => ResourceKind.Find(owner.Text("apiVersion"), owner.Text("kind")) is { } kind
                && Objects.Find(new(kind.Stored, budget.Namespace, owner.Text("name"))) is { } found ? (int)(found.Spec.Whole("replicas") ?? 1) : 0);
        return DisruptionBudget.Decide(budget, pods, expected);
    }

    private void CountQuota(KubernetesObject quota)
    {
        MappingNode used = Doc.Map(quota.Spec.Pairs("hard").Select(pair =>
            new KeyValuePair<string, string>(pair.Key, Quantity.Write(QuotaUse.Of(pair.Key, quota, kind => Objects.List(kind, quota.Namespace))))));
        _ = Objects.SetStatus(quota.Key, quota.Uid, Doc.Map(("hard", quota.Spec.Field("hard")), ("used", used)));
    }

    /// <summary>All that is in a namespace goes, and then itself.</summary>
    private void Empty(KubernetesObject space)
    {
        bool any = false;
        foreach (ResourceKind kind in ResourceKind.All.Where(kind => kind.Namespaced && kind.Stored == kind))
        {
            foreach (KubernetesObject one in Objects.List(kind, space.Name))
            {
                any = true;
                if (!one.IsDeleting)
                {
                    _ = Objects.Delete(one.Key);
                }
            }
        }
        if (!any || ResourceKind.All.Where(kind => kind.Namespaced).All(kind => Objects.List(kind, space.Name).Count == 0))
        {
            Objects.Remove(space.Key, space.Uid);
        }
    }

    private void ReconcileClaim(ObjectKey key, KubernetesObject? claim)
    {
        string name = PodVolumes.VolumeOf(key.Namespace, key.Name);
        if (claim is null)
        {
            if (Engine.Services.Volumes.TryFind(name) is not null)
            {
                try
                {
                    _ = Engine.Services.Volumes.Remove(name, force: false);
                }
                catch (CaissonException error) when (error.Kind is ErrorKind.Conflict)
                {
                    _queue.AddAt(key, Engine.Services.Time.GetUtcNow() + TimeSpan.FromSeconds(5)); // pods have it still
                }
            }
            return;
        }
        if (claim.Status.Text("phase") == "Bound")
        {
            return;
        }
        if (Engine.Services.Volumes.TryFind(name) is null)
        {
            VolumeRecord made = Engine.Services.Volumes.Create(new VolumeCreate
            {
                Name = name,
                Labels = new Dictionary<string, string> { ["io.kubernetes.pvc.name"] = key.Name, [PodPlan.PodNamespace] = key.Namespace },
            });
            File.SetUnixFileMode(Engine.Services.Volumes.DataPath(made.Name), (UnixFileMode)0x1FF); // whoever the program is may write, as on a fresh disk of a provisioner
        }
        _ = Objects.SetStatus(claim.Key, claim.Uid, Doc.Map(
            ("phase", Doc.Text("Bound")), ("accessModes", claim.Spec.Field("accessModes")),
            ("capacity", claim.Spec.At("resources", "requests"))));
    }

    private void Autoscale(KubernetesObject scaler, DateTimeOffset now)
    {
        DocumentNode? reference = scaler.Spec.Field("scaleTargetRef");
        _queue.AddAt(scaler.Key, now + TimeSpan.FromSeconds(15));
        ResourceKind? kind = ResourceKind.All.FirstOrDefault(one => one.Kind == reference.Text("kind") && one.HasScale);
        if (kind is null || Objects.Find(new(kind.Stored, scaler.Namespace, reference.Text("name"))) is not { } target)
        {
            SetScalerStatus(scaler, 0, null, $"the target {reference.Text("kind")}/{reference.Text("name")} was not found", now);
            return;
        }
        LabelSelector selector = LabelSelector.Read(target.Spec.Field("selector"));
        KubernetesObject[] pods = [.. Objects.List("Pod", scaler.Namespace).Where(pod => pod.IsActive && selector.Fits(pod.Labels))];
        int current = (int)(target.Spec.Whole("replicas") ?? 1);
        Dictionary<string, IReadOnlyList<(string Container, decimal Cores, ulong MemoryBytes)>> used = pods.Where(pod => pod.IsReady).ToDictionary(pod => pod.Uid, UsageOf);
        AutoscalerController.Result result = AutoscalerController.Decide(
            scaler, current,
            resource => [.. pods.Select(pod => new PodUsage(
                pod.IsReady,
                used.TryGetValue(pod.Uid, out var usage) && usage.Count > 0 ? usage.Sum(one => resource == "cpu" ? one.Cores : one.MemoryBytes) : null,
                pod.Spec.Field("containers").Items().Sum(container => Quantity.Parse(container.At("resources", "requests").Text(resource) is { Length: > 0 } text ? text : container.At("resources", "limits").Text(resource)))))],
            _recommendations.GetValueOrDefault(scaler.Uid) ?? [], now);
        _recommendations[scaler.Uid] = result.Memory;
        if (result.Replicas != current && current > 0)
        {
            _ = Objects.Update(target.With(Doc.Number(result.Replicas), "spec", "replicas"));
            Objects.Tell(scaler, "SuccessfulRescale", $"New size: {result.Replicas}; reason: {string.Join(", ", result.Utilization.Select(one => one.Percent is { } percent ? $"{one.Resource} utilization {percent}%" : $"{one.Resource} {Quantity.Write(one.Average)}"))}");
        }
        SetScalerStatus(scaler, current, result, result.Reason, now);
    }

    private void SetScalerStatus(KubernetesObject scaler, int current, AutoscalerController.Result? result, string? reason, DateTimeOffset now)
    {
        DocumentNode? before = scaler.Status;
        bool scaled = result is not null && current > 0 && result.Replicas != current;
        _ = Objects.SetStatus(scaler.Key, scaler.Uid, Doc.Map(
            ("observedGeneration", Doc.Number(scaler.Generation)),
            ("lastScaleTime", scaled ? Times.Node(now) : before.Field("lastScaleTime")),
            ("currentReplicas", Doc.Number(current)),
            ("desiredReplicas", Doc.Number(result?.Replicas ?? 0)),
            ("currentMetrics", result is null || result.Utilization.Count == 0 ? null : Doc.List(result.Utilization.Select(one => (DocumentNode)Doc.Map(
                ("type", Doc.Text("Resource")),
                ("resource", Doc.Map(
                    ("name", Doc.Text(one.Resource)),
                    ("current", Doc.Map(("averageValue", Doc.Text(Quantity.Write(Math.Round(one.Average, 3)))), ("averageUtilization", Doc.Number(one.Percent)))))))))),
            ("conditions", Doc.List([Doc.Map(
                ("type", Doc.Text("ScalingActive")), ("status", Doc.Text(reason is null ? "True" : "False")),
                ("reason", Doc.Text(reason is null ? "ValidMetricFound" : "FailedGetResourceMetric")),
                ("message", Doc.Text(reason ?? "the usage of the pods is known")))]))));
    }

    private void RefreshFiles(KubernetesObject source)
    {
        string field = source.Kind.Kind == "Secret" ? "secret" : "configMap";
        foreach (KubernetesObject pod in Objects.List("Pod", source.Namespace).Where(pod => !pod.IsDeleting && !pod.IsFinished))
        {
            bool uses = pod.Spec.Field("volumes").Items().Any(volume => volume.Field(field).Text(field == "secret" ? "secretName" : "name") == source.Name
                || volume.At("projected").Field("sources").Items().Any(one => one.Field(field).Text("name") == source.Name));
            if (!uses)
            {
                continue;
            }
            try
            {
                Volumes.Refresh(pod, FactsFor(pod, pod.PodIP));
            }
            catch (Exception error) when (error is CaissonException or IOException or UnauthorizedAccessException)
            {
                Engine.Services.Log.Warn($"{pod.Key}: write the files of {source.Key} anew: {error.Message}");
            }
        }
        RollOut(source);
    }

    /// <summary>The annotation by which the pods of a workload are made anew when a config map or a secret of theirs changes.</summary>
    public const string RollOnChange = "caisson.io/roll-on-change";

    private void RollOut(KubernetesObject source)
    {
        string field = source.Kind.Kind == "Secret" ? "secretName" : "name";
        foreach (KubernetesObject one in Objects.List("Deployment", source.Namespace).Concat(Objects.List("StatefulSet", source.Namespace)).Concat(Objects.List("DaemonSet", source.Namespace)))
        {
            if (one.Annotation(RollOnChange) == "true" && Mentions(one.Spec.At("template", "spec"), source, field))
            {
                string hash = PodFacts.HashOf(Doc.Map(("data", source.Tree["data"]), ("binaryData", source.Tree["binaryData"])));
                _ = Objects.Update(one.With(Doc.Text(hash), "spec", "template", "metadata", "annotations", $"caisson.io/{source.Kind.Singular}-{source.Name}"));
            }
        }
    }

    private static bool Mentions(DocumentNode? node, KubernetesObject source, string field)
    {
        bool isSecret = source.Kind.Kind == "Secret";
        return node switch
        {
            MappingNode mapping => mapping.Entries.Any(entry =>
                (entry.Key is "secret" or "secretRef" or "secretKeyRef" == isSecret && entry.Key is "secret" or "secretRef" or "secretKeyRef" or "configMap" or "configMapRef" or "configMapKeyRef"
                    && (entry.Value.Text("name") == source.Name || entry.Value.Text(field) == source.Name))
                || Mentions(entry.Value, source, field)),
            SequenceNode list => list.Items.Any(item => Mentions(item, source, field)),
            _ => false,
        };
    }

    private async Task RemoveStrayAsync(Workload stray)
    {
        try
        {
            await stray.RemoveAsync(force: true, volumes: true, CancellationToken.None);
        }
        catch (CaissonException error)
        {
            Engine.Services.Log.Warn($"container {stray.Record.Name} of a pod that is gone: {error.Message}");
        }
    }

    private void MakeOnce(MappingNode document)
    {
        ResourceKind kind = ResourceKind.Find(document.Text("apiVersion"), document.Text("kind"))!;
        var made = new KubernetesObject(kind, document);
        if (Objects.Find(made.Key) is null)
        {
            _ = Objects.Create(made);
        }
    }

    private void MakeNode()
    {
        HostFacts facts = Engine.Services.Facts;
        string name = "caisson";
        MappingNode capacity = Doc.Map(
            ("cpu", Doc.Text($"{facts.Processors}")), ("memory", Doc.Text($"{facts.MemoryBytes / 1024}Ki")), ("pods", Doc.Text("1000")));
        DateTimeOffset now = Engine.Services.Time.GetUtcNow();
        MappingNode status = Doc.Map(
            ("capacity", capacity), ("allocatable", capacity),
            ("conditions", Doc.List([Doc.Map(
                ("type", Doc.Text("Ready")), ("status", Doc.Text("True")), ("reason", Doc.Text("EngineReady")), ("message", Doc.Text("the engine runs")),
                ("lastHeartbeatTime", Times.Node(now)), ("lastTransitionTime", Times.Node(now)))])),
            ("addresses", Doc.List([
                Doc.Map(("type", Doc.Text("InternalIP")), ("address", Doc.Text(HostAddress))), Doc.Map(("type", Doc.Text("Hostname")), ("address", Doc.Text(facts.Hostname)))])),
            ("nodeInfo", Doc.Map(
                ("kernelVersion", Doc.Text(facts.KernelVersion)), ("osImage", Doc.Text(facts.OperatingSystem)), ("containerRuntimeVersion", Doc.Text("caisson://0.1.0")),
                ("kubeletVersion", Doc.Text("v1.30.0")), ("kubeProxyVersion", Doc.Text("v1.30.0")), ("operatingSystem", Doc.Text("linux")), ("architecture", Doc.Text(facts.Architecture)),
                ("machineID", Doc.Text("")), ("systemUUID", Doc.Text("")), ("bootID", Doc.Text("")))));
        MakeOnce(Doc.Map(
            ("apiVersion", Doc.Text("v1")), ("kind", Doc.Text("Node")),
            ("metadata", Doc.Map(
                ("name", Doc.Text(name)),
                ("labels", Doc.Map(
                    ("kubernetes.io/hostname", Doc.Text(name)), ("kubernetes.io/os", Doc.Text("linux")), ("kubernetes.io/arch", Doc.Text(facts.Architecture)),
                    ("node-role.kubernetes.io/control-plane", Doc.Text("")))))),
            ("spec", MappingNode.Empty)));
        _ = Objects.SetStatus(new(ResourceKind.Of("Node"), "", name), "", status);
    }

    /// <summary>The host's address on the way to the rest of the world; nothing is sent.</summary>
    private static string OwnAddress()
    {
        try
        {
            using var socket = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.InterNetwork, System.Net.Sockets.SocketType.Dgram, System.Net.Sockets.ProtocolType.Udp);
            socket.Connect(new System.Net.IPEndPoint(System.Net.IPAddress.Parse("192.0.2.1"), 9));
            return ((System.Net.IPEndPoint)socket.LocalEndPoint!).Address.ToString();
        }
        catch (System.Net.Sockets.SocketException)
        {
            return "127.0.0.1"; // a machine without a way out
        }
    }
}
