using System.Text.Json.Serialization;

namespace Caisson.Oci;

/// <summary>What content is, how long and of which hash.</summary>
/// <remarks>
/// <c>urls</c> and <c>data</c> are not read: content comes from where the document came from.
/// Source: image-spec descriptor.md.
/// </remarks>
public sealed record ContentDescriptor
{
    /// <summary>The type of the content.</summary>
    [JsonPropertyName("mediaType")]
    public required string MediaType { get; init; }

    /// <summary>The hash of the content.</summary>
    [JsonPropertyName("digest")]
    public required Digest Digest { get; init; }

    /// <summary>The length in bytes, zero or more.</summary>
    [JsonPropertyName("size")]
    public required long Size { get; init; }

    /// <summary>The platform, in entries of an index.</summary>
    [JsonPropertyName("platform")]
    public Platform? Platform { get; init; }

    /// <summary>The type of the artifact, when the content is one.</summary>
    [JsonPropertyName("artifactType")]
    public string? ArtifactType { get; init; }

    /// <summary>Free text by key.</summary>
    [JsonPropertyName("annotations")]
    public IReadOnlyDictionary<string, string>? Annotations { get; init; }
}
