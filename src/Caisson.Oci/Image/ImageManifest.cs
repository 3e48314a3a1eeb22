using System.Text.Json.Serialization;

using Caisson.Errors;

namespace Caisson.Oci;

/// <summary>One image: its configuration and its layers, lowest first.</summary>
/// <remarks>Docker's schema 2 has the same shape. Source: image-spec manifest.md.</remarks>
public sealed record ImageManifest
{
    /// <summary>The longest manifest that is read, in bytes.</summary>
    public const int SizeBytesMax = 4 * 1024 * 1024;

    /// <summary>The most layers of an image: what overlayfs stacks.</summary>
    public const int LayersMax = 500;

    private static readonly string[] Names =
        ["schemaVersion", "mediaType", "artifactType", "config", "layers", "subject", "annotations", "manifests", "fsLayers"];

    /// <summary>Always 2.</summary>
    [JsonPropertyName("schemaVersion")]
    public required int SchemaVersion { get; init; }

    /// <summary>What the document says of itself; OCI allows it to be absent.</summary>
    [JsonPropertyName("mediaType")]
    public string? MediaType { get; init; }

    /// <summary>The type of the artifact, when it is no image that runs.</summary>
    [JsonPropertyName("artifactType")]
    public string? ArtifactType { get; init; }

    /// <summary>The image configuration.</summary>
    [JsonPropertyName("config")]
    public required ContentDescriptor Config { get; init; }

    /// <summary>The layers, lowest first.</summary>
    [JsonPropertyName("layers")]
    public required IReadOnlyList<ContentDescriptor> Layers { get; init; }

    /// <summary>What this manifest is about, when it refers to another.</summary>
    [JsonPropertyName("subject")]
    public ContentDescriptor? Subject { get; init; }

    /// <summary>Free text by key.</summary>
    [JsonPropertyName("annotations")]
    public IReadOnlyDictionary<string, string>? Annotations { get; init; }

    /// <summary>Reads a manifest strictly.</summary>
    /// <param name="content">The document, whose digest the caller has verified.</param>
    /// <param name="mediaType">What the descriptor or the server called it; must agree with what it calls itself.</param>
    /// <param name="subject">What to call the document in errors.</param>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.InvalidArgument"/>: not JSON, ambiguous (also an index, a key twice), or contradicting <paramref name="mediaType"/>.
    /// </exception>
    public static ImageManifest Parse(ReadOnlySpan<byte> content, string? mediaType, string subject)
    {
        var keys = ImageJson.CheckDocument(content, SizeBytesMax, Names, subject);
        if (keys.Contains("manifests") || keys.Contains("fsLayers"))
        {
            throw ImageJson.Invalid(subject, "is also an index or a schema 1 manifest; such a document means two things");
        }
        var manifest = ImageJson.Read(content, ImageJsonContext.Relaxed.ImageManifest, subject);
        ImageJson.CheckMediaType(mediaType, manifest.MediaType, MediaTypes.IsManifest, subject);
        if (manifest.SchemaVersion != 2)
        {
            throw ImageJson.Invalid(subject, $"has schema version {manifest.SchemaVersion}; only 2 is supported");
        }
        if (manifest.Layers.Count > LayersMax)
        {
            throw ImageJson.Invalid(subject, $"has {manifest.Layers.Count} layers; at most {LayersMax} can be stacked");
        }
        ImageJson.CheckDescriptor(manifest.Config, subject, "config");
        foreach (ContentDescriptor layer in manifest.Layers)
        {
            ImageJson.CheckDescriptor(layer, subject, "layers");
        }
        return manifest;
    }

    /// <summary>The document's bytes, in a fixed order of keys.</summary>
    public byte[] ToBytes() => ImageJson.Write(this, ImageJsonContext.Relaxed.ImageManifest);
}
