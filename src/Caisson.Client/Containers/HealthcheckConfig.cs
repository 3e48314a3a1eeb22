using System.Text.Json;

namespace Caisson.Client.Containers;

/// <summary>How a container's health is checked. Zero durations and counts mean the image's or the engine's own.</summary>
public sealed class HealthcheckConfig
{
    /// <summary>
    /// <c>NONE</c>; <c>CMD-SHELL</c> and a command for the shell; <c>HTTP</c> and an address; <c>TCP</c> and a port; empty: the image's.
    /// </summary>
    public IReadOnlyList<string> Test { get; init; } = [];

    /// <summary>Between two checks, in nanoseconds.</summary>
    public long IntervalNanoseconds { get; init; }

    /// <summary>Longest run of one check, in nanoseconds.</summary>
    public long TimeoutNanoseconds { get; init; }

    /// <summary>Time to come up before failures count, in nanoseconds.</summary>
    public long StartPeriodNanoseconds { get; init; }

    /// <summary>Between two checks while coming up, in nanoseconds.</summary>
    public long StartIntervalNanoseconds { get; init; }

    /// <summary>Failures in a row that make it unhealthy.</summary>
    public long Retries { get; init; }

    internal void WriteTo(Utf8JsonWriter json)
    {
        json.WriteStartObject("Healthcheck");
        if (Test.Count > 0)
        {
            json.Texts(nameof(Test), Test);
        }
        json.Number("Interval", IntervalNanoseconds);
        json.Number("Timeout", TimeoutNanoseconds);
        json.Number("StartPeriod", StartPeriodNanoseconds);
        json.Number("StartInterval", StartIntervalNanoseconds);
        json.Number(nameof(Retries), Retries);
        json.WriteEndObject();
    }
}
