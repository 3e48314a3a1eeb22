using System.Text.Json.Serialization;

using Caisson.Scan.Versions;

namespace Caisson.Scan.Data;

/// <summary>An advisory in the Open Source Vulnerability format, as far as it is read here. Source: ossf/osv-schema.</summary>
internal sealed record OsvRecord
{
    [JsonPropertyName("id")]
    public string? Id { get; init; }

    [JsonPropertyName("aliases")]
    public IReadOnlyList<string>? Aliases { get; init; }

    [JsonPropertyName("upstream")]
    public IReadOnlyList<string>? Upstream { get; init; }

    [JsonPropertyName("summary")]
    public string? Summary { get; init; }

    [JsonPropertyName("details")]
    public string? Details { get; init; }

    [JsonPropertyName("withdrawn")]
    public string? Withdrawn { get; init; }

    [JsonPropertyName("modified")]
    public DateTimeOffset? Modified { get; init; }

    [JsonPropertyName("severity")]
    public IReadOnlyList<OsvSeverity>? Severity { get; init; }

    [JsonPropertyName("database_specific")]
    public OsvSpecific? DatabaseSpecific { get; init; }

    [JsonPropertyName("affected")]
    public IReadOnlyList<OsvAffected>? Affected { get; init; }

    /// <summary>The worst that the record states for <paramref name="affected"/>.</summary>
    public Severity SeverityOf(OsvAffected affected)
    {
        Severity worst = Scan.Severity.Unknown;
        foreach (OsvSeverity each in (Severity ?? []).Concat(affected.Severity ?? []))
        {
            Severity severity = each.Type is "CVSS_V3" or "CVSS_V31" && CvssVector.Score(each.Score ?? "") is { } score
                ? Severities.FromScore(score)
                : Severities.FromWord(each.Score);
            worst = severity > worst ? severity : worst;
        }
        foreach (OsvSpecific? specific in (OsvSpecific?[])[affected.EcosystemSpecific, affected.DatabaseSpecific, DatabaseSpecific])
        {
            worst = worst == Scan.Severity.Unknown ? Severities.FromWord(specific?.Word) : worst;
        }
        return worst;
    }
}

/// <summary>A severity: a CVSS vector as a rule.</summary>
internal sealed record OsvSeverity
{
    [JsonPropertyName("type")]
    public string? Type { get; init; }

    [JsonPropertyName("score")]
    public string? Score { get; init; }
}

/// <summary>What databases add in words.</summary>
internal sealed record OsvSpecific
{
    // Of any type: databases put text, numbers and lists here.
    [JsonPropertyName("severity")]
    public System.Text.Json.JsonElement? Severity { get; init; }

    [JsonPropertyName("urgency")]
    public System.Text.Json.JsonElement? Urgency { get; init; }

    public string? Word => Text(Severity) ?? Text(Urgency);

    private static string? Text(System.Text.Json.JsonElement? value) =>
        value is { ValueKind: System.Text.Json.JsonValueKind.String } text ? text.GetString() : null;
}

/// <summary>A package that is affected, and in which versions.</summary>
internal sealed record OsvAffected
{
    [JsonPropertyName("package")]
    public OsvPackage? Package { get; init; }

    [JsonPropertyName("ranges")]
    public IReadOnlyList<OsvRange>? Ranges { get; init; }

    [JsonPropertyName("versions")]
    public IReadOnlyList<string>? Versions { get; init; }

    [JsonPropertyName("severity")]
    public IReadOnlyList<OsvSeverity>? Severity { get; init; }

    [JsonPropertyName("ecosystem_specific")]
    public OsvSpecific? EcosystemSpecific { get; init; }

    [JsonPropertyName("database_specific")]
    public OsvSpecific? DatabaseSpecific { get; init; }

    /// <summary>True when <paramref name="version"/> is affected. Source: osv-schema, "Evaluation".</summary>
    /// <param name="version">Of the package at hand.</param>
    /// <param name="order">How such versions are ordered.</param>
    /// <param name="fixedIn">The version that ends the range it is in; null when none does.</param>
    public bool Affects(string version, Comparison<string> order, out string? fixedIn)
    {
        fixedIn = null;
        bool affected = Versions?.Contains(version) ?? false;
        foreach (OsvRange range in Ranges ?? [])
        {
            if (range.Type is "SEMVER" or "ECOSYSTEM" && range.Contains(version, range.Type == "SEMVER" ? SemanticVersion.Compare : order, out string? end))
            {
                affected = true;
                fixedIn ??= end;
            }
        }
        return affected;
    }
}

/// <summary>A package by its ecosystem.</summary>
internal sealed record OsvPackage
{
    [JsonPropertyName("ecosystem")]
    public string? Ecosystem { get; init; }

    [JsonPropertyName("name")]
    public string? Name { get; init; }
}

/// <summary>A range of versions, as events along their order.</summary>
internal sealed record OsvRange
{
    [JsonPropertyName("type")]
    public string? Type { get; init; }

    [JsonPropertyName("events")]
    public IReadOnlyList<OsvEvent>? Events { get; init; }

    public bool Contains(string version, Comparison<string> order, out string? fixedIn)
    {
        fixedIn = null;
        bool affected = false;
        foreach (OsvEvent each in (Events ?? []).OrderBy(each => each.At, Comparer<string>.Create(Compare)))
        {
            if (each.Introduced is { } introduced && Compare(version, introduced) >= 0)
            {
                affected = true;
            }
            else if (each.Fixed is { } end && Compare(version, end) >= 0)
            {
                affected = false;
            }
            else if (each.LastAffected is { } last && Compare(version, last) > 0)
            {
                affected = false;
            }
        }
        if (affected)
        {
            fixedIn = (Events ?? []).Select(each => each.Fixed).OfType<string>()
                .Where(end => Compare(end, version) > 0)
                .Order(Comparer<string>.Create(Compare)).FirstOrDefault();
        }
        return affected && (Events ?? []).All(each => each.Limit is not { } limit || limit == "*" || Compare(version, limit) < 0);

        // "0" is before every version, whatever its kind would say.
        int Compare(string a, string b) => a == b ? 0 : a == "0" ? -1 : b == "0" ? 1 : order(a, b);
    }
}

/// <summary>One end of a range; one of its members is there.</summary>
internal sealed record OsvEvent
{
    [JsonPropertyName("introduced")]
    public string? Introduced { get; init; }

    [JsonPropertyName("fixed")]
    public string? Fixed { get; init; }

    [JsonPropertyName("last_affected")]
    public string? LastAffected { get; init; }

    [JsonPropertyName("limit")]
    public string? Limit { get; init; }

    public string At => Introduced ?? Fixed ?? LastAffected ?? Limit ?? "0";
}

[JsonSourceGenerationOptions(MaxDepth = 64)]
[JsonSerializable(typeof(OsvRecord))]
internal sealed partial class OsvJson : JsonSerializerContext;
