using Caisson.Control.Model;

namespace Caisson.Control.Health;

/// <summary>Decides what a check's result means, and when the next one is due. Pure. Source: Docker's documentation, "HEALTHCHECK".</summary>
internal static class HealthDecision
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromMinutes(1);

    /// <summary>How long to wait before the next check.</summary>
    /// <param name="state">What is known.</param>
    /// <param name="check">How it is checked.</param>
    /// <param name="ran">Since the program began.</param>
    public static TimeSpan Delay(HealthState state, HealthCheck check, TimeSpan ran) =>
        state.Status == HealthStatus.Starting && ran < check.StartPeriod ? check.StartInterval : check.Interval;

    /// <summary>What is known after <paramref name="result"/>.</summary>
    /// <param name="before">What was known.</param>
    /// <param name="check">How it is checked.</param>
    /// <param name="result">What came of the check.</param>
    /// <param name="started">When the program began.</param>
    public static HealthState After(HealthState before, HealthCheck check, HealthResult result, DateTimeOffset started)
    {
        HealthState after = before with { Log = [.. before.Log.Skip(Math.Max(0, before.Log.Count - HealthState.LogMax + 1)), result] };
        if (result.ExitCode == 0)
        {
            return after with { Status = HealthStatus.Healthy, FailingStreak = 0, WasHealthy = true };
        }
        if (before.Status == HealthStatus.Starting && result.Start - started < check.StartPeriod)
        {
            return after; // coming up
        }
        int streak = before.FailingStreak + 1;
        return after with { FailingStreak = streak, Status = streak >= check.Retries ? HealthStatus.Unhealthy : before.Status };
    }

    /// <summary>How long to wait before an unhealthy container runs again: longer each time, until a run was healthy once.</summary>
    /// <param name="state">What is known of the run that was ended for it.</param>
    /// <param name="lastDelay">The delay before that run; zero when a user started it.</param>
    public static TimeSpan RestartDelay(HealthState state, TimeSpan lastDelay) =>
        lastDelay == TimeSpan.Zero || state.WasHealthy ? FirstDelay
        : lastDelay * 2 < LongestDelay ? lastDelay * 2 : LongestDelay;
}
