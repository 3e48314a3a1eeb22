using Caisson.Documents;
using Caisson.Kubernetes.Controllers;
using Caisson.Kubernetes.Objects;

namespace Caisson.Kubernetes.Pods;

/// <summary>What comes next in a pod's life. Pure. Source: Kubernetes, "Pod Lifecycle", "Init Containers", "Sidecar Containers".</summary>
public static class PodLifecycle
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LastDelay = TimeSpan.FromMinutes(5);

    /// <summary>A run this long makes the next restart immediate again.</summary>
    public static readonly TimeSpan GoodRun = TimeSpan.FromMinutes(10);

    /// <summary>What to do, and when to look again though nothing happens.</summary>
    /// <param name="Steps">In order; those for different containers may be done at once.</param>
    /// <param name="Again">Null for never.</param>
    public sealed record Result(IReadOnlyList<PodStep> Steps, DateTimeOffset? Again);

    /// <summary>Decides.</summary>
    public static Result Decide(KubernetesObject pod, PodObservation observed, DateTimeOffset now)
    {
        List<PodStep> steps = [];
        DateTimeOffset? again = null;
        void LookAgain(DateTimeOffset at) => again = again is null || at < again ? at : again;

        string[] mains = [.. Mains(pod).Select(container => container.Text("name"))];
        DocumentNode[] inits = [.. Inits(pod)];
        if (pod.IsDeleting || pod.IsFinished || PastDeadline(pod, now))
        {
            DateTimeOffset end = pod.Deleted ?? now + GraceOf(pod);
            bool any = StopAll(pod, observed, end > now ? end - now : TimeSpan.Zero, pod.IsDeleting ? "Stopping container" : "the pod has ended", steps);
            if (!any && !observed.SandboxStarting)
            {
                if (observed.HasSandbox)
                {
                    steps.Add(new PodStep.StopSandbox());
                }
                else if (pod.IsDeleting)
                {
                    steps.Add(new PodStep.Finish());
                }
            }
            return new(steps, again);
        }
        if (pod.Status.Field("startTime") is { } start && Deadline(pod) is { } seconds)
        {
            LookAgain((Times.Read(start.AsText()) ?? now).AddSeconds(seconds));
        }
        if (PhaseOf(pod, observed, now) is "Succeeded" or "Failed")
        {
            _ = StopAll(pod, observed, GraceOf(pod), "the pod has ended", steps);
            if (steps.Count == 0 && observed.HasSandbox && observed.Containers.Values.All(facts => !facts.IsAlive))
            {
                steps.Add(new PodStep.StopSandbox());
            }
            return new(steps, again);
        }
        if (!observed.HasSandbox)
        {
            // Containers of a sandbox that is gone have no network: they end, and all begins anew.
            foreach ((string name, ContainerFacts facts) in observed.Containers.Where(pair => pair.Value.IsAlive && !pair.Value.Stopping))
            {
                steps.Add(new PodStep.Stop(name, TimeSpan.Zero, "the sandbox of the pod has ended"));
            }
            if (steps.Count == 0 && !observed.SandboxStarting && observed.Containers.Values.All(facts => !facts.IsAlive))
            {
                DateTimeOffset at = observed.SandboxFailures == 0 ? now : observed.SandboxFailedAt + DelayAfter(observed.SandboxFailures);
                if (at <= now)
                {
                    steps.Add(new PodStep.StartSandbox());
                }
                else
                {
                    LookAgain(at);
                }
            }
            return new(steps, again);
        }

        foreach (DocumentNode init in inits)
        {
            string name = init.Text("name");
            ContainerFacts facts = observed.Of(name);
            StopIfUnwell(name, facts);
            if (IsSidecar(init))
            {
                StartIfDue(name, facts, "Always");
                if (!facts.Started)
                {
                    return new(steps, again);
                }
                continue;
            }
            if (facts.State == ContainerState.Exited && facts.End!.ExitCode == 0)
            {
                continue;
            }
            StartIfDue(name, facts, PolicyOf(pod) == "Never" ? "Never" : "OnFailure");
            return new(steps, again);
        }
        foreach (string name in mains)
        {
            ContainerFacts facts = observed.Of(name);
            StopIfUnwell(name, facts);
            StartIfDue(name, facts, PolicyOf(pod));
        }
        return new(steps, again);

        void StopIfUnwell(string name, ContainerFacts facts)
        {
            if (facts is { State: ContainerState.Running, Unwell: true, Stopping: false })
            {
                steps.Add(new PodStep.Stop(name, GraceOf(pod), $"Container {name} failed its probe, will be restarted"));
            }
        }

        void StartIfDue(string name, ContainerFacts facts, string policy)
        {
            DateTimeOffset at = now;
            if (facts.State == ContainerState.Exited)
            {
                if (!Restarts(policy, facts.End!.ExitCode))
                {
                    return;
                }
                at = facts.End.FinishedAt + DelayAfter(facts.Streak);
            }
            else if (facts.State != ContainerState.Absent)
            {
                return;
            }
            if (facts.Failures > 0)
            {
                DateTimeOffset retry = facts.FailedAt + DelayAfter(facts.Failures);
                at = retry > at ? retry : at;
            }
            if (at <= now)
            {
                steps.Add(new PodStep.Start(name, facts.State == ContainerState.Exited ? facts.Restarts + 1 : facts.Restarts));
            }
            else
            {
                LookAgain(at);
            }
        }
    }

    /// <summary>Where a pod is in its life.</summary>
    public static string PhaseOf(KubernetesObject pod, PodObservation observed, DateTimeOffset now)
    {
        if (pod.IsFinished)
        {
            return pod.Phase;
        }
        if (PastDeadline(pod, now))
        {
            return "Failed";
        }
        string policy = PolicyOf(pod);
        foreach (DocumentNode init in Inits(pod).Where(init => !IsSidecar(init)))
        {
            ContainerFacts facts = observed.Of(init.Text("name"));
            if (facts.State == ContainerState.Exited && facts.End!.ExitCode != 0 && policy == "Never")
            {
                return "Failed";
            }
        }
        ContainerFacts[] mains = [.. Mains(pod).Select(container => observed.Of(container.Text("name")))];
        if (mains.All(facts => facts.State == ContainerState.Exited && !Restarts(policy, facts.End!.ExitCode)))
        {
            return mains.All(facts => facts.End!.ExitCode == 0) ? "Succeeded" : "Failed";
        }
        return mains.All(facts => facts.State is ContainerState.Running or ContainerState.Exited || facts.Restarts > 0 || facts.LastEnd is not null) ? "Running" : "Pending";
    }

    /// <summary>How long a restart waits that comes after <paramref name="streak"/> others in a row: the first not at all.</summary>
    public static TimeSpan DelayAfter(int streak) =>
        streak <= 0 ? TimeSpan.Zero : streak > 5 ? LastDelay : TimeSpan.FromTicks(Math.Min(LastDelay.Ticks, FirstDelay.Ticks << (streak - 1)));

    /// <summary>Whether all init containers are done.</summary>
    public static bool IsInitialized(KubernetesObject pod, PodObservation observed) => Inits(pod).All(init => IsSidecar(init)
        ? observed.Of(init.Text("name")).Started
        : observed.Of(init.Text("name")) is { State: ContainerState.Exited, End.ExitCode: 0 });

    /// <summary>Its containers but those that prepare.</summary>
    public static IEnumerable<DocumentNode> Mains(KubernetesObject pod) => pod.Spec.Field("containers").Items();

    /// <summary>Those that prepare, and sidecars.</summary>
    public static IEnumerable<DocumentNode> Inits(KubernetesObject pod) => pod.Spec.Field("initContainers").Items();

    /// <summary>An init container that runs beside the others.</summary>
    public static bool IsSidecar(DocumentNode init) => init.Text("restartPolicy") == "Always";

    /// <summary>The container of a name; null when there is none.</summary>
    public static DocumentNode? Find(KubernetesObject pod, string name) => Inits(pod).Concat(Mains(pod)).FirstOrDefault(container => container.Text("name") == name);

    /// <summary>How long its containers may take to end.</summary>
    public static TimeSpan GraceOf(KubernetesObject pod) => TimeSpan.FromSeconds(pod.Spec.Whole("terminationGracePeriodSeconds") ?? 30);

    internal static bool PastDeadline(KubernetesObject pod, DateTimeOffset now) =>
        Deadline(pod) is { } seconds && Times.Read(pod.Status.Text("startTime")) is { } start && start.AddSeconds(seconds) <= now;

    private static long? Deadline(KubernetesObject pod) => pod.Spec.Whole("activeDeadlineSeconds");

    private static string PolicyOf(KubernetesObject pod) => pod.Spec.Text("restartPolicy") is { Length: > 0 } policy ? policy : "Always";

    private static bool Restarts(string policy, int exitCode) => policy == "Always" || (policy == "OnFailure" && exitCode != 0);

    /// <summary>Sidecars go after those they serve, the last first.</summary>
    /// <returns>Whether any is left that lives.</returns>
    private static bool StopAll(KubernetesObject pod, PodObservation observed, TimeSpan grace, string why, List<PodStep> steps)
    {
        HashSet<string> sidecars = [.. Inits(pod).Where(IsSidecar).Select(init => init.Text("name"))];
        string[] first = [.. observed.Containers.Where(pair => pair.Value.IsAlive && !sidecars.Contains(pair.Key)).Select(pair => pair.Key)];
        string[] then = [.. Inits(pod).Where(IsSidecar).Select(init => init.Text("name")).Where(name => observed.Of(name).IsAlive).Reverse()];
        string[] now = first.Length > 0 ? first : [.. then.Take(1)];
        foreach (string name in now.Where(name => observed.Of(name) is { State: ContainerState.Running, Stopping: false }))
        {
            steps.Add(new PodStep.Stop(name, grace, why));
        }
        return now.Length > 0;
    }
}
