using Caisson.Documents;
using Caisson.Kubernetes.Objects;

namespace Caisson.Kubernetes.Controllers;

/// <summary>How many pods of a budget may be taken away on purpose now. Pure. Source: Kubernetes, "Specifying a Disruption Budget".</summary>
public static class DisruptionBudget
{
    /// <summary>Decides.</summary>
    /// <param name="budget">What is asked for.</param>
    /// <param name="pods">Those that its selector fits.</param>
    /// <param name="expected">How many their owners ask for together.</param>
    public static Decision Decide(KubernetesObject budget, IReadOnlyList<KubernetesObject> pods, int expected)
    {
        var decision = new Decision();
        int healthy = pods.Count(pod => pod.IsReady && !pod.IsFinished);
        int total = Math.Max(expected, pods.Count(pod => pod.IsActive));
        int needed = budget.Spec.Field("maxUnavailable") is not null && Share.TryParse(budget.Spec.Text("maxUnavailable"), out Share most)
            ? Math.Max(0, total - most.Of(total, up: true))
            : Share.TryParse(budget.Spec.Text("minAvailable"), out Share least) ? least.Of(total, up: true) : 1;
        decision.SetStatus(budget, Doc.Map(
            ("observedGeneration", Doc.Number(budget.Generation)),
            ("disruptionsAllowed", Doc.Number(Math.Max(0, healthy - needed))),
            ("currentHealthy", Doc.Number(healthy)),
            ("desiredHealthy", Doc.Number(needed)),
            ("expectedPods", Doc.Number(total))));
        return decision;
    }
}
