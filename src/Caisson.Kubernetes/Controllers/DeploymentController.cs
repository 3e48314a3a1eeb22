using System.Globalization;

using Caisson.Documents;
using Caisson.Kubernetes.Objects;
using Caisson.Kubernetes.Schema;

namespace Caisson.Kubernetes.Controllers;

/// <summary>Moves pods from old templates to the new one, never more and never fewer than allowed. Pure. Source: Kubernetes, "Deployments".</summary>
public static class DeploymentController
{
    /// <summary>The number of a template in a deployment's history.</summary>
    public const string Revision = "deployment.kubernetes.io/revision";

    /// <summary>Set to <c>true</c> on a deployment: an update that passes its progress deadline is taken back.</summary>
    public const string AutomaticRollback = "caisson.io/rollback-on-failure";

    /// <summary>Decides.</summary>
    /// <param name="deployment">What is asked for.</param>
    /// <param name="sets">The replica sets that it manages.</param>
    /// <param name="now">The time.</param>
    public static Decision Decide(KubernetesObject deployment, IReadOnlyList<KubernetesObject> sets, DateTimeOffset now)
    {
        var decision = new Decision();
        if (deployment.IsDeleting)
        {
            return decision;
        }
        string hash = PodFacts.HashOf(deployment.Spec.Field("template"));
        KubernetesObject? current = sets.FirstOrDefault(set => !set.IsDeleting && set.Labels.GetValueOrDefault(PodFacts.TemplateHash) == hash);
        KubernetesObject[] old = [.. sets.Where(set => set != current && !set.IsDeleting).OrderBy(set => set.Created).ThenBy(set => set.Name, StringComparer.Ordinal)];
        var numbers = Numbers.Of(deployment);
        bool paused = deployment.Spec.Flag("paused");

        long newest = old.Select(RevisionOf).DefaultIfEmpty(0).Max();
        if (current is null)
        {
            if (!paused)
            {
                KubernetesObject made = MakeSet(deployment, hash, newest + 1, First(numbers, old));
                decision.Add(new ClusterAction.Create(made));
                decision.Tell(deployment, "ScalingReplicaSet", string.Create(CultureInfo.InvariantCulture, $"Scaled up replica set {made.Name} to {Wanted(made)}"));
                decision.Add(new ClusterAction.Update(WithAnnotation(deployment, Revision, (newest + 1).ToString(CultureInfo.InvariantCulture))));
            }
        }
        else
        {
            long revision = Math.Max(RevisionOf(current), newest + 1);
            if (RevisionOf(current) != revision || deployment.Annotation(Revision) != revision.ToString(CultureInfo.InvariantCulture))
            {
                string text = revision.ToString(CultureInfo.InvariantCulture);
                current = WithAnnotation(current, Revision, text);
                decision.Add(new ClusterAction.Update(current));
                decision.Add(new ClusterAction.Update(WithAnnotation(deployment, Revision, text)));
            }
            else if (paused)
            {
                ScaleAlone(decision, deployment, current, old, numbers);
            }
            else if (numbers.Recreate)
            {
                Recreate(decision, deployment, current, old, numbers);
            }
            else
            {
                Roll(decision, deployment, current, old, numbers);
            }
            CleanUp(decision, deployment, old);
        }
        SetStatus(decision, deployment, current, old, numbers, now, paused);
        return decision;
    }

    /// <summary>The revision that an annotation says; 0 for none.</summary>
    public static long RevisionOf(KubernetesObject set) =>
        long.TryParse(set.Annotation(Revision), NumberStyles.None, CultureInfo.InvariantCulture, out long revision) ? revision : 0;

    /// <summary>The deployment with the template of an earlier set.</summary>
    public static KubernetesObject RollBack(KubernetesObject deployment, KubernetesObject to)
    {
        MappingNode template = (MappingNode)to.Spec.Field("template")!;
        DocumentNode? labels = (template.At("metadata", "labels") as MappingNode)?.Without(PodFacts.TemplateHash);
        return deployment.With(template.Set(labels, "metadata", "labels"), "spec", "template");
    }

    private readonly record struct Numbers(int Replicas, int Surge, int Unavailable, bool Recreate)
    {
        public static Numbers Of(KubernetesObject deployment)
        {
            int replicas = (int)(deployment.Spec.Whole("replicas") ?? 1);
            DocumentNode? rolling = deployment.Spec.At("strategy", "rollingUpdate");
            int surge = Share.TryParse(rolling.Field("maxSurge") is null ? "25%" : rolling.Text("maxSurge"), out Share some) ? some.Of(replicas, up: true) : 1;
            int unavailable = Share.TryParse(rolling.Field("maxUnavailable") is null ? "25%" : rolling.Text("maxUnavailable"), out some) ? some.Of(replicas, up: false) : 0;
            if (surge == 0 && unavailable == 0)
            {
                unavailable = 1; // shares of few pods may both come to nothing
            }
            return new(replicas, surge, Math.Min(unavailable, replicas), deployment.Spec.At("strategy", "type").AsText() == "Recreate");
        }
    }

    private static int Wanted(KubernetesObject set) => (int)(set.Spec.Whole("replicas") ?? 0);

    private static int Observed(KubernetesObject set, string field) => (int)(set.Status.Whole(field) ?? 0);

    /// <summary>How many pods the first set of a template begins with.</summary>
    private static int First(Numbers numbers, KubernetesObject[] old)
    {
        int others = old.Sum(Wanted);
        return numbers.Recreate
            ? old.Any(set => Wanted(set) > 0 || Observed(set, "replicas") > 0) ? 0 : numbers.Replicas
            : Math.Clamp(numbers.Replicas + numbers.Surge - others, 0, numbers.Replicas);
    }

    private static void Roll(Decision decision, KubernetesObject deployment, KubernetesObject current, KubernetesObject[] old, Numbers numbers)
    {
        int oldWanted = old.Sum(Wanted);
        int total = Wanted(current) + oldWanted;
        if (Wanted(current) > numbers.Replicas)
        {
            Scale(decision, deployment, current, numbers.Replicas);
            return;
        }
        int room = numbers.Replicas + numbers.Surge - total;
        if (Wanted(current) < numbers.Replicas && room > 0)
        {
            Scale(decision, deployment, current, Math.Min(numbers.Replicas, Wanted(current) + room));
            return;
        }
        if (oldWanted == 0)
        {
            return;
        }

        // What of the new ones is not there yet must not be counted on.
        int least = numbers.Replicas - numbers.Unavailable;
        int missing = Wanted(current) - Observed(current, "availableReplicas");
        int free = total - least - missing;
        Dictionary<KubernetesObject, int> left = old.ToDictionary(set => set, Wanted);
        foreach (KubernetesObject set in old)
        {
            // Those that do not serve go first.
            int broken = Math.Max(0, left[set] - Observed(set, "availableReplicas"));
            int take = Math.Clamp(free, 0, broken);
            left[set] -= take;
            free -= take;
        }
        int available = Observed(current, "availableReplicas") + old.Sum(set => Math.Min(left[set], Observed(set, "availableReplicas")));
        int spare = available - least;
        foreach (KubernetesObject set in old)
        {
            int take = Math.Clamp(Math.Min(spare, free), 0, left[set]);
            left[set] -= take;
            spare -= take;
            free -= take;
        }
        foreach (KubernetesObject set in old.Where(set => left[set] != Wanted(set)))
        {
            Scale(decision, deployment, set, left[set]);
        }
    }

    private static void Recreate(Decision decision, KubernetesObject deployment, KubernetesObject current, KubernetesObject[] old, Numbers numbers)
    {
        foreach (KubernetesObject set in old.Where(set => Wanted(set) > 0))
        {
            Scale(decision, deployment, set, 0);
        }
        if (old.All(set => Wanted(set) == 0 && Observed(set, "replicas") == 0 && Observed(set, "terminatingReplicas") == 0) && Wanted(current) != numbers.Replicas)
        {
            Scale(decision, deployment, current, numbers.Replicas);
        }
    }

    /// <summary>While an update is paused, the number of pods still follows what is asked for: by the set that has most.</summary>
    private static void ScaleAlone(Decision decision, KubernetesObject deployment, KubernetesObject current, KubernetesObject[] old, Numbers numbers)
    {
        int more = numbers.Replicas - Wanted(current) - old.Sum(Wanted);
        KubernetesObject largest = old.Append(current).MaxBy(Wanted)!;
        if (more != 0)
        {
            Scale(decision, deployment, largest, Math.Max(0, Wanted(largest) + more));
        }
    }

    private static void Scale(Decision decision, KubernetesObject deployment, KubernetesObject set, int to)
    {
        if (Wanted(set) == to)
        {
            return;
        }
        decision.Add(new ClusterAction.Update(set.With(Doc.Number(to), "spec", "replicas")));
        decision.Tell(deployment, "ScalingReplicaSet", string.Create(
            CultureInfo.InvariantCulture, $"Scaled {(to > Wanted(set) ? "up" : "down")} replica set {set.Name} to {to}"));
    }

    private static KubernetesObject MakeSet(KubernetesObject deployment, string hash, long revision, int replicas)
    {
        MappingNode template = (MappingNode)deployment.Spec.Field("template")!;
        MappingNode selector = deployment.Spec.Field("selector") as MappingNode ?? MappingNode.Empty;
        MappingNode labels = template.At("metadata", "labels") as MappingNode ?? MappingNode.Empty;
        DocumentNode text = Doc.Text(hash)!;
        return new(ResourceKind.Of("ReplicaSet"), Doc.Map(
            ("apiVersion", Doc.Text("apps/v1")),
            ("kind", Doc.Text("ReplicaSet")),
            ("metadata", Doc.Map(
                ("name", Doc.Text($"{deployment.Name}-{hash}")),
                ("namespace", Doc.Text(deployment.Namespace)),
                ("labels", labels.With(PodFacts.TemplateHash, text)),
                ("annotations", Doc.Map((Revision, Doc.Text(revision.ToString(CultureInfo.InvariantCulture))))),
                ("ownerReferences", Doc.List([deployment.OwnerReference()])))),
            ("spec", Doc.Map(
                ("replicas", Doc.Number(replicas)),
                ("minReadySeconds", deployment.Spec.Field("minReadySeconds")),
                ("selector", selector.Set(text, "matchLabels", PodFacts.TemplateHash)),
                ("template", template.Set(text, "metadata", "labels", PodFacts.TemplateHash))))));
    }

    private static void CleanUp(Decision decision, KubernetesObject deployment, KubernetesObject[] old)
    {
        int limit = (int)(deployment.Spec.Whole("revisionHistoryLimit") ?? 10);
        KubernetesObject[] done = [.. old.Where(set => Wanted(set) == 0 && Observed(set, "replicas") == 0 && set.Status.Whole("observedGeneration") >= set.Generation).OrderBy(RevisionOf)];
        foreach (KubernetesObject set in done.Take(Math.Max(0, done.Length - limit)))
        {
            decision.Add(new ClusterAction.Delete(set));
        }
    }

    private static KubernetesObject WithAnnotation(KubernetesObject one, string name, string value) => one.With(Doc.Text(value), "metadata", "annotations", name);

    private static void SetStatus(
        Decision decision, KubernetesObject deployment, KubernetesObject? current, KubernetesObject[] old, Numbers numbers, DateTimeOffset now, bool paused)
    {
        IEnumerable<KubernetesObject> all = current is null ? old : old.Append(current);
        int replicas = all.Sum(set => Observed(set, "replicas"));
        int available = all.Sum(set => Observed(set, "availableReplicas"));
        int updated = current is null ? 0 : Observed(current, "replicas");
        int ready = all.Sum(set => Observed(set, "readyReplicas"));
        bool complete = current is not null && updated == numbers.Replicas && replicas == numbers.Replicas && available == numbers.Replicas
            && current.Status.Whole("observedGeneration") >= current.Generation;

        MappingNode status = deployment.Status as MappingNode ?? MappingNode.Empty;
        bool enough = available >= numbers.Replicas - numbers.Unavailable;
        status = status.With("conditions", PodFacts.SetCondition(
            status, "Available", enough, enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
            enough ? "Deployment has minimum availability." : "Deployment does not have minimum availability.", now));

        DocumentNode? progressing = status.Field("conditions").Items().FirstOrDefault(one => one.Text("type") == "Progressing");
        long updatedThen = deployment.Status.Whole("updatedReplicas") ?? 0;
        bool moved = updated > updatedThen || replicas - updated < (deployment.Status.Whole("replicas") ?? 0) - updatedThen || available > (deployment.Status.Whole("availableReplicas") ?? 0)
            || ready > (deployment.Status.Whole("readyReplicas") ?? 0) || current is null || deployment.Status.Whole("observedGeneration") != deployment.Generation;
        TimeSpan deadline = TimeSpan.FromSeconds(deployment.Spec.Whole("progressDeadlineSeconds") ?? 600);
        if (complete)
        {
            status = status.With("conditions", PodFacts.SetCondition(
                status, "Progressing", true, "NewReplicaSetAvailable", $"ReplicaSet \"{current!.Name}\" has successfully progressed.", now));
        }
        else if (moved || progressing is null)
        {
            status = status.With("conditions", PodFacts.SetCondition(
                status, "Progressing", true, "ReplicaSetUpdated", $"ReplicaSet \"{current?.Name ?? deployment.Name}\" is progressing.", now, touched: true));
            decision.LookAgain(now + deadline);
        }
        else if (!paused && progressing.Text("reason") is not ("ProgressDeadlineExceeded" or "NewReplicaSetAvailable"))
        {
            DateTimeOffset last = Times.Read(progressing.Text("lastUpdateTime")) ?? now;
            if (last + deadline <= now)
            {
                status = status.With("conditions", PodFacts.SetCondition(
                    status, "Progressing", false, "ProgressDeadlineExceeded", $"ReplicaSet \"{current!.Name}\" has timed out progressing.", now));
                TakeBack(decision, deployment, current, old);
            }
            else
            {
                decision.LookAgain(last + deadline);
            }
        }
        else if (progressing.Text("reason") == "NewReplicaSetAvailable")
        {
            // What was complete lost a pod, or is being scaled: that is no update, so no deadline holds for it.
        }
        status = status
            .With("observedGeneration", Doc.Number(deployment.Generation)!)
            .With("replicas", Doc.Number(replicas)!)
            .With("updatedReplicas", Doc.Number(updated)!)
            .With("readyReplicas", Doc.Number(ready)!)
            .With("availableReplicas", Doc.Number(available)!)
            .With("unavailableReplicas", Doc.Number(Math.Max(0, Math.Max(numbers.Replicas, replicas) - available))!);
        decision.SetStatus(deployment, status);
    }

    /// <summary>Where the user asked for it, what could not be done in time gives way to what was there before.</summary>
    private static void TakeBack(Decision decision, KubernetesObject deployment, KubernetesObject current, KubernetesObject[] old)
    {
        decision.Tell(deployment, "ProgressDeadlineExceeded", $"replica set {current.Name} was not available in time", isWarning: true);
        if (deployment.Annotation(AutomaticRollback) == "true"
            && old.Where(set => RevisionOf(set) < RevisionOf(current)).MaxBy(RevisionOf) is { } before)
        {
            decision.Add(new ClusterAction.Update(RollBack(deployment, before)));
            decision.Tell(deployment, "DeploymentRollback", string.Create(
                CultureInfo.InvariantCulture, $"Rolled back deployment \"{deployment.Name}\" to revision {RevisionOf(before)}"));
        }
    }
}
