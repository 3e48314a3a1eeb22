using System.Text.Json;

using Caisson.Errors;
using Caisson.Oci;

namespace Caisson.Registry;

/// <summary>What a registry must know of a manifest: what it is, what it needs, what it is about.</summary>
/// <remarks>Source: image-spec manifest.md and image-index.md; distribution-spec, "Pushing Manifests with Subject".</remarks>
internal sealed record ManifestFacts
{
    /// <summary>The type it is served as.</summary>
    public required string MediaType { get; init; }

    /// <summary>Configuration and layers, which must be there.</summary>
    public required IReadOnlyList<Digest> Blobs { get; init; }

    /// <summary>What an index lists.</summary>
    public required IReadOnlyList<Digest> Manifests { get; init; }

    /// <summary>What it is about; default for nothing.</summary>
    public Digest Subject { get; init; }

    /// <summary>Which kind of document it is to those who ask for referrers.</summary>
    public string? ArtifactType { get; init; }

    /// <summary>Free text by key.</summary>
    public IReadOnlyDictionary<string, string>? Annotations { get; init; }

    /// <summary>Reads a manifest or an index strictly.</summary>
    /// <exception cref="RegistryRefusal"><see cref="RefusalCode.ManifestInvalid"/>.</exception>
    public static ManifestFacts Read(ReadOnlySpan<byte> content, string? told)
    {
        try
        {
            string? type = told is null or "application/json" or "application/octet-stream" ? OwnType(content) : told;
            if (MediaTypes.IsIndex(type))
            {
                ImageIndex index = ImageIndex.Parse(content, type, "the index");
                return new ManifestFacts
                {
                    MediaType = type!,
                    Blobs = [],
                    Manifests = [.. index.Manifests.Select(each => each.Digest).Distinct()],
                    Subject = index.Subject?.Digest ?? default,
                    ArtifactType = index.ArtifactType,
                    Annotations = index.Annotations,
                };
            }
            if (!MediaTypes.IsManifest(type))
            {
                throw new RegistryRefusal(RefusalCode.ManifestInvalid, $"the manifest is of type '{type ?? "unknown"}', which is neither an image nor an index");
            }
            ImageManifest manifest = ImageManifest.Parse(content, type, "the manifest");
            return new ManifestFacts
            {
                MediaType = type!,
                Blobs = [.. manifest.Layers.Where(layer => !IsForeign(layer.MediaType)).Append(manifest.Config).Select(each => each.Digest).Distinct()],
                Manifests = [],
                Subject = manifest.Subject?.Digest ?? default,
                ArtifactType = string.IsNullOrEmpty(manifest.ArtifactType) ? manifest.Config.MediaType : manifest.ArtifactType,
                Annotations = manifest.Annotations,
            };
        }
        catch (CaissonException e) when (e is not RegistryRefusal)
        {
            throw new RegistryRefusal(RefusalCode.ManifestInvalid, e.Message, e);
        }
    }

    /// <summary>The entry of a list of referrers for this manifest.</summary>
    public byte[] Describe(Digest digest, long size) => new ImageIndex
    {
        SchemaVersion = 2,
        Manifests = [new ContentDescriptor { MediaType = MediaType, Digest = digest, Size = size, ArtifactType = ArtifactType, Annotations = Annotations }],
    }.ToBytes();

    /// <summary>Reads what <see cref="Describe"/> wrote.</summary>
    public static ContentDescriptor ReadDescriptor(byte[] stored) => ImageIndex.Parse(stored, null, "the stored descriptor").Manifests[0];

    private static bool IsForeign(string mediaType) =>
        mediaType.Contains(".foreign.", StringComparison.Ordinal) || mediaType.Contains("nondistributable", StringComparison.Ordinal);

    private static string? OwnType(ReadOnlySpan<byte> content)
    {
        try
        {
            var reader = new Utf8JsonReader(content);
            using JsonDocument document = JsonDocument.ParseValue(ref reader);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("mediaType", out JsonElement type)
                && type.ValueKind == JsonValueKind.String ? type.GetString() : null;
        }
        catch (JsonException e)
        {
            throw new RegistryRefusal(RefusalCode.ManifestInvalid, "the manifest is not well-formed JSON", e);
        }
    }
}
