using System.Text.Json.Serialization;

using Caisson.Errors;

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

    /// <summary>Reads <c>linux/amd64</c>, <c>linux/arm64/v8</c> or <c>arm64</c>, with the names people use: <c>x86_64</c>, <c>aarch64</c>.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: not a platform.</exception>
    public static Platform Parse(string text)
    {
        string[] parts = text.ToLowerInvariant().Split('/');
        if (parts.Length > 3 || parts.Any(part => part.Length == 0 || !part.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.')))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"'{text}' is not a platform; write OS/ARCHITECTURE, such as linux/amd64 or linux/arm64/v8");
        }
        if (parts.Length == 1)
        {
            parts = parts[0] == "linux" ? throw new CaissonException(ErrorKind.InvalidArgument, $"'{text}' is not a platform; it lacks the architecture") : ["linux", parts[0]];
        }
        (string architecture, string? variant) = parts[1] switch
        {
            "x86_64" or "x86-64" => ("amd64", null),
            "aarch64" => ("arm64", null),
            "i386" => ("386", null),
            "armhf" => ("arm", "v7"),
            "armel" => ("arm", "v6"),
            var other => (other, (string?)null),
        };
        variant = parts.Length == 3 ? parts[2] : variant;
        return new Platform { Os = parts[0], Architecture = architecture, Variant = architecture == "arm64" && variant == "v8" ? null : variant };
    }

    /// <inheritdoc/>
    public override string ToString() => Variant is null ? $"{Os}/{Architecture}" : $"{Os}/{Architecture}/{Variant}";
}
