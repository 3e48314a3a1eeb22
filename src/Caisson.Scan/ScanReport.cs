using System.Text.Json;
using System.Text.Json.Serialization;

using Caisson.Oci;

namespace Caisson.Scan;

/// <summary>A vulnerability of a package of the image.</summary>
public sealed record Finding
{
    /// <summary>As its source names it: <c>CVE-2024-0001</c>, <c>GHSA-…</c>; <c>security-update</c> for an update whose reasons are not known here.</summary>
    public required string Id { get; init; }

    /// <summary>Other names of it.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>The package of the image.</summary>
    public required string Package { get; init; }

    /// <summary>The package-url type of the package.</summary>
    public required string Type { get; init; }

    /// <summary>The version that the image has.</summary>
    public required string Installed { get; init; }

    /// <summary>The version that ends it; null when none is known.</summary>
    public string? FixedIn { get; init; }

    /// <summary>How bad it is.</summary>
    public required Severity Severity { get; init; }

    /// <summary>One line about it.</summary>
    public string? Summary { get; init; }

    /// <summary>Who says so: <c>osv</c>, <c>changelog</c> or <c>archive</c>.</summary>
    public required string Source { get; init; }

    /// <summary>Where in the image the package is found.</summary>
    public required string Location { get; init; }
}

/// <summary>A newer version that the archives of the image's system offer: what <c>apt list --upgradable</c> lists.</summary>
/// <param name="Package">Its name.</param>
/// <param name="Architecture">Its architecture.</param>
/// <param name="Installed">The version that the image has.</param>
/// <param name="Candidate">The version that apt would install.</param>
/// <param name="Suite">Where it comes from.</param>
/// <param name="IsSecurity">True when that is the archive of security updates.</param>
public sealed record PendingUpdate(string Package, string Architecture, string Installed, string Candidate, string Suite, bool IsSecurity);

/// <summary>Data that a scan used.</summary>
/// <param name="Kind"><c>osv</c>, <c>index</c> or <c>changelog</c>.</param>
/// <param name="Name">A suite, or how many records.</param>
/// <param name="Date">When the data was made; null when it does not say.</param>
public sealed record ScanSource(string Kind, string Name, DateTimeOffset? Date);

/// <summary>What a scan found, and what it cannot know.</summary>
public sealed record ScanReport
{
    /// <summary>The image as it was named.</summary>
    public required string Image { get; init; }

    /// <summary>The digest of its manifest.</summary>
    public required Digest Manifest { get; init; }

    /// <summary>When it was looked at.</summary>
    public required DateTimeOffset Scanned { get; init; }

    /// <summary>Its system; null when it does not say.</summary>
    public SystemRelease? System { get; init; }

    /// <summary>How many packages it has.</summary>
    public required int Packages { get; init; }

    /// <summary>Vulnerabilities, the worst first.</summary>
    public required IReadOnlyList<Finding> Findings { get; init; }

    /// <summary>Updates of its system's packages, in order of their names.</summary>
    public required IReadOnlyList<PendingUpdate> Updates { get; init; }

    /// <summary>The data that was used.</summary>
    public required IReadOnlyList<ScanSource> Sources { get; init; }

    /// <summary>Packages about which there is no data: nothing was found because nothing could be.</summary>
    public required IReadOnlyList<string> Unknown { get; init; }

    /// <summary>What could not be read.</summary>
    public required IReadOnlyList<string> Problems { get; init; }

    /// <summary>The findings that a limit refuses: as bad or worse, or of unknown severity, which is not taken for harmless.</summary>
    /// <param name="limit">The least severity to refuse.</param>
    /// <param name="ignored">Ids and aliases that were judged and accepted.</param>
    public IReadOnlyList<Finding> Refused(Severity limit, IReadOnlyCollection<string>? ignored = null) =>
    [
        .. Findings.Where(finding => (finding.Severity >= limit || finding.Severity == Severity.Unknown)
            && ignored?.Contains(finding.Id) is not true
            && !finding.Aliases.Any(alias => ignored?.Contains(alias) is true)),
    ];

    /// <summary>The report as JSON.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, ScanJson.Default.ScanReport);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ScanReport))]
internal sealed partial class ScanJson : JsonSerializerContext;
