using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

using Caisson.Oci;

namespace Caisson.Trust;

/// <summary>A signature as one document: an envelope with a statement about digests, and which key to verify it with.</summary>
/// <remarks>
/// Verified against a key that is at hand; entries of transparency logs and certificates are not asked.
/// Source: sigstore protobuf-specs, sigstore_bundle.proto; secure-systems-lab DSSE 1.0; in-toto Statement v1.
/// </remarks>
public static class SigstoreBundle
{
    /// <summary>The media type of the document, and the type of the artifact that holds it.</summary>
    public const string MediaType = "application/vnd.dev.sigstore.bundle.v0.3+json";

    /// <summary>What a statement says that stands for a signature.</summary>
    public const string SignPredicate = "https://sigstore.dev/cosign/sign/v1";

    private const string StatementType = "https://in-toto.io/Statement/v1";
    private const string PayloadType = "application/vnd.in-toto+json";
    private const int BytesMax = 8 << 20;

    /// <summary>True for the media types of bundles of versions 0.1 to 0.3.</summary>
    public static bool IsBundle(string? mediaType) => mediaType is MediaType
        or "application/vnd.dev.sigstore.bundle+json;version=0.1" or "application/vnd.dev.sigstore.bundle+json;version=0.2"
        or "application/vnd.dev.sigstore.bundle+json;version=0.3" or "application/vnd.dev.sigstore.bundle.v0.2+json";

    /// <summary>Signs an image.</summary>
    /// <param name="manifest">The digest of its manifest.</param>
    /// <param name="reference">What it is called.</param>
    /// <param name="annotations">What the signer adds.</param>
    /// <param name="key">Signs.</param>
    public static byte[] Write(Digest manifest, Reference reference, IReadOnlyDictionary<string, string>? annotations, SigningKey key)
    {
        byte[] statement = Statement(manifest, reference, annotations);
        byte[] signature = key.Sign(Envelope(PayloadType, statement));
        string hint = Convert.ToBase64String(Convert.FromHexString(VerificationKey.Parse(key.ExportPublicPem(), "the key").Fingerprint));
        return Document(json =>
        {
            json.WriteString("mediaType", MediaType);
            json.WriteStartObject("verificationMaterial");
            json.WriteStartObject("publicKey");
            json.WriteString("hint", hint);
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteStartObject("dsseEnvelope");
            json.WriteString("payload", Convert.ToBase64String(statement));
            json.WriteString("payloadType", PayloadType);
            json.WriteStartArray("signatures");
            json.WriteStartObject();
            json.WriteString("sig", Convert.ToBase64String(signature));
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    /// <summary>What a bundle says, if <paramref name="key"/> made it.</summary>
    /// <param name="document">The bundle.</param>
    /// <param name="key">The key that it must be by.</param>
    /// <param name="why">Why not, otherwise.</param>
    public static SignedClaim? Verify(ReadOnlySpan<byte> document, VerificationKey key, out string why)
    {
        if (document.Length > BytesMax)
        {
            why = $"the bundle has {document.Length} bytes";
            return null;
        }
        try
        {
            var bundle = JsonSerializer.Deserialize(document, SigstoreJson.Default.BundleDocument);
            if (!IsBundle(bundle?.MediaType))
            {
                why = $"the bundle is of the type '{bundle?.MediaType}'";
                return null;
            }
            if (bundle!.Envelope is not { } envelope || bundle.Message is not null)
            {
                why = "the bundle holds no envelope with a statement";
                return null;
            }
            if (envelope.Signatures is not [{ Signature: { } text }] || envelope.Payload is not { } payload || envelope.PayloadType != PayloadType)
            {
                why = "the envelope does not have one signature of one statement";
                return null;
            }
            byte[] statement = Convert.FromBase64String(payload);
            if (!key.Verify(Envelope(PayloadType, statement), Convert.FromBase64String(text)))
            {
                why = $"it is not by the key {key.Name}";
                return null;
            }
            return Claim(JsonSerializer.Deserialize(statement, SigstoreJson.Default.StatementDocument), out why);
        }
        catch (Exception error) when (error is JsonException or FormatException)
        {
            why = "the bundle is malformed";
            return null;
        }
    }

    private static SignedClaim? Claim(StatementDocument? statement, out string why)
    {
        if (statement is not { Type: StatementType, PredicateType: SignPredicate, Subjects.Count: > 0 })
        {
            why = $"it says '{statement?.PredicateType}' of the image, which is no signature";
            return null;
        }
        List<Digest> digests = [];
        foreach (StatementSubject subject in statement.Subjects)
        {
            foreach (var (algorithm, hex) in subject.Digest ?? new Dictionary<string, string>())
            {
                if (Digest.TryParse($"{algorithm}:{hex}", out Digest digest))
                {
                    digests.Add(digest);
                }
            }
        }
        why = digests.Count > 0 ? "" : "its statement is about no digest";
        return digests.Count > 0
            ? new SignedClaim(digests, statement.Subjects is [{ Name: { Length: > 0 } name }] ? name : null, statement.Subjects[0].Annotations ?? new Dictionary<string, string>())
            : null;
    }

    /// <summary>What is signed: the type and the payload, each with its length. Source: DSSE, "PAE".</summary>
    private static byte[] Envelope(string type, ReadOnlySpan<byte> payload)
    {
        string head = string.Create(CultureInfo.InvariantCulture, $"DSSEv1 {Encoding.UTF8.GetByteCount(type)} {type} {payload.Length} ");
        return [.. Encoding.UTF8.GetBytes(head), .. payload];
    }

    private static byte[] Statement(Digest manifest, Reference reference, IReadOnlyDictionary<string, string>? annotations) => Document(json =>
    {
        json.WriteString("_type", StatementType);
        json.WriteStartArray("subject");
        json.WriteStartObject();
        json.WriteString("name", reference.ToString());
        json.WriteStartObject("digest");
        json.WriteString(manifest.Algorithm, manifest.Hex);
        json.WriteEndObject();
        if (annotations is { Count: > 0 })
        {
            json.WriteStartObject("annotations");
            foreach (var (name, value) in annotations)
            {
                json.WriteString(name, value);
            }
            json.WriteEndObject();
        }
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteString("predicateType", SignPredicate);
        json.WriteStartObject("predicate");
        json.WriteEndObject();
    });

    private static byte[] Document(Action<Utf8JsonWriter> write)
    {
        using var output = new MemoryStream();
        using (var json = new Utf8JsonWriter(output, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        return output.ToArray();
    }
}

internal sealed record BundleDocument(
    [property: JsonPropertyName("mediaType")] string? MediaType,
    [property: JsonPropertyName("dsseEnvelope")] EnvelopeDocument? Envelope,
    [property: JsonPropertyName("messageSignature")] JsonElement? Message);

internal sealed record EnvelopeDocument(
    [property: JsonPropertyName("payload")] string? Payload,
    [property: JsonPropertyName("payloadType")] string? PayloadType,
    [property: JsonPropertyName("signatures")] IReadOnlyList<EnvelopeSignature>? Signatures);

internal sealed record EnvelopeSignature([property: JsonPropertyName("sig")] string? Signature);

internal sealed record StatementDocument(
    [property: JsonPropertyName("_type")] string? Type,
    [property: JsonPropertyName("subject")] IReadOnlyList<StatementSubject>? Subjects,
    [property: JsonPropertyName("predicateType")] string? PredicateType);

internal sealed record StatementSubject(
    [property: JsonPropertyName("name")] string? Name,
    [property: JsonPropertyName("digest")] IReadOnlyDictionary<string, string>? Digest,
    [property: JsonPropertyName("annotations")] IReadOnlyDictionary<string, string>? Annotations);

[JsonSourceGenerationOptions(MaxDepth = 64)]
[JsonSerializable(typeof(BundleDocument))]
[JsonSerializable(typeof(StatementDocument))]
internal sealed partial class SigstoreJson : JsonSerializerContext;
