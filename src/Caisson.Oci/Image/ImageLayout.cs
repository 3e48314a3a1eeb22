using System.Text.Json.Serialization;

using Caisson.Errors;

namespace Caisson.Oci;

/// <summary>The <c>oci-layout</c> file that marks a directory or archive as an image layout.</summary>
/// <remarks>Source: image-spec image-layout.md.</remarks>
public sealed record ImageLayout
{
    /// <summary>Where the marker is.</summary>
    public const string FileName = "oci-layout";

    /// <summary>Where the entry document is.</summary>
    public const string IndexFileName = "index.json";

    /// <summary>The annotation of a manifest in the entry document that holds its tag.</summary>
    public const string RefNameAnnotation = "org.opencontainers.image.ref.name";

    /// <summary>The annotation that containerd and Docker add: the full name of the image.</summary>
    public const string ImageNameAnnotation = "io.containerd.image.name";

    private static readonly string[] Names = ["imageLayoutVersion"];

    /// <summary>The version of the layout; <c>1.0.0</c>.</summary>
    [JsonPropertyName("imageLayoutVersion")]
    public required string Version { get; init; }

    /// <summary>The layout this build writes.</summary>
    public static ImageLayout Current { get; } = new() { Version = "1.0.0" };

    /// <summary>Where the blob <paramref name="digest"/> is within a layout: <c>blobs/sha256/HEX</c>.</summary>
    public static string BlobPath(Digest digest) => $"blobs/{digest.Algorithm}/{digest.Hex}";

    /// <summary>Reads the marker; a major version other than 1 is refused.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: not the marker, or of an unknown version.</exception>
    public static ImageLayout Parse(ReadOnlySpan<byte> content, string subject)
    {
        ImageJson.CheckDocument(content, 64 * 1024, Names, subject);
        var layout = ImageJson.Read(content, ImageJsonContext.Relaxed.ImageLayout, subject);
        return layout.Version.StartsWith("1.", StringComparison.Ordinal)
            ? layout
            : throw ImageJson.Invalid(subject, $"has layout version '{layout.Version}'; only 1.x is supported");
    }

    /// <summary>The marker's bytes.</summary>
    public byte[] ToBytes() => ImageJson.Write(this, ImageJsonContext.Relaxed.ImageLayout);
}
