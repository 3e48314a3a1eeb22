using System.Text.Json.Serialization;

using Caisson.Errors;

namespace Caisson.Oci;

/// <summary>The configuration of an image: how to run it, what its layers are when unpacked, how it came to be.</summary>
/// <remarks>Its digest is the image id. Docker's form has the same shape. Source: image-spec config.md.</remarks>
public sealed record ImageConfig
{
    /// <summary>The longest configuration that is read, in bytes.</summary>
    public const int SizeBytesMax = 8 * 1024 * 1024;

    private static readonly string[] Names =
    [
        "created", "author", "architecture", "variant", "os", "os.version", "os.features", "config", "rootfs", "history",
    ];

    /// <summary>When the image was made.</summary>
    [JsonPropertyName("created")]
    public DateTimeOffset? Created { get; init; }

    /// <summary>Who made it.</summary>
    [JsonPropertyName("author")]
    public string? Author { get; init; }

    /// <summary>The CPU, a GOARCH.</summary>
    [JsonPropertyName("architecture")]
    public required string Architecture { get; init; }

    /// <summary>The variant of the CPU.</summary>
    [JsonPropertyName("variant")]
    public string? Variant { get; init; }

    /// <summary>The system, a GOOS.</summary>
    [JsonPropertyName("os")]
    public required string Os { get; init; }

    /// <summary>The version of the system, for Windows.</summary>
    [JsonPropertyName("os.version")]
    public string? OsVersion { get; init; }

    /// <summary>How to run the image; null when nothing is said.</summary>
    [JsonPropertyName("config")]
    public ExecutionConfig? Config { get; init; }

    /// <summary>The layers by the digests of their uncompressed archives.</summary>
    [JsonPropertyName("rootfs")]
    public required RootFs RootFs { get; init; }

    /// <summary>One entry for each step of the build, lowest first.</summary>
    [JsonPropertyName("history")]
    public IReadOnlyList<HistoryEntry>? History { get; init; }

    /// <summary>Reads a configuration strictly.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: not JSON, a key twice, or not layers.</exception>
    public static ImageConfig Parse(ReadOnlySpan<byte> content, string subject)
    {
        ImageJson.CheckDocument(content, SizeBytesMax, Names, subject);
        var config = ImageJson.Read(content, ImageJsonContext.Relaxed.ImageConfig, subject);
        return config.RootFs.Type == RootFs.LayersType
            ? config
            : throw ImageJson.Invalid(subject, $"has a rootfs of type '{config.RootFs.Type}'; only layers is supported");
    }

    /// <summary>The document's bytes, in a fixed order of keys.</summary>
    public byte[] ToBytes() => ImageJson.Write(this, ImageJsonContext.Relaxed.ImageConfig);

    /// <summary>
    /// The chain ids of <paramref name="diffIds"/>: each names a layer together with everything below it, so it names what a
    /// root filesystem looks like at that height.
    /// </summary>
    /// <remarks>Source: image-spec config.md, "Layer ChainID".</remarks>
    public static IReadOnlyList<Digest> ChainIds(IReadOnlyList<Digest> diffIds)
    {
        var chain = new Digest[diffIds.Count];
        for (int i = 0; i < chain.Length; i++)
        {
            chain[i] = i == 0
                ? diffIds[0]
                : Digest.Of(System.Text.Encoding.ASCII.GetBytes($"{chain[i - 1]} {diffIds[i]}"));
        }
        return chain;
    }
}

/// <summary>The layers of an image by the digests of their uncompressed archives.</summary>
/// <remarks>Source: image-spec config.md, "rootfs".</remarks>
public sealed record RootFs
{
    /// <summary>The only type there is.</summary>
    public const string LayersType = "layers";

    /// <summary><see cref="LayersType"/>.</summary>
    [JsonPropertyName("type")]
    public required string Type { get; init; }

    /// <summary>Digests of the uncompressed layers, lowest first.</summary>
    [JsonPropertyName("diff_ids")]
    public required IReadOnlyList<Digest> DiffIds { get; init; }
}

/// <summary>One step of how an image came to be.</summary>
/// <remarks>Source: image-spec config.md, "history".</remarks>
public sealed record HistoryEntry
{
    /// <summary>When.</summary>
    [JsonPropertyName("created")]
    public DateTimeOffset? Created { get; init; }

    /// <summary>The command that made it.</summary>
    [JsonPropertyName("created_by")]
    public string? CreatedBy { get; init; }

    /// <summary>By whom.</summary>
    [JsonPropertyName("author")]
    public string? Author { get; init; }

    /// <summary>Free text.</summary>
    [JsonPropertyName("comment")]
    public string? Comment { get; init; }

    /// <summary>True when the step changed no file and has no layer.</summary>
    [JsonPropertyName("empty_layer")]
    public bool? EmptyLayer { get; init; }
}
