using System.Text.Json.Serialization;

namespace Caisson.Control.Model;

/// <summary>What the checks of a container say. Source: Docker Engine API, "Health".</summary>
public enum HealthStatus
{
    /// <summary>No check has succeeded yet, and not too many have failed.</summary>
    Starting,

    /// <summary>The last checks succeeded, or too few of them failed.</summary>
    Healthy,

    /// <summary>As many checks in a row as were allowed have failed, or it does not run.</summary>
    Unhealthy,
}

/// <summary>One check that was made.</summary>
public sealed record HealthResult
{
    /// <summary>The code of a check that took too long.</summary>
    public const int TimedOut = -1;

    /// <summary>When it began.</summary>
    public DateTimeOffset Start { get; init; }

    /// <summary>When it ended.</summary>
    public DateTimeOffset End { get; init; }

    /// <summary>0 for success; what the command returned, 1 for a failure of the other kinds, <see cref="TimedOut"/>.</summary>
    public int ExitCode { get; init; }

    /// <summary>The beginning of what it said, 4 KiB at most.</summary>
    public string Output { get => field ?? ""; init; } = "";
}

/// <summary>How a container's health is. Immutable.</summary>
public sealed record HealthState
{
    /// <summary>How many results are kept.</summary>
    public const int LogMax = 5;

    /// <summary>What the checks say.</summary>
    public HealthStatus Status { get; init; }

    /// <summary>Failures since the last success.</summary>
    public int FailingStreak { get; init; }

    /// <summary>Whether a check of this run has succeeded.</summary>
    public bool WasHealthy { get; init; }

    /// <summary>The last results, oldest first.</summary>
    public IReadOnlyList<HealthResult> Log { get => field ?? []; init => field = value is { Count: > 0 } ? value : []; } = [];

    /// <summary>The status in Docker's words.</summary>
    [JsonIgnore]
    public string Word => WordOf(Status);

    /// <summary>A status in Docker's words.</summary>
    public static string WordOf(HealthStatus status) => status switch
    {
        HealthStatus.Healthy => "healthy",
        HealthStatus.Unhealthy => "unhealthy",
        _ => "starting",
    };
}
