using System.Globalization;

using Caisson.Documents;
using Caisson.Kubernetes.Objects;
using Caisson.Kubernetes.Schema;

namespace Caisson.Kubernetes.Controllers;

/// <summary>Pods with names of their own, made in order and taken away in reverse. Pure. Source: Kubernetes, "StatefulSets".</summary>
public static class StatefulSetController
{
    /// <summary>Decides.</summary>
    /// <param name="set">What is asked for.</param>
    /// <param name="pods">Those that it manages.</param>
    /// <param name="hasClaim">Whether there is a claim of a name in the set's namespace.</param>
    /// <param name="now">The time.</param>
    public static Decision Decide(KubernetesObject set, IReadOnlyList<KubernetesObject> pods, Func<string, bool> hasClaim, DateTimeOffset now)
    {
        var decision = new Decision();
        if (set.IsDeleting)
        {
            return decision;
        }
        DocumentNode? spec = set.Spec;
        int wanted = (int)(spec.Whole("replicas") ?? 1);
        int start = (int)(spec.Field("ordinals").Whole("start") ?? 0);
        long minReady = spec.Whole("minReadySeconds") ?? 0;
        bool ordered = spec.Text("podManagementPolicy") != "Parallel";
        string revision = PodFacts.HashOf(spec.Field("template"));
        Dictionary<int, KubernetesObject> byOrdinal = [];
        foreach (KubernetesObject pod in pods)
        {
            if (OrdinalOf(set, pod) is { } ordinal)
            {
                byOrdinal[ordinal] = pod;
            }
        }

        // One that came back as it was before an update was finished keeps that template: only an update changes it.
        long partition = spec.At("updateStrategy", "rollingUpdate").Whole("partition") ?? 0;
        bool whole = Build();
        if (whole && Shrink() && spec.At("updateStrategy", "type").AsText() != "OnDelete")
        {
            Renew();
        }
        SetStatus();
        return decision;

        // Lower ones first; with an order, each waits for the one before it.
        bool Build()
        {
            for (int ordinal = start; ordinal < start + wanted; ordinal++)
            {
                if (!byOrdinal.TryGetValue(ordinal, out KubernetesObject? pod))
                {
                    MakePod(ordinal);
                    if (ordered)
                    {
                        return false;
                    }
                }
                else if (pod.IsFinished && !pod.IsDeleting)
                {
                    decision.Add(new ClusterAction.Delete(pod)); // its name must be free before it can be made again
                    if (ordered)
                    {
                        return false;
                    }
                }
                else if (ordered && (pod.IsDeleting || !pod.IsAvailable(minReady, now, decision)))
                {
                    // A broken one of an old template is let go below, or the update could never mend it.
                    return !pod.IsDeleting && pod.Labels.GetValueOrDefault(PodFacts.RevisionHash) != revision && ordinal >= partition && RenewBroken(pod);
                }
            }
            return true;
        }

        bool RenewBroken(KubernetesObject pod)
        {
            if (!pod.IsReady && spec.At("updateStrategy", "type").AsText() != "OnDelete" && byOrdinal.Values.All(other => !other.IsDeleting))
            {
                decision.Add(new ClusterAction.Delete(pod));
            }
            return false;
        }

        bool Shrink()
        {
            KubernetesObject[] beyond = [.. byOrdinal.Where(pair => pair.Key >= start + wanted || pair.Key < start).OrderByDescending(pair => pair.Key).Select(pair => pair.Value)];
            if (ordered)
            {
                if (beyond.Length > 0 && !beyond[0].IsDeleting && byOrdinal.Values.All(pod => !pod.IsDeleting))
                {
                    decision.Add(new ClusterAction.Delete(beyond[0]));
                    decision.Tell(set, "SuccessfulDelete", $"delete Pod {beyond[0].Name} in StatefulSet {set.Name} successful");
                }
                return beyond.Length == 0;
            }
            foreach (KubernetesObject pod in beyond.Where(pod => !pod.IsDeleting))
            {
                decision.Add(new ClusterAction.Delete(pod));
            }
            return beyond.Length == 0;
        }

        // From the highest to the partition, one at a time, each only when all are well.
        void Renew()
        {
            for (int ordinal = start + wanted - 1; ordinal >= start + partition; ordinal--)
            {
                if (!byOrdinal.TryGetValue(ordinal, out KubernetesObject? pod))
                {
                    return;
                }
                bool isNew = pod.Labels.GetValueOrDefault(PodFacts.RevisionHash) == revision;
                if (!isNew && !pod.IsDeleting)
                {
                    decision.Add(new ClusterAction.Delete(pod));
                    return;
                }
                if (pod.IsDeleting || !pod.IsAvailable(minReady, now, decision))
                {
                    return;
                }
            }
        }

        void MakePod(int ordinal)
        {
            string name = NameOf(set, ordinal);
            List<DocumentNode> volumes = [.. spec.At("template", "spec").Field("volumes").Items()];
            foreach (DocumentNode claim in spec.Field("volumeClaimTemplates").Items())
            {
                string title = claim.At("metadata").Text("name");
                string claimName = $"{title}-{name}";
                volumes.RemoveAll(volume => volume.Text("name") == title);
                volumes.Add(Doc.Map(("name", Doc.Text(title)), ("persistentVolumeClaim", Doc.Map(("claimName", Doc.Text(claimName))))));
                if (!hasClaim(claimName))
                {
                    decision.Add(new ClusterAction.Create(MakeClaim(set, claim, claimName)));
                }
            }
            MappingNode template = (MappingNode)spec.Field("template")!;
            if (volumes.Count > 0)
            {
                template = template.Set(Doc.List(volumes), "spec", "volumes");
            }
            template = template.Set(Doc.Text(name), "spec", "hostname");
            if (spec.Text("serviceName") is { Length: > 0 } service)
            {
                template = template.Set(Doc.Text(service), "spec", "subdomain");
            }
            decision.Add(new ClusterAction.Create(PodFacts.Make(
                set, template, name,
                [
                    new(PodFacts.RevisionHash, revision),
                    new("statefulset.kubernetes.io/pod-name", name),
                    new("apps.kubernetes.io/pod-index", ordinal.ToString(CultureInfo.InvariantCulture)),
                ])));
            decision.Tell(set, "SuccessfulCreate", $"create Pod {name} in StatefulSet {set.Name} successful");
        }

        void SetStatus()
        {
            KubernetesObject[] there = [.. byOrdinal.Values.Where(pod => pod.IsActive)];
            int updated = there.Count(pod => pod.Labels.GetValueOrDefault(PodFacts.RevisionHash) == revision);
            bool done = updated == there.Length && there.Length == wanted;
            string current = done || set.Status.Text("currentRevision").Length == 0 ? $"{set.Name}-{revision}" : set.Status.Text("currentRevision");
            decision.SetStatus(set, Doc.Map(
                ("observedGeneration", Doc.Number(set.Generation)),
                ("replicas", Doc.Number(there.Length)),
                ("readyReplicas", Doc.Number(there.Count(pod => pod.IsReady))),
                ("availableReplicas", Doc.Number(there.Count(pod => pod.IsAvailable(minReady, now, decision)))),
                ("currentReplicas", Doc.Number(done ? wanted : there.Count(pod => $"{set.Name}-{pod.Labels.GetValueOrDefault(PodFacts.RevisionHash)}" == current))),
                ("updatedReplicas", Doc.Number(updated)),
                ("currentRevision", Doc.Text(current)),
                ("updateRevision", Doc.Text($"{set.Name}-{revision}")),
                ("collisionCount", Doc.Number(0))));
        }
    }

    /// <summary>The number in the name of one of its pods; null for a name that is none.</summary>
    public static int? OrdinalOf(KubernetesObject set, KubernetesObject pod) =>
        pod.Name.StartsWith(set.Name + "-", StringComparison.Ordinal)
        && int.TryParse(pod.Name.AsSpan(set.Name.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int ordinal) ? ordinal : null;

    private static string NameOf(KubernetesObject set, int ordinal) => string.Create(CultureInfo.InvariantCulture, $"{set.Name}-{ordinal}");

    private static KubernetesObject MakeClaim(KubernetesObject set, DocumentNode claim, string name) => new(
        ResourceKind.Of("PersistentVolumeClaim"),
        Doc.Map(
            ("apiVersion", Doc.Text("v1")), ("kind", Doc.Text("PersistentVolumeClaim")),
            ("metadata", Doc.Map(
                ("name", Doc.Text(name)), ("namespace", Doc.Text(set.Namespace)),
                ("labels", Doc.Map(claim.At("metadata").Pairs("labels").Concat(set.Spec.At("selector").Pairs("matchLabels")).DistinctBy(pair => pair.Key))))),
            ("spec", claim.Field("spec"))));
}
