using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;

using Caisson.Errors;
using Caisson.Oci;
using Caisson.Scan.Packages;

namespace Caisson.Scan;

/// <summary>Writes an inventory as a software bill of materials. Equal inventories give equal bytes for equal times.</summary>
/// <remarks>Source: SPDX 2.3, JSON; CycloneDX 1.5, JSON.</remarks>
public static partial class SbomWriter
{
    private static readonly JsonWriterOptions Readable = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes the form that <paramref name="format"/> names: <c>spdx</c> or <c>cyclonedx</c>.</summary>
    /// <param name="format">The form.</param>
    /// <param name="image">The image as it was named.</param>
    /// <param name="manifest">The digest of its manifest.</param>
    /// <param name="inventory">What is in it.</param>
    /// <param name="created">The time that the document states: the image's own makes the document reproducible.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: there is no such form.</exception>
    public static byte[] Write(string format, string image, Digest manifest, Inventory inventory, DateTimeOffset created) => format switch
    {
        "spdx" or "spdx-json" => WriteSpdx(image, manifest, inventory, created),
        "cyclonedx" or "cyclonedx-json" => WriteCycloneDx(image, manifest, inventory, created),
        _ => throw new CaissonException(ErrorKind.InvalidArgument, $"'{format}' is not a form of bills of materials: spdx or cyclonedx"),
    };

    private static byte[] WriteSpdx(string image, Digest manifest, Inventory inventory, DateTimeOffset created)
    {
        using var output = new MemoryStream();
        using (var json = new Utf8JsonWriter(output, Readable))
        {
            json.WriteStartObject();
            json.WriteString("spdxVersion", "SPDX-2.3");
            json.WriteString("dataLicense", "CC0-1.0");
            json.WriteString("SPDXID", "SPDXRef-DOCUMENT");
            json.WriteString("name", image);
            json.WriteString("documentNamespace", $"https://caisson.invalid/spdx/{manifest.Hex}");
            json.WriteStartObject("creationInfo");
            json.WriteString("created", Time(created));
            WriteTexts(json, "creators", ["Tool: caisson"]);
            json.WriteEndObject();
            json.WriteStartArray("packages");
            WriteSpdxImage(json, image, manifest);
            foreach (Package package in inventory.Packages)
            {
                json.WriteStartObject();
                json.WriteString("SPDXID", SpdxId(package));
                json.WriteString("name", package.Name);
                json.WriteString("versionInfo", package.Version);
                json.WriteString("downloadLocation", "NOASSERTION");
                json.WriteBoolean("filesAnalyzed", false);
                json.WriteString("licenseConcluded", "NOASSERTION");
                json.WriteString("licenseDeclared", License(package));
                json.WriteString("copyrightText", "NOASSERTION");
                json.WriteString("sourceInfo", package.SourceName == package.Name && package.SourceVersion == package.Version
                    ? $"found in {package.Location}"
                    : $"found in {package.Location}; built of {package.SourceName} {package.SourceVersion}");
                json.WriteStartArray("externalRefs");
                json.WriteStartObject();
                json.WriteString("referenceCategory", "PACKAGE-MANAGER");
                json.WriteString("referenceType", "purl");
                json.WriteString("referenceLocator", PackageUrl.Of(package, inventory.System));
                json.WriteEndObject();
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteStartArray("relationships");
            WriteRelationship(json, "SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-Image");
            foreach (Package package in inventory.Packages)
            {
                WriteRelationship(json, "SPDXRef-Image", "CONTAINS", SpdxId(package));
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return output.ToArray();
    }

    private static void WriteSpdxImage(Utf8JsonWriter json, string image, Digest manifest)
    {
        json.WriteStartObject();
        json.WriteString("SPDXID", "SPDXRef-Image");
        json.WriteString("name", image);
        json.WriteString("versionInfo", manifest.ToString());
        json.WriteString("downloadLocation", "NOASSERTION");
        json.WriteBoolean("filesAnalyzed", false);
        json.WriteString("licenseConcluded", "NOASSERTION");
        json.WriteString("licenseDeclared", "NOASSERTION");
        json.WriteString("copyrightText", "NOASSERTION");
        json.WriteString("primaryPackagePurpose", "CONTAINER");
        json.WriteStartArray("checksums");
        json.WriteStartObject();
        json.WriteString("algorithm", manifest.Algorithm.ToUpperInvariant());
        json.WriteString("checksumValue", manifest.Hex);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteRelationship(Utf8JsonWriter json, string from, string type, string to)
    {
        json.WriteStartObject();
        json.WriteString("spdxElementId", from);
        json.WriteString("relationshipType", type);
        json.WriteString("relatedSpdxElement", to);
        json.WriteEndObject();
    }

    private static byte[] WriteCycloneDx(string image, Digest manifest, Inventory inventory, DateTimeOffset created)
    {
        using var output = new MemoryStream();
        using (var json = new Utf8JsonWriter(output, Readable))
        {
            json.WriteStartObject();
            json.WriteString("$schema", "http://cyclonedx.org/schema/bom-1.5.schema.json");
            json.WriteString("bomFormat", "CycloneDX");
            json.WriteString("specVersion", "1.5");
            json.WriteString("serialNumber", $"urn:uuid:{Serial(manifest)}");
            json.WriteNumber("version", 1);
            json.WriteStartObject("metadata");
            json.WriteString("timestamp", Time(created));
            json.WriteStartObject("tools");
            json.WriteStartArray("components");
            json.WriteStartObject();
            json.WriteString("type", "application");
            json.WriteString("name", "caisson");
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteStartObject("component");
            json.WriteString("type", "container");
            json.WriteString("bom-ref", "image");
            json.WriteString("name", image);
            json.WriteString("version", manifest.ToString());
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteStartArray("components");
            if (inventory.System is { } system)
            {
                json.WriteStartObject();
                json.WriteString("type", "operating-system");
                json.WriteString("bom-ref", "system");
                json.WriteString("name", system.Id);
                json.WriteString("version", system.VersionId);
                json.WriteString("description", system.PrettyName);
                json.WriteEndObject();
            }
            foreach (Package package in inventory.Packages)
            {
                WriteComponent(json, package, inventory.System);
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return output.ToArray();
    }

    private static void WriteComponent(Utf8JsonWriter json, Package package, SystemRelease? system)
    {
        json.WriteStartObject();
        json.WriteString("type", "library");
        json.WriteString("bom-ref", SpdxId(package));
        int group = package.Type == "maven" ? package.Name.IndexOf(':', StringComparison.Ordinal) : -1;
        if (group > 0)
        {
            json.WriteString("group", package.Name[..group]);
        }
        json.WriteString("name", package.Name[(group + 1)..]);
        json.WriteString("version", package.Version);
        if (package.License is { Length: > 0 } license)
        {
            json.WriteStartArray("licenses");
            json.WriteStartObject();
            json.WriteStartObject("license");
            json.WriteString("name", license);
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndArray();
        }
        json.WriteString("purl", PackageUrl.Of(package, system));
        json.WriteStartArray("properties");
        WriteProperty(json, "caisson:location", package.Location);
        if (package.SourceName != package.Name || package.SourceVersion != package.Version)
        {
            WriteProperty(json, "caisson:source", $"{package.SourceName} {package.SourceVersion}");
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteProperty(Utf8JsonWriter json, string name, string value)
    {
        json.WriteStartObject();
        json.WriteString("name", name);
        json.WriteString("value", value);
        json.WriteEndObject();
    }

    private static void WriteTexts(Utf8JsonWriter json, string name, IEnumerable<string> texts)
    {
        json.WriteStartArray(name);
        foreach (string text in texts)
        {
            json.WriteStringValue(text);
        }
        json.WriteEndArray();
    }

    /// <summary>Letters, digits, dots and dashes, and one for each package: a hash stands for what else there is.</summary>
    private static string SpdxId(Package package)
    {
        string plain = NotInIds().Replace($"{package.Type}-{package.Name}-{package.Version}", "-");
        string hash = Digest.Of(Encoding.UTF8.GetBytes($"{package.Type}\0{package.Name}\0{package.Version}\0{package.Architecture}")).Hex[..12];
        return $"SPDXRef-{plain}-{hash}";
    }

    /// <summary>Licenses as packages write them are free text; only what is an SPDX expression by its look is passed on.</summary>
    private static string License(Package package) =>
        package.License is { Length: > 0 } license && Expression().IsMatch(license) ? license : "NOASSERTION";

    /// <summary>A UUID of version 8 that is made of the image's digest.</summary>
    private static Guid Serial(Digest manifest)
    {
        byte[] bytes = Convert.FromHexString(manifest.Hex.AsSpan(0, 32));
        bytes[6] = (byte)((bytes[6] & 0x0f) | 0x80);
        bytes[8] = (byte)((bytes[8] & 0x3f) | 0x80);
        return new Guid(bytes, bigEndian: true);
    }

    private static string Time(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture);

    [GeneratedRegex(@"[^A-Za-z0-9.\-]+")]
    private static partial Regex NotInIds();

    [GeneratedRegex(@"^[A-Za-z0-9.\-+]+( (AND|OR|WITH) [A-Za-z0-9.\-+]+)*$")]
    private static partial Regex Expression();
}
