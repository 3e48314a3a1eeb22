using System.Text.Encodings.Web;
using System.Text.Json;

namespace Caisson.Scan;

/// <summary>Writes findings in the form that code hosts show. Source: SARIF 2.1.0.</summary>
public static class SarifWriter
{
    /// <summary>The document.</summary>
    public static byte[] Write(ScanReport report)
    {
        using var output = new MemoryStream();
        using (var json = new Utf8JsonWriter(output, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("$schema", "https://json.schemastore.org/sarif-2.1.0.json");
            json.WriteString("version", "2.1.0");
            json.WriteStartArray("runs");
            json.WriteStartObject();
            WriteTool(json, report);
            json.WriteStartArray("results");
            foreach (Finding finding in report.Findings)
            {
                WriteResult(json, report, finding);
            }
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return output.ToArray();
    }

    private static void WriteTool(Utf8JsonWriter json, ScanReport report)
    {
        json.WriteStartObject("tool");
        json.WriteStartObject("driver");
        json.WriteString("name", "caisson");
        json.WriteStartArray("rules");
        foreach (Finding finding in report.Findings.DistinctBy(finding => finding.Id))
        {
            json.WriteStartObject();
            json.WriteString("id", finding.Id);
            WriteMessage(json, "shortDescription", finding.Summary ?? finding.Id);
            json.WriteStartObject("properties");
            if (Score(finding.Severity) is { } score)
            {
                json.WriteString("security-severity", score);
            }
            json.WriteEndObject();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteResult(Utf8JsonWriter json, ScanReport report, Finding finding)
    {
        json.WriteStartObject();
        json.WriteString("ruleId", finding.Id);
        json.WriteString("level", finding.Severity switch { >= Severity.High => "error", Severity.Low => "note", _ => "warning" });
        WriteMessage(json, "message", $"{finding.Package} {finding.Installed} of {report.Image}: {finding.Summary ?? finding.Id}"
            + (finding.FixedIn is null ? "" : $" (fixed in {finding.FixedIn})"));
        json.WriteStartArray("locations");
        json.WriteStartObject();
        json.WriteStartObject("physicalLocation");
        json.WriteStartObject("artifactLocation");
        json.WriteString("uri", string.Join('/', finding.Location.TrimStart('/').Split('/').Select(Uri.EscapeDataString)));
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteMessage(Utf8JsonWriter json, string name, string text)
    {
        json.WriteStartObject(name);
        json.WriteString("text", text);
        json.WriteEndObject();
    }

    /// <summary>A score within the band, for hosts that sort by numbers.</summary>
    private static string? Score(Severity severity) => severity switch
    {
        Severity.Critical => "9.5",
        Severity.High => "8.0",
        Severity.Medium => "5.5",
        Severity.Low => "2.0",
        _ => null,
    };
}
