using System.Text.Json.Serialization;

using Caisson.Oci;

namespace Caisson.Images.Layers;

/// <summary>An unpacked layer, as its <c>complete</c> file says. Only a layer that has one is used.</summary>
public sealed record LayerRecord
{
    /// <summary>The layer together with all below it.</summary>
    public required Digest ChainId { get; init; }

    /// <summary>The uncompressed archive.</summary>
    public required Digest DiffId { get; init; }

    /// <summary>The chain id of the layer below; null for the lowest.</summary>
    public Digest? Parent { get; init; }

    /// <summary>The length of its archive when packing its files gives that byte for byte, so that it need not be kept; null when it must be.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? ArchiveBytes { get; init; }

    /// <summary>What is in it and what was left out.</summary>
    public required LayerContents Contents { get; init; }
}

/// <summary>The generated reader and writer of <c>complete</c> files.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(LayerRecord))]
internal sealed partial class LayerJson : JsonSerializerContext;
