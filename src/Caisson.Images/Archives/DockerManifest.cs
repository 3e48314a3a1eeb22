using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Caisson.Images.Archives;

/// <summary>An image in the <c>manifest.json</c> of what <c>docker save</c> writes.</summary>
/// <remarks>Source: moby image spec v1.2, "Combined Image JSON + Filesystem Changeset Format".</remarks>
internal sealed record DockerManifestEntry
{
    /// <summary>The member that is the image's configuration.</summary>
    public required string Config { get; init; }

    /// <summary>Names with tags; null or empty for none.</summary>
    public IReadOnlyList<string>? RepoTags { get; init; }

    /// <summary>The members that are the layers, lowest first.</summary>
    public required IReadOnlyList<string> Layers { get; init; }
}

/// <summary>The generated reader and writer of <c>manifest.json</c>.</summary>
[JsonSourceGenerationOptions(MaxDepth = 16)]
[JsonSerializable(typeof(IReadOnlyList<DockerManifestEntry>))]
internal sealed partial class DockerManifestJson : JsonSerializerContext
{
    /// <summary>Writes text as it is.</summary>
    public static DockerManifestJson Relaxed { get; } = new(new JsonSerializerOptions
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        RespectNullableAnnotations = true,
    });
}
