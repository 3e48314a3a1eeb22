using System.Text.Encodings.Web;
using System.Text.Json;

using Caisson.Errors;
using Caisson.Oci;
using Caisson.Oci.Json;

namespace Caisson.Trust;

/// <summary>The document that a cosign signature signs: which manifest, and what it is called.</summary>
/// <remarks>Source: containers/image, containers-signature(5), "JSON data format"; cosign, SIGNATURE_SPEC.md.</remarks>
public static class SimpleSigning
{
    /// <summary>The media type of the document.</summary>
    public const string MediaType = "application/vnd.dev.cosign.simplesigning.v1+json";

    /// <summary>The annotation of its layer that holds the signature, in base64.</summary>
    public const string SignatureAnnotation = "dev.cosignproject.cosign/signature";

    /// <summary>The type of the artifact that signatures are, where registries list what refers to an image.</summary>
    public const string ArtifactType = "application/vnd.dev.cosign.artifact.sig.v1+json";

    private const string SignatureType = "cosign container image signature";
    private const int BytesMax = 1 << 20;

    /// <summary>The tag under which a registry keeps the signatures of a manifest.</summary>
    public static string TagOf(Digest manifest) => $"{manifest.Algorithm}-{manifest.Hex}.sig";

    /// <summary>The document for an image.</summary>
    /// <param name="manifest">The digest of its manifest.</param>
    /// <param name="reference">What it is called.</param>
    /// <param name="created">When it is signed.</param>
    /// <param name="annotations">What the signer adds.</param>
    public static byte[] Write(Digest manifest, Reference reference, DateTimeOffset created, IReadOnlyDictionary<string, string>? annotations = null)
    {
        using var output = new MemoryStream();
        using (var json = new Utf8JsonWriter(output, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteStartObject("critical");
            json.WriteStartObject("identity");
            json.WriteString("docker-reference", reference.ToString());
            json.WriteEndObject();
            json.WriteStartObject("image");
            json.WriteString("docker-manifest-digest", manifest.ToString());
            json.WriteEndObject();
            json.WriteString("type", SignatureType);
            json.WriteEndObject();
            json.WriteStartObject("optional");
            json.WriteString("creator", "caisson");
            foreach (var (name, value) in annotations ?? new Dictionary<string, string>())
            {
                if (name is not ("creator" or "timestamp"))
                {
                    json.WriteString(name, value);
                }
            }
            json.WriteNumber("timestamp", created.ToUnixTimeSeconds());
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return output.ToArray();
    }

    /// <summary>Reads a document strictly: what is critical and not understood is refused.</summary>
    /// <param name="content">The document, whose signature was verified.</param>
    /// <param name="why">Why it is refused, otherwise.</param>
    public static SignedClaim? TryParse(ReadOnlyMemory<byte> content, out string why)
    {
        List<Problem> problems = [];
        var payload = JsonCursor.Read(content, problems, BytesMax, ReadPayload);
        if (problems.Count > 0 || payload is null)
        {
            why = $"its payload is refused: {string.Join("; ", problems.Select(problem => $"{problem.Path} {problem.Message}"))}";
            return null;
        }
        why = "";
        return new SignedClaim([Digest.Parse(payload.Manifest!)], payload.Reference, payload.Optional);
    }

    private static Payload ReadPayload(ref JsonCursor json)
    {
        var payload = new Payload();
        if (!json.EnterObject())
        {
            return payload;
        }
        bool critical = false;
        while (json.NextName() is { } name)
        {
            switch (name)
            {
                case "critical":
                    critical = true;
                    ReadCritical(ref json, payload);
                    break;
                case "optional":
                    ReadOptional(ref json, payload);
                    break;
                default:
                    json.Report("is not known");
                    json.Skip();
                    break;
            }
        }
        if (!critical)
        {
            json.ReportMissing("critical");
        }
        return payload;
    }

    private static void ReadCritical(ref JsonCursor json, Payload payload)
    {
        if (!json.EnterObject())
        {
            return;
        }
        string? type = null;
        while (json.NextName() is { } name)
        {
            switch (name)
            {
                case "type":
                    type = json.Text();
                    if (type is not (SignatureType or "atomic container signature"))
                    {
                        json.Report($"'{type}' is no signature of an image");
                    }
                    break;
                case "image":
                    payload.Manifest = ReadOne(ref json, "docker-manifest-digest");
                    if (!Digest.TryParse(payload.Manifest, out _))
                    {
                        json.Report("has no digest of a manifest");
                    }
                    break;
                case "identity":
                    payload.Reference = ReadOne(ref json, "docker-reference");
                    break;
                default:
                    json.Report("is critical and not known");
                    json.Skip();
                    break;
            }
        }
        foreach (string missing in (string[])[type is null ? "type" : "", payload.Manifest is null ? "image" : ""])
        {
            if (missing.Length > 0)
            {
                json.ReportMissing(missing);
            }
        }
    }

    private static string? ReadOne(ref JsonCursor json, string wanted)
    {
        string? text = null;
        if (json.EnterObject())
        {
            while (json.NextName() is { } name)
            {
                if (name == wanted)
                {
                    text = json.Text();
                }
                else
                {
                    json.Report("is critical and not known");
                    json.Skip();
                }
            }
        }
        return text;
    }

    private static void ReadOptional(ref JsonCursor json, Payload payload)
    {
        if (!json.EnterObject())
        {
            return;
        }
        while (json.NextName() is { } name)
        {
            if (json.IsText)
            {
                payload.Optional[name] = json.Text();
            }
            else
            {
                json.Skip();
            }
        }
    }

    private sealed class Payload
    {
        public string? Manifest { get; set; }

        public string? Reference { get; set; }

        public Dictionary<string, string> Optional { get; } = new(StringComparer.Ordinal);
    }
}
