using System.Text.Json.Serialization;

namespace Caisson.Oci;

/// <summary>How an image wants to be run; what the user asks for goes over it.</summary>
/// <remarks>
/// <c>Healthcheck</c>, <c>OnBuild</c> and <c>Shell</c> are Docker's. Source: image-spec config.md, "config"; moby image spec v1.2.
/// </remarks>
public sealed record ExecutionConfig
{
    /// <summary>User and group: <c>name</c>, <c>uid</c>, <c>name:group</c>, <c>uid:gid</c>; null or empty for root.</summary>
    [JsonPropertyName("User")]
    public string? User { get; init; }

    /// <summary>Ports, each <c>80/tcp</c>, <c>53/udp</c> or <c>80</c>.</summary>
    [JsonPropertyName("ExposedPorts")]
    [JsonConverter(typeof(StringSetJsonConverter))]
    public IReadOnlyList<string>? ExposedPorts { get; init; }

    /// <summary>Environment, each <c>NAME=VALUE</c>.</summary>
    [JsonPropertyName("Env")]
    public IReadOnlyList<string>? Env { get; init; }

    /// <summary>The program and its first arguments.</summary>
    [JsonPropertyName("Entrypoint")]
    public IReadOnlyList<string>? Entrypoint { get; init; }

    /// <summary>Arguments after the entry point, or the program when there is none.</summary>
    [JsonPropertyName("Cmd")]
    public IReadOnlyList<string>? Cmd { get; init; }

    /// <summary>Paths that hold data of each container.</summary>
    [JsonPropertyName("Volumes")]
    [JsonConverter(typeof(StringSetJsonConverter))]
    public IReadOnlyList<string>? Volumes { get; init; }

    /// <summary>The working directory.</summary>
    [JsonPropertyName("WorkingDir")]
    public string? WorkingDir { get; init; }

    /// <summary>Free text by key; data, never behaviour.</summary>
    [JsonPropertyName("Labels")]
    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary>The signal that asks the program to end, <c>SIGTERM</c> or a number.</summary>
    [JsonPropertyName("StopSignal")]
    public string? StopSignal { get; init; }

    /// <summary>How to see whether the program works.</summary>
    [JsonPropertyName("Healthcheck")]
    public HealthcheckConfig? Healthcheck { get; init; }

    /// <summary>Build instructions for images that build on this one.</summary>
    [JsonPropertyName("OnBuild")]
    public IReadOnlyList<string>? OnBuild { get; init; }

    /// <summary>The shell for the shell form of build instructions.</summary>
    [JsonPropertyName("Shell")]
    public IReadOnlyList<string>? Shell { get; init; }
}

/// <summary>How to see whether a program works. Durations are nanoseconds; zero means the default.</summary>
/// <remarks>Source: moby image spec v1.2, "Healthcheck".</remarks>
public sealed record HealthcheckConfig
{
    /// <summary><c>["NONE"]</c>, <c>["CMD", …]</c> or <c>["CMD-SHELL", text]</c>; empty to inherit.</summary>
    [JsonPropertyName("Test")]
    public IReadOnlyList<string>? Test { get; init; }

    /// <summary>Between two checks.</summary>
    [JsonPropertyName("Interval")]
    public long? IntervalNs { get; init; }

    /// <summary>The longest a check may take.</summary>
    [JsonPropertyName("Timeout")]
    public long? TimeoutNs { get; init; }

    /// <summary>During which failures do not count.</summary>
    [JsonPropertyName("StartPeriod")]
    public long? StartPeriodNs { get; init; }

    /// <summary>Between two checks of the start period.</summary>
    [JsonPropertyName("StartInterval")]
    public long? StartIntervalNs { get; init; }

    /// <summary>Failures in a row that make it unhealthy.</summary>
    [JsonPropertyName("Retries")]
    public int? Retries { get; init; }
}
