using Caisson.Images.Layers;
using Caisson.Oci;

namespace Caisson.Images.Archives;

/// <summary>The OCI media type of a layer, told from its first bytes.</summary>
internal static class LayerMediaType
{
    /// <summary>Of the archive in <paramref name="blob"/>, of which a few bytes are read.</summary>
    public static string Of(Stream blob, string subject)
    {
        Span<byte> magic = stackalloc byte[LayerStream.MagicBytes];
        int length = blob.ReadAtLeast(magic, magic.Length, throwOnEndOfStream: false);
        return Of(LayerStream.Detect(magic[..length], subject));
    }

    /// <summary>For content compressed in this way.</summary>
    public static string Of(LayerCompression compression) => compression switch
    {
        LayerCompression.Gzip => MediaTypes.LayerGzip,
        LayerCompression.Zstd => MediaTypes.LayerZstd,
        _ => MediaTypes.Layer,
    };
}
