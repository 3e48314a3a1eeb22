using System.Globalization;

using Caisson.Documents;
using Caisson.Kubernetes.Objects;
using Caisson.Kubernetes.Schema;

namespace Caisson.Kubernetes.Controllers;

/// <summary>Makes a job at each time of a schedule. Pure. Source: Kubernetes, "CronJob".</summary>
public static class CronJobController
{
    /// <summary>Of times that were missed, only the last is made up for, and no more than this many are looked at.</summary>
    private const int MissedMax = 100;

    /// <summary>Decides.</summary>
    /// <param name="cron">What is asked for.</param>
    /// <param name="jobs">Those that it manages.</param>
    /// <param name="now">The time.</param>
    public static Decision Decide(KubernetesObject cron, IReadOnlyList<KubernetesObject> jobs, DateTimeOffset now)
    {
        var decision = new Decision();
        if (cron.IsDeleting || !CronSchedule.TryParse(cron.Spec.Text("schedule"), out CronSchedule? schedule, out _))
        {
            return decision;
        }
        KubernetesObject[] active = [.. jobs.Where(job => JobController.EndOf(job) is null && !job.IsDeleting)];
        DateTimeOffset? last = Times.Read(cron.Status.Text("lastScheduleTime"));
        DateTimeOffset local = InZone(cron, now);
        DateTimeOffset? due = null;
        DateTimeOffset? next = schedule!.Next(InZone(cron, last ?? cron.Created));
        for (int i = 0; i < MissedMax && next is { } time && time <= local; i++)
        {
            due = time;
            next = schedule.Next(time);
        }
        if (next <= local)
        {
            next = schedule.Next(local);
        }
        decision.LookAgain(next);

        MappingNode status = cron.Status as MappingNode ?? MappingNode.Empty;
        bool late = due is { } at && cron.Spec.Whole("startingDeadlineSeconds") is { } deadline && at.AddSeconds(deadline) < now;
        if (due is { } begins && !cron.Spec.Flag("suspend"))
        {
            string policy = cron.Spec.Text("concurrencyPolicy");
            if (late)
            {
                decision.Tell(cron, "MissSchedule", $"Missed scheduled time to start a job: {Times.Write(begins)}", isWarning: true);
            }
            else if (policy == "Forbid" && active.Length > 0)
            {
                decision.Tell(cron, "JobAlreadyActive", "Not starting job because prior execution is running and concurrency policy is Forbid");
            }
            else
            {
                foreach (KubernetesObject job in policy == "Replace" ? active : [])
                {
                    decision.Add(new ClusterAction.Delete(job));
                }
                active = policy == "Replace" ? [] : active;
                KubernetesObject made = MakeJob(cron, begins);
                if (!jobs.Any(job => job.Name == made.Name))
                {
                    decision.Add(new ClusterAction.Create(made));
                    decision.Tell(cron, "SuccessfulCreate", $"Created job {made.Name}");
                }
            }
            status = status.Set(Times.Node(begins), "lastScheduleTime");
        }
        DateTimeOffset? succeeded = jobs.Where(job => Ended(job, "Complete")).Select(JobController.EndOf).Max();
        status = status.Set(Times.Node(succeeded) ?? status["lastSuccessfulTime"], "lastSuccessfulTime");
        status = status.Set(active.Length == 0 ? null : Doc.List(active.Select(job => (DocumentNode)Doc.Map(
            ("kind", Doc.Text("Job")), ("namespace", Doc.Text(job.Namespace)), ("name", Doc.Text(job.Name)), ("uid", Doc.Text(job.Uid)), ("apiVersion", Doc.Text("batch/v1"))))), "active");
        Forget("Complete", cron.Spec.Whole("successfulJobsHistoryLimit") ?? 3);
        Forget("Failed", cron.Spec.Whole("failedJobsHistoryLimit") ?? 1);
        decision.SetStatus(cron, status);
        return decision;

        void Forget(string end, long limit)
        {
            KubernetesObject[] ended = [.. jobs.Where(job => Ended(job, end) && !job.IsDeleting).OrderBy(job => job.Created)];
            foreach (KubernetesObject job in ended.Take(Math.Max(0, ended.Length - (int)limit)))
            {
                decision.Add(new ClusterAction.Delete(job));
            }
        }
    }

    /// <summary>A job of the schedule's template; the name says for when.</summary>
    public static KubernetesObject MakeJob(KubernetesObject cron, DateTimeOffset at)
    {
        DocumentNode? template = cron.Spec.Field("jobTemplate");
        return new(ResourceKind.Of("Job"), Doc.Map(
            ("apiVersion", Doc.Text("batch/v1")), ("kind", Doc.Text("Job")),
            ("metadata", Doc.Map(
                ("name", Doc.Text(string.Create(CultureInfo.InvariantCulture, $"{cron.Name}-{at.ToUnixTimeSeconds()}"))),
                ("namespace", Doc.Text(cron.Namespace)),
                ("labels", template.At("metadata", "labels")),
                ("annotations", Doc.Map(template.At("metadata").Pairs("annotations").Append(new("batch.kubernetes.io/cronjob-scheduled-timestamp", Times.Write(at))))),
                ("ownerReferences", Doc.List([cron.OwnerReference()])))),
            ("spec", template.Field("spec"))));
    }

    private static bool Ended(KubernetesObject job, string type) =>
        job.Status.Field("conditions").Items().Any(one => one.Text("type") == type && one.Text("status") == "True");

    private static DateTimeOffset InZone(KubernetesObject cron, DateTimeOffset time) =>
        cron.Spec.Text("timeZone") is { Length: > 0 } zone && TimeZoneInfo.TryFindSystemTimeZoneById(zone, out TimeZoneInfo? found)
            ? TimeZoneInfo.ConvertTime(time, found) : time.ToUniversalTime();
}
