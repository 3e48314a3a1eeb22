using Caisson.Control.Model;

namespace Caisson.Control.Workloads;

/// <summary>Decides whether and when a container runs again. Pure. Source: Docker's documentation, "Start containers automatically".</summary>
internal static class RestartDecision
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromMinutes(1);

    /// <summary>A run of this length counts as a success, after which delays begin anew.</summary>
    private static readonly TimeSpan SoundRun = TimeSpan.FromSeconds(10);

    /// <summary>After a run has ended: how long to wait before the next; null for no next.</summary>
    /// <param name="policy">The container's policy; null is none.</param>
    /// <param name="ended">The status with what the run returned; restarts so far in <see cref="ContainerStatus.RestartCount"/>.</param>
    /// <param name="lastDelay">The delay before the run that ended; zero when a user started it.</param>
    public static TimeSpan? AfterExit(RestartPolicy? policy, ContainerStatus ended, TimeSpan lastDelay)
    {
        if (ended.StoppedByUser || !Wants(policy, ended))
        {
            return null;
        }
        TimeSpan ran = ended.FinishedAt - ended.StartedAt ?? TimeSpan.Zero;
        if (lastDelay == TimeSpan.Zero || ran >= SoundRun)
        {
            return FirstDelay;
        }
        return lastDelay * 2 < LongestDelay ? lastDelay * 2 : LongestDelay;
    }

    /// <summary>When the engine comes up: whether a container that does not run shall.</summary>
    /// <param name="policy">The container's policy; null is none.</param>
    /// <param name="status">What was last observed; a run that nobody saw end is in it as ended.</param>
    public static bool AtEngineStart(RestartPolicy? policy, ContainerStatus status)
    {
        if (status.StartedAt is null)
        {
            return false;
        }
        return policy?.Name == "always" || (!status.StoppedByUser && Wants(policy, status));
    }

    private static bool Wants(RestartPolicy? policy, ContainerStatus ended) => policy?.Name switch
    {
        "always" or "unless-stopped" => true,
        "on-failure" => ended.ExitCode != 0
            && (policy.MaximumRetryCount <= 0 || ended.RestartCount < policy.MaximumRetryCount),
        _ => false,
    };
}
