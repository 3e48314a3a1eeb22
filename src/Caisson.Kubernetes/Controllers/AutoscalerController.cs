using Caisson.Documents;
using Caisson.Kubernetes.Objects;

namespace Caisson.Kubernetes.Controllers;

/// <summary>What one pod uses, and asked for.</summary>
/// <param name="IsReady">It serves.</param>
/// <param name="Used">In cores, or in bytes; null when it is not known yet.</param>
/// <param name="Requested">In the same unit; 0 when nothing was asked for.</param>
public readonly record struct PodUsage(bool IsReady, decimal? Used, decimal Requested);

/// <summary>How many pods a load needs. Pure. Source: Kubernetes, "Horizontal Pod Autoscaling", "Algorithm details".</summary>
public static class AutoscalerController
{
    private const decimal Tolerance = 0.1m;

    /// <summary>What was recommended lately, newest last: going down waits until all of it agrees.</summary>
    /// <param name="At">When.</param>
    /// <param name="Replicas">How many.</param>
    public readonly record struct Recommendation(DateTimeOffset At, int Replicas);

    /// <summary>The outcome of a look.</summary>
    /// <param name="Replicas">How many there should be.</param>
    /// <param name="Utilization">Of each resource that is asked about, in percent of what was requested, or as an average of amounts.</param>
    /// <param name="Memory">What to give to the next look.</param>
    /// <param name="Reason">Why nothing can be said; null when something can.</param>
    public sealed record Result(int Replicas, IReadOnlyList<(string Resource, decimal Average, int? Percent)> Utilization, IReadOnlyList<Recommendation> Memory, string? Reason);

    /// <summary>Decides.</summary>
    /// <param name="scaler">What is asked for.</param>
    /// <param name="current">How many there are asked for now.</param>
    /// <param name="usage">Of the pods, for <c>cpu</c> or <c>memory</c>.</param>
    /// <param name="memory">Of the look before.</param>
    /// <param name="now">The time.</param>
    public static Result Decide(
        KubernetesObject scaler, int current, Func<string, IReadOnlyList<PodUsage>> usage, IReadOnlyList<Recommendation> memory, DateTimeOffset now)
    {
        int least = (int)(scaler.Spec.Whole("minReplicas") ?? 1);
        int most = (int)(scaler.Spec.Whole("maxReplicas") ?? 1);
        if (current == 0)
        {
            return new(0, [], memory, "ScalingDisabled");
        }
        int wanted = 0;
        string? reason = null;
        List<(string, decimal, int?)> seen = [];
        foreach (DocumentNode metric in scaler.Spec.Field("metrics").Items())
        {
            DocumentNode? resource = metric.Field("resource");
            if (metric.Text("type") != "Resource" || resource is null)
            {
                reason = $"metrics of type {metric.Text("type")} are not known here";
                continue;
            }
            IReadOnlyList<PodUsage> pods = usage(resource.Text("name"));
            PodUsage[] known = [.. pods.Where(pod => pod.Used is not null && pod.IsReady)];
            DocumentNode? target = resource.Field("target");
            bool utilization = target.Text("type") == "Utilization";
            if (known.Length == 0 || (utilization && known.Any(pod => pod.Requested <= 0)))
            {
                reason = known.Length == 0 ? $"no usage of {resource.Text("name")} is known yet" : $"a container has no request of {resource.Text("name")}, of which a share could be taken";
                continue;
            }
            decimal average = known.Average(pod => pod.Used!.Value);
            decimal share = utilization ? known.Sum(pod => pod.Used!.Value) / known.Sum(pod => pod.Requested) * 100 : 0;
            decimal ratio = utilization ? share / Math.Max(1, target.Whole("averageUtilization") ?? 80) : average / Math.Max(0.000001m, Quantity.Parse(target.Text("averageValue")));
            seen.Add((resource.Text("name"), average, utilization ? (int)Math.Round(share) : null));
            int here = Math.Abs(ratio - 1) <= Tolerance ? current : (int)Math.Ceiling(ratio * known.Length);
            wanted = Math.Max(wanted, here);
        }
        if (seen.Count == 0)
        {
            return new(Math.Clamp(current, least, most), seen, memory, reason ?? "there is no metric");
        }
        wanted = Math.Clamp(wanted, least, most);

        TimeSpan down = TimeSpan.FromSeconds(scaler.Spec.At("behavior", "scaleDown").Whole("stabilizationWindowSeconds") ?? 300);
        TimeSpan up = TimeSpan.FromSeconds(scaler.Spec.At("behavior", "scaleUp").Whole("stabilizationWindowSeconds") ?? 0);
        List<Recommendation> kept = [.. memory.Where(one => now - one.At <= (down > up ? down : up)), new(now, wanted)];
        int settled = wanted;
        if (wanted < current)
        {
            settled = Math.Min(current, kept.Where(one => now - one.At <= down).Max(one => one.Replicas));
        }
        else if (wanted > current)
        {
            settled = Math.Max(current, kept.Where(one => now - one.At <= up).Min(one => one.Replicas));
            settled = Math.Min(settled, Math.Max(current * 2, current + 4));
        }
        return new(Math.Clamp(settled, least, most), seen, kept, null);
    }
}
