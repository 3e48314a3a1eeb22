using System.Text.Json.Serialization;

using Caisson.Errors;

namespace Caisson.Oci;

/// <summary>A list of manifests: the platforms of one image, or the entry document of an image layout.</summary>
/// <remarks>Docker's manifest list has the same shape. Source: image-spec image-index.md.</remarks>
public sealed record ImageIndex
{
    /// <summary>The longest index that is read, in bytes.</summary>
    public const int SizeBytesMax = 4 * 1024 * 1024;

    private static readonly string[] Names =
        ["schemaVersion", "mediaType", "artifactType", "manifests", "subject", "annotations", "config", "layers", "fsLayers"];

    /// <summary>Always 2.</summary>
    [JsonPropertyName("schemaVersion")]
    public required int SchemaVersion { get; init; }

    /// <summary>What the document says of itself; OCI allows it to be absent.</summary>
    [JsonPropertyName("mediaType")]
    public string? MediaType { get; init; }

    /// <summary>The type of the artifact, when it is one.</summary>
    [JsonPropertyName("artifactType")]
    public string? ArtifactType { get; init; }

    /// <summary>The manifests, in the author's order of preference.</summary>
    [JsonPropertyName("manifests")]
    public required IReadOnlyList<ContentDescriptor> Manifests { get; init; }

    /// <summary>What this index is about, when it refers to another document.</summary>
    [JsonPropertyName("subject")]
    public ContentDescriptor? Subject { get; init; }

    /// <summary>Free text by key.</summary>
    [JsonPropertyName("annotations")]
    public IReadOnlyDictionary<string, string>? Annotations { get; init; }

    /// <summary>Reads an index strictly.</summary>
    /// <param name="content">The document, whose digest the caller has verified where it has one.</param>
    /// <param name="mediaType">What the descriptor or the server called it; must agree with what it calls itself.</param>
    /// <param name="subject">What to call the document in errors.</param>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.InvalidArgument"/>: not JSON, ambiguous (also a manifest, a key twice), or contradicting <paramref name="mediaType"/>.
    /// </exception>
    public static ImageIndex Parse(ReadOnlySpan<byte> content, string? mediaType, string subject)
    {
        var keys = ImageJson.CheckDocument(content, SizeBytesMax, Names, subject);
        if (keys.Contains("layers") || keys.Contains("config") || keys.Contains("fsLayers"))
        {
            throw ImageJson.Invalid(subject, "is also a manifest; such a document means two things");
        }
        var index = ImageJson.Read(content, ImageJsonContext.Relaxed.ImageIndex, subject);
        ImageJson.CheckMediaType(mediaType, index.MediaType, MediaTypes.IsIndex, subject);
        if (index.SchemaVersion != 2)
        {
            throw ImageJson.Invalid(subject, $"has schema version {index.SchemaVersion}; only 2 is supported");
        }
        foreach (ContentDescriptor manifest in index.Manifests)
        {
            ImageJson.CheckDescriptor(manifest, subject, "manifests");
        }
        return index;
    }

    /// <summary>The entry for <paramref name="platform"/>: the first of its variant, or else the first whose variant it runs, too; null for none.</summary>
    /// <remarks>A machine of a variant runs older ones; without a variant, the author's order decides. Source: image-spec image-index.md.</remarks>
    public ContentDescriptor? Choose(Platform platform)
    {
        ArgumentNullException.ThrowIfNull(platform);
        ContentDescriptor[] fitting = [.. Manifests.Where(each =>
            each.Platform is { } own && own.Os == platform.Os && own.Architecture == platform.Architecture
            && (MediaTypes.IsManifest(each.MediaType) || MediaTypes.IsIndex(each.MediaType)))];
        return fitting.FirstOrDefault(each => each.Platform!.Variant == platform.Variant)
            ?? (platform.Variant is null
                ? fitting.FirstOrDefault()
                : fitting.Where(each => string.CompareOrdinal(each.Platform!.Variant ?? "", platform.Variant) < 0)
                    .OrderByDescending(each => each.Platform!.Variant ?? "", StringComparer.Ordinal)
                    .FirstOrDefault());
    }

    /// <summary>The document's bytes, in a fixed order of keys.</summary>
    public byte[] ToBytes() => ImageJson.Write(this, ImageJsonContext.Relaxed.ImageIndex);
}
