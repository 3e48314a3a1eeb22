using System.Globalization;

using Caisson.Documents;
using Caisson.Kubernetes.Objects;

namespace Caisson.Kubernetes.Controllers;

/// <summary>Runs pods until enough of them have succeeded. Pure. Source: Kubernetes, "Jobs".</summary>
/// <remarks>
/// A pod that has ended is counted once: the count in the job's status and the mark on the pod are changed by one decision, so a pod that is
/// deleted afterwards is not forgotten, and none counts twice.
/// </remarks>
public static class JobController
{
    private const string Counted = "batch.kubernetes.io/counted";
    private const string Index = "batch.kubernetes.io/job-completion-index";

    private static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LastDelay = TimeSpan.FromMinutes(6);

    /// <summary>Decides.</summary>
    /// <param name="job">What is asked for.</param>
    /// <param name="pods">Those that it manages.</param>
    /// <param name="now">The time.</param>
    public static Decision Decide(KubernetesObject job, IReadOnlyList<KubernetesObject> pods, DateTimeOffset now)
    {
        var decision = new Decision();
        if (job.IsDeleting)
        {
            return decision;
        }
        MappingNode status = job.Status as MappingNode ?? MappingNode.Empty;
        if (EndOf(job) is { } ended)
        {
            ClearAway(decision, job, pods, ended, now);
            return decision;
        }

        DocumentNode? spec = job.Spec;
        int parallelism = (int)(spec.Whole("parallelism") ?? 1);
        int? completions = (int?)spec.Whole("completions");
        bool indexed = spec.Text("completionMode") == "Indexed";
        int succeeded = (int)(status.Whole("succeeded") ?? 0);
        int failed = (int)(status.Whole("failed") ?? 0);
        SortedSet<int> done = ReadIndexes(status.Text("completedIndexes"));
        DateTimeOffset? lastFailure = Times.Read(job.Annotation("batch.kubernetes.io/last-failure"));
        bool anyFailed = false;
        foreach (KubernetesObject pod in pods.Where(pod => pod.IsFinished && pod.Annotation(Counted).Length == 0))
        {
            decision.Add(new ClusterAction.Update(pod.With(Doc.Text("true"), "metadata", "annotations", Counted)));
            if (pod.Phase == "Failed")
            {
                failed++;
                anyFailed = true;
            }
            else if (!indexed || (IndexOf(pod) is { } index && done.Add(index)))
            {
                succeeded++;
            }
        }
        if (anyFailed)
        {
            lastFailure = now;
            decision.Add(new ClusterAction.Update(job.With(Times.Node(now), "metadata", "annotations", "batch.kubernetes.io/last-failure")));
        }

        KubernetesObject[] active = [.. pods.Where(pod => pod.IsActive)];
        bool suspended = spec.Flag("suspend");
        DateTimeOffset? started = suspended ? null : Times.Read(status.Text("startTime")) ?? now;
        status = status
            .Set(Times.Node(started), "startTime")
            .Set(succeeded > 0 ? Doc.Number(succeeded) : null, "succeeded")
            .Set(failed > 0 ? Doc.Number(failed) : null, "failed")
            .Set(done.Count > 0 ? Doc.Text(WriteIndexes(done)) : null, "completedIndexes");

        string? end = null;
        if (failed > (spec.Whole("backoffLimit") ?? 6))
        {
            end = "BackoffLimitExceeded";
        }
        else if (started is { } begun && spec.Whole("activeDeadlineSeconds") is { } seconds)
        {
            decision.LookAgain(begun.AddSeconds(seconds));
            end = begun.AddSeconds(seconds) <= now ? "DeadlineExceeded" : null;
        }
        bool complete = end is null && (completions is { } all ? succeeded >= all : succeeded > 0 && active.Length == 0);
        if (end is not null || complete)
        {
            foreach (KubernetesObject pod in active)
            {
                decision.Add(new ClusterAction.Delete(pod));
            }
            string message = end switch
            {
                null => "",
                "DeadlineExceeded" => "Job was active longer than specified deadline",
                _ => "Job has reached the specified backoff limit",
            };
            status = status.With("conditions", PodFacts.SetCondition(status, complete ? "Complete" : "Failed", true, end ?? "CompletionsReached", message, now));
            status = status.Set(complete ? Times.Node(now) : null, "completionTime").Set(null, "active").Set(null, "ready");
            decision.Tell(job, complete ? "Completed" : end!, complete ? "Job completed" : message, isWarning: !complete);
            decision.SetStatus(job, status);
            if (spec.Whole("ttlSecondsAfterFinished") is { } ttl)
            {
                decision.LookAgain(now.AddSeconds(ttl));
            }
            return decision;
        }

        int count = active.Length;
        if (suspended)
        {
            foreach (KubernetesObject pod in active)
            {
                decision.Add(new ClusterAction.Delete(pod));
            }
            status = status.With("conditions", PodFacts.SetCondition(status, "Suspended", true, "JobSuspended", "Job suspended", now));
            count = 0;
        }
        else
        {
            if (status.Field("conditions").Items().Any(one => one.Text("type") == "Suspended" && one.Text("status") == "True"))
            {
                status = status.With("conditions", PodFacts.SetCondition(status, "Suspended", false, "JobResumed", "Job resumed", now));
            }
            // Once one has succeeded of a queue without a number, no further ones begin.
            int wanted = completions is { } total ? Math.Min(parallelism, total - succeeded) : succeeded > 0 ? Math.Min(parallelism, active.Length) : parallelism;
            foreach (KubernetesObject pod in active.OrderBy(pod => pod.IsReady).ThenByDescending(pod => pod.Created).Take(Math.Max(0, active.Length - wanted)))
            {
                decision.Add(new ClusterAction.Delete(pod));
                count--;
            }
            int more = wanted - active.Length;
            DateTimeOffset next = lastFailure is { } last && failed > 0 ? last + DelayAfter(failed) : now;
            if (more > 0 && next > now)
            {
                decision.LookAgain(next);
            }
            else
            {
                HashSet<int> taken = [.. done, .. active.Select(IndexOf).OfType<int>()];
                for (int i = 0; i < more; i++)
                {
                    decision.Add(new ClusterAction.Create(MakePod(job, indexed ? NextIndex(taken, completions ?? int.MaxValue) : null)));
                    count++;
                }
            }
        }
        status = status.Set(count > 0 ? Doc.Number(count) : null, "active")
            .Set(Doc.Number(active.Count(pod => pod.IsReady)), "ready");
        decision.SetStatus(job, status);
        return decision;
    }

    /// <summary>Whether the job has ended, and when; null while it has not.</summary>
    public static DateTimeOffset? EndOf(KubernetesObject job) => job.Status.Field("conditions").Items()
        .Where(one => one.Text("type") is "Complete" or "Failed" && one.Text("status") == "True")
        .Select(one => (DateTimeOffset?)(Times.Read(one.Text("lastTransitionTime")) ?? job.Created)).FirstOrDefault();

    /// <summary>How long to wait after failures.</summary>
    public static TimeSpan DelayAfter(int failures) =>
        failures > 6 ? LastDelay : TimeSpan.FromTicks(Math.Min(LastDelay.Ticks, FirstDelay.Ticks << (failures - 1)));

    private static void ClearAway(Decision decision, KubernetesObject job, IReadOnlyList<KubernetesObject> pods, DateTimeOffset ended, DateTimeOffset now)
    {
        foreach (KubernetesObject pod in pods.Where(pod => pod.IsActive))
        {
            decision.Add(new ClusterAction.Delete(pod));
        }
        if (job.Spec.Whole("ttlSecondsAfterFinished") is { } ttl)
        {
            if (ended.AddSeconds(ttl) <= now)
            {
                decision.Add(new ClusterAction.Delete(job));
            }
            else
            {
                decision.LookAgain(ended.AddSeconds(ttl));
            }
        }
    }

    private static KubernetesObject MakePod(KubernetesObject job, int? index)
    {
        List<KeyValuePair<string, string>> labels =
        [
            new("job-name", job.Name), new("batch.kubernetes.io/job-name", job.Name),
            new("controller-uid", job.Uid), new("batch.kubernetes.io/controller-uid", job.Uid),
        ];
        if (index is not { } number)
        {
            return PodFacts.Make(job, job.Spec.Field("template"), "", labels);
        }
        string text = number.ToString(CultureInfo.InvariantCulture);
        MappingNode template = (MappingNode)job.Spec.Field("template")!;
        SequenceNode containers = Doc.List(template.At("spec").Field("containers").Items().Select(container => (DocumentNode)((MappingNode)container).With(
            "env", Doc.List([.. container.Field("env").Items().Where(one => one.Text("name") != "JOB_COMPLETION_INDEX"),
                Doc.Map(("name", Doc.Text("JOB_COMPLETION_INDEX")), ("value", Doc.Text(text)))]))));
        return PodFacts.Make(job, template.Set(containers, "spec", "containers"), "", labels, [new(Index, text)]);
    }

    private static int? IndexOf(KubernetesObject pod) =>
        int.TryParse(pod.Annotation(Index), NumberStyles.None, CultureInfo.InvariantCulture, out int index) ? index : null;

    private static int NextIndex(HashSet<int> taken, int completions)
    {
        int index = 0;
        while (index < completions - 1 && taken.Contains(index))
        {
            index++;
        }
        taken.Add(index);
        return index;
    }

    private static SortedSet<int> ReadIndexes(string text)
    {
        SortedSet<int> indexes = [];
        foreach (string part in text.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] ends = part.Split('-');
            for (int i = int.Parse(ends[0], CultureInfo.InvariantCulture); i <= int.Parse(ends[^1], CultureInfo.InvariantCulture); i++)
            {
                indexes.Add(i);
            }
        }
        return indexes;
    }

    private static string WriteIndexes(SortedSet<int> indexes)
    {
        List<string> parts = [];
        int[] all = [.. indexes];
        for (int i = 0; i < all.Length;)
        {
            int end = i;
            while (end + 1 < all.Length && all[end + 1] == all[end] + 1)
            {
                end++;
            }
            parts.Add(end == i ? $"{all[i]}" : end == i + 1 ? $"{all[i]},{all[end]}" : $"{all[i]}-{all[end]}");
            i = end + 1;
        }
        return string.Join(',', parts);
    }
}
