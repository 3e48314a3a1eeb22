using System.Text.Json.Serialization;

using Caisson.Errors;

namespace Caisson.Scan;

/// <summary>How bad a vulnerability is, in ascending order.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Severity>))]
public enum Severity
{
    /// <summary>The data does not say.</summary>
    Unknown,

    /// <summary>CVSS 0.1 to 3.9.</summary>
    Low,

    /// <summary>CVSS 4.0 to 6.9.</summary>
    Medium,

    /// <summary>CVSS 7.0 to 8.9.</summary>
    High,

    /// <summary>CVSS 9.0 and more.</summary>
    Critical,
}

/// <summary>Reading severities.</summary>
public static class Severities
{
    /// <summary>Reads <c>low</c>, <c>medium</c>, <c>high</c> or <c>critical</c>.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: another word.</exception>
    public static Severity Parse(string text) => FromWord(text) is var severity && severity != Severity.Unknown
        ? severity
        : throw new CaissonException(ErrorKind.InvalidArgument, $"'{text}' is not a severity: low, medium, high or critical");

    /// <summary>Of the words that advisories use; unknown for others.</summary>
    internal static Severity FromWord(string? word) => word?.Trim().ToLowerInvariant() switch
    {
        "low" or "negligible" or "minor" or "unimportant" => Severity.Low,
        "medium" or "moderate" => Severity.Medium,
        "high" or "important" or "major" => Severity.High,
        "critical" or "emergency" => Severity.Critical,
        _ => Severity.Unknown,
    };

    /// <summary>Of a CVSS score of 0 to 10. Source: CVSS v3.1, section 5.</summary>
    internal static Severity FromScore(double score) => score switch
    {
        >= 9 => Severity.Critical,
        >= 7 => Severity.High,
        >= 4 => Severity.Medium,
        > 0 => Severity.Low,
        _ => Severity.Unknown,
    };
}
