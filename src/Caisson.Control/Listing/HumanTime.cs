using Caisson.Control.Model;

namespace Caisson.Control.Listing;

/// <summary>How long ago, in the words of <c>docker ps</c>, which scripts compare.</summary>
public static class HumanTime
{
    /// <summary>A length of time, such as <c>About a minute</c> or <c>3 weeks</c>.</summary>
    public static string Of(TimeSpan time)
    {
        long seconds = (long)time.TotalSeconds;
        long minutes = (long)time.TotalMinutes;
        long hours = (long)Math.Round(time.TotalHours, MidpointRounding.AwayFromZero);
        return (seconds, minutes, hours) switch
        {
            ( < 1, _, _) => "Less than a second",
            (1, _, _) => "1 second",
            ( < 60, _, _) => $"{seconds} seconds",
            (_, 1, _) => "About a minute",
            (_, < 60, _) => $"{minutes} minutes",
            (_, _, 1) => "About an hour",
            (_, _, < 48) => $"{hours} hours",
            (_, _, < 24 * 7 * 2) => $"{hours / 24} days",
            (_, _, < 24 * 30 * 2) => $"{hours / 24 / 7} weeks",
            (_, _, < 24 * 365 * 2) => $"{hours / 24 / 30} months",
            _ => $"{(long)time.TotalHours / 24 / 365} years",
        };
    }

    /// <summary>The STATUS column of <c>docker ps</c>.</summary>
    public static string StatusText(ContainerStatus status, DateTimeOffset now)
    {
        return status.Phase switch
        {
            ContainerPhase.Created => "Created",
            ContainerPhase.Running => $"Up {Since(status.StartedAt)}{Health(status.Health)}",
            ContainerPhase.Paused => $"Up {Since(status.StartedAt)} (Paused)",
            ContainerPhase.Restarting => $"Restarting ({status.ExitCode}) {Since(status.FinishedAt)} ago",
            ContainerPhase.Removing => "Removal In Progress",
            _ => $"Exited ({status.ExitCode}) {Since(status.FinishedAt)} ago",
        };

        static string Health(HealthState? health) => health switch
        {
            null => "",
            { Status: HealthStatus.Starting } => " (health: starting)",
            _ => $" ({health.Word})",
        };

        string Since(DateTimeOffset? moment) => Of(moment is { } at && now > at ? now - at : TimeSpan.Zero);
    }
}
