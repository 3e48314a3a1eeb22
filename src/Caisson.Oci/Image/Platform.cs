using System.Text.Json.Serialization;

namespace Caisson.Oci;

/// <summary>What an image needs to run, as Go spells it.</summary>
/// <remarks>Source: image-spec image-index.md, "platform".</remarks>
public sealed record Platform
{
    /// <summary>The CPU, a GOARCH: <c>amd64</c>.</summary>
    [JsonPropertyName("architecture")]
    public required string Architecture { get; init; }

    /// <summary>The system, a GOOS: <c>linux</c>.</summary>
    [JsonPropertyName("os")]
    public required string Os { get; init; }

    /// <summary>The version of the system, for Windows.</summary>
    [JsonPropertyName("os.version")]
    public string? OsVersion { get; init; }

    /// <summary>The variant of the CPU, such as <c>v8</c>.</summary>
    [JsonPropertyName("variant")]
    public string? Variant { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Variant is null ? $"{Os}/{Architecture}" : $"{Os}/{Architecture}/{Variant}";
}
