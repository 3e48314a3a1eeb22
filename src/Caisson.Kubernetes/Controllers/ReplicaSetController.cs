using Caisson.Documents;
using Caisson.Kubernetes.Objects;

namespace Caisson.Kubernetes.Controllers;

/// <summary>Keeps as many pods as a replica set asks for. Pure. Source: Kubernetes, "ReplicaSet".</summary>
public static class ReplicaSetController
{
    /// <summary>How many pods one look makes or deletes at most, so that a mistake is seen before it is a thousand.</summary>
    private const int BurstMax = 500;

    /// <summary>Decides.</summary>
    /// <param name="set">What is asked for.</param>
    /// <param name="pods">Those that it manages.</param>
    /// <param name="now">The time.</param>
    public static Decision Decide(KubernetesObject set, IReadOnlyList<KubernetesObject> pods, DateTimeOffset now)
    {
        var decision = new Decision();
        KubernetesObject[] active = [.. pods.Where(pod => pod.IsActive)];
        long minReady = set.Spec.Whole("minReadySeconds") ?? 0;
        if (!set.IsDeleting)
        {
            int wanted = (int)(set.Spec.Whole("replicas") ?? 1);
            for (int i = active.Length; i < Math.Min(wanted, active.Length + BurstMax); i++)
            {
                decision.Add(new ClusterAction.Create(PodFacts.Make(set, set.Spec.Field("template"), "")));
            }
            if (active.Length > wanted)
            {
                foreach (KubernetesObject pod in active.Order(Comparer<KubernetesObject>.Create((one, other) => Dispensable(one, other, now))).Take(Math.Min(active.Length - wanted, BurstMax)))
                {
                    decision.Add(new ClusterAction.Delete(pod));
                    decision.Tell(set, "SuccessfulDelete", $"Deleted pod: {pod.Name}");
                }
            }
            foreach (KubernetesObject failed in pods.Where(pod => pod.IsFinished && !pod.IsDeleting))
            {
                decision.Add(new ClusterAction.Delete(failed)); // evicted or past its deadline: another one takes its place
            }
        }
        decision.SetStatus(set, Doc.Map(
            ("replicas", Doc.Number(active.Length)),
            ("fullyLabeledReplicas", Doc.Number(active.Length)),
            ("readyReplicas", Doc.Number(active.Count(pod => pod.IsReady))),
            ("availableReplicas", Doc.Number(active.Count(pod => pod.IsAvailable(minReady, now, decision)))),
            ("observedGeneration", Doc.Number(set.Generation))));
        return decision;
    }

    /// <summary>Who goes first: what does not run, then what is not ready, then what is ready for the shortest time, then the youngest.</summary>
    private static int Dispensable(KubernetesObject one, KubernetesObject other, DateTimeOffset now)
    {
        int order = (one.Phase == "Running").CompareTo(other.Phase == "Running");
        order = order != 0 ? order : one.IsReady.CompareTo(other.IsReady);
        order = order != 0 ? order : (other.ReadySince ?? now).CompareTo(one.ReadySince ?? now);
        order = order != 0 ? order : other.Created.CompareTo(one.Created);
        return order != 0 ? order : string.CompareOrdinal(other.Name, one.Name);
    }
}
