using Caisson.Documents;

namespace Caisson.Kubernetes.Pods;

/// <summary>What probes of one kind have said of a run. Immutable.</summary>
/// <param name="Last">When the last one ended; null before the first.</param>
/// <param name="Successes">In a row.</param>
/// <param name="Failures">In a row.</param>
/// <param name="Passed">What counts: changes only when enough in a row say so. Null before anything counts.</param>
public sealed record ProbeState(DateTimeOffset? Last, int Successes, int Failures, bool? Passed)
{
    /// <summary>Of a run that begins.</summary>
    public static ProbeState First { get; } = new(null, 0, 0, null);
}

/// <summary>When a probe is due, and what its outcome means. Pure. Source: Kubernetes, "Configure Probes".</summary>
public static class ProbeDecision
{
    /// <summary>When the next one begins.</summary>
    public static DateTimeOffset Due(DocumentNode probe, ProbeState state, DateTimeOffset started) =>
        state.Last is { } last
            ? last.AddSeconds(Math.Max(1, probe.Whole("periodSeconds") ?? 10))
            : started.AddSeconds(probe.Whole("initialDelaySeconds") ?? 0);

    /// <summary>How long one may take.</summary>
    public static TimeSpan Timeout(DocumentNode probe) => TimeSpan.FromSeconds(Math.Max(1, probe.Whole("timeoutSeconds") ?? 1));

    /// <summary>The state after an outcome.</summary>
    public static ProbeState After(DocumentNode probe, ProbeState before, bool success, DateTimeOffset now)
    {
        int successes = success ? before.Successes + 1 : 0;
        int failures = success ? 0 : before.Failures + 1;
        bool? passed = successes >= (probe.Whole("successThreshold") ?? 1) ? true
            : failures >= (probe.Whole("failureThreshold") ?? 3) ? false
            : before.Passed;
        return new(now, successes, failures, passed);
    }
}
