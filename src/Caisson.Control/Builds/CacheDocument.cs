using System.Text.Json;
using System.Text.Json.Serialization;

using Caisson.Errors;
using Caisson.Oci;

namespace Caisson.Control.Builds;

/// <summary>What is kept of builds outside the engine, in the shape that BuildKit gave it.</summary>
/// <remarks>
/// Digests of steps are ours, so each builder finds only what it has written itself; <c>key</c>, <c>description</c> and <c>createdAt</c> of a record are our
/// additions, which others pass over. Source: BuildKit's documentation of its cache manifests, <c>application/vnd.buildkit.cacheconfig.v0</c>.
/// </remarks>
internal sealed record CacheDocument
{
    public const string MediaType = "application/vnd.buildkit.cacheconfig.v0";

    public const int SizeBytesMax = 16 << 20;

    private const int RecordsMax = 20_000;

    [JsonPropertyName("layers")]
    public IReadOnlyList<Layer> Layers { get => field ?? []; init; }

    [JsonPropertyName("records")]
    public IReadOnlyList<Record> Records { get => field ?? []; init; }

    /// <summary>One layer.</summary>
    internal sealed record Layer
    {
        [JsonPropertyName("blob")]
        public required Digest Blob { get; init; }

        /// <summary>The place of the layer below in the list; -1 for none that is in it.</summary>
        [JsonPropertyName("parent")]
        public int Parent { get; init; }

        [JsonPropertyName("annotations")]
        public LayerNotes? Annotations { get; init; }
    }

    /// <summary>What is known of a layer's blob.</summary>
    internal sealed record LayerNotes
    {
        [JsonPropertyName("mediaType")]
        public string? MediaType { get; init; }

        [JsonPropertyName("diffID")]
        public string? DiffId { get; init; }

        [JsonPropertyName("size")]
        public long Size { get; init; }

        [JsonPropertyName("createdAt")]
        public DateTimeOffset? CreatedAt { get; init; }
    }

    /// <summary>One step.</summary>
    internal sealed record Record
    {
        [JsonPropertyName("digest")]
        public required Digest Digest { get; init; }

        [JsonPropertyName("results")]
        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public IReadOnlyList<Result>? Results { get; init; }

        [JsonPropertyName("key")]
        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public string? Key { get; init; }

        [JsonPropertyName("description")]
        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public string? Description { get; init; }

        [JsonPropertyName("createdAt")]
        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public DateTimeOffset? CreatedAt { get; init; }
    }

    /// <summary>What a step made: a layer, by its place in the list.</summary>
    internal sealed record Result
    {
        [JsonPropertyName("layer")]
        public int Layer { get; init; }

        [JsonPropertyName("createdAt")]
        public DateTimeOffset? CreatedAt { get; init; }
    }

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, CacheJson.Default.CacheDocument);

    /// <summary>Reads a document of a stranger: bounded, and every place in it is checked.</summary>
    public static CacheDocument Parse(byte[] content, string subject)
    {
        CacheDocument? document;
        try
        {
            document = JsonSerializer.Deserialize(content, CacheJson.Default.CacheDocument);
        }
        catch (Exception error) when (error is JsonException or CaissonException)
        {
            throw Invalid(error.Message);
        }
        if (document is null || document.Records.Count > RecordsMax || document.Layers.Count > RecordsMax)
        {
            throw Invalid($"it is empty, or has more than {RecordsMax} steps or layers");
        }
        return document.Records.SelectMany(record => record?.Results ?? []).All(result => result?.Layer >= 0 && result.Layer < document.Layers.Count)
            && document.Layers.All(layer => layer is { Blob.IsEmpty: false } && layer.Annotations?.Size >= 0) && document.Records.All(record => record is { Digest.IsEmpty: false })
            ? document
            : throw Invalid("a step names a layer that it does not have");

        CaissonException Invalid(string why) => new(ErrorKind.InvalidArgument, $"{subject} is no cache of builds: {why}");
    }
}

/// <summary>The generated reader and writer.</summary>
[JsonSerializable(typeof(CacheDocument))]
internal sealed partial class CacheJson : JsonSerializerContext;
