using Caisson.Oci;

namespace Caisson.Images.Layers;

/// <summary>One layer of an image, to be unpacked.</summary>
/// <param name="Blob">The stored archive, compressed or not.</param>
/// <param name="DiffId">What it must be when uncompressed.</param>
/// <param name="ChainId">It with all below it: the name it is unpacked under.</param>
public sealed record LayerSource(ContentDescriptor Blob, Digest DiffId, Digest ChainId);
