using Caisson.Documents;
using Caisson.Kubernetes.Objects;

namespace Caisson.Kubernetes.Controllers;

/// <summary>One pod for each node, and there is one node. Pure. Source: Kubernetes, "DaemonSet".</summary>
public static class DaemonSetController
{
    /// <summary>Decides.</summary>
    /// <param name="set">What is asked for.</param>
    /// <param name="pods">Those that it manages.</param>
    /// <param name="now">The time.</param>
    public static Decision Decide(KubernetesObject set, IReadOnlyList<KubernetesObject> pods, DateTimeOffset now)
    {
        var decision = new Decision();
        if (set.IsDeleting)
        {
            return decision;
        }
        string revision = PodFacts.HashOf(set.Spec.Field("template"));
        KubernetesObject[] living = [.. pods.Where(pod => !pod.IsDeleting)];
        if (pods.Count == 0)
        {
            decision.Add(new ClusterAction.Create(PodFacts.Make(set, set.Spec.Field("template"), "", [new(PodFacts.RevisionHash, revision)])));
        }
        foreach (KubernetesObject pod in living)
        {
            bool isOld = pod.Labels.GetValueOrDefault(PodFacts.RevisionHash) != revision && set.Spec.At("updateStrategy", "type").AsText() != "OnDelete";
            if (pod.IsFinished || isOld || pod != living[0])
            {
                decision.Add(new ClusterAction.Delete(pod));
            }
        }
        KubernetesObject? one = living.FirstOrDefault(pod => pod.IsActive);
        bool available = one?.IsAvailable(set.Spec.Whole("minReadySeconds") ?? 0, now, decision) == true;
        decision.SetStatus(set, Doc.Map(
            ("currentNumberScheduled", Doc.Number(one is null ? 0 : 1)),
            ("numberMisscheduled", Doc.Number(0)),
            ("desiredNumberScheduled", Doc.Number(1)),
            ("numberReady", Doc.Number(one?.IsReady == true ? 1 : 0)),
            ("observedGeneration", Doc.Number(set.Generation)),
            ("updatedNumberScheduled", Doc.Number(one?.Labels.GetValueOrDefault(PodFacts.RevisionHash) == revision ? 1 : 0)),
            ("numberAvailable", Doc.Number(available ? 1 : 0)),
            ("numberUnavailable", Doc.Number(available ? 0 : 1))));
        return decision;
    }
}
