using System.IO.Compression;

using Caisson.Errors;
using Caisson.Images.Layers;
using Caisson.Images.Layers.Tar;
using Caisson.Images.Tests.Layers.Tar;
using Caisson.Linux;
using Caisson.Oci;

using Xunit;

namespace Caisson.Images.Tests.Layers;

public sealed class LayerStreamTests
{
    private static readonly byte[] Archive = new TarBytes().File("a", new string('a', 700_000)).File("b", "b").End();

    public static TheoryData<LayerCompression> Compressions => [LayerCompression.None, LayerCompression.Gzip, LayerCompression.Zstd];

    [Theory]
    [MemberData(nameof(Compressions))]
    public void Every_compression_gives_the_same_entries_and_digest(LayerCompression compression)
    {
        using var layer = Open(Compress(Archive, compression));
        var reader = new TarReader(layer, TarLimits.Default, "test");

        List<string> names = [];
        while (reader.Next() is { } entry)
        {
            names.Add(entry.Name);
        }

        Assert.Equal(["a", "b"], names);
        Assert.Equal(compression, layer.Compression);
        Assert.Equal(Digest.Of(Archive), layer.GetDiffId());
    }

    [Theory]
    [MemberData(nameof(Compressions))]
    public void Members_of_a_compressed_stream_follow_each_other(LayerCompression compression)
    {
        byte[] joined = [.. Compress(Archive[..1000], compression), .. Compress(Archive[1000..], compression)];

        using var layer = Open(joined);

        Assert.Equal(Digest.Of(Archive), layer.GetDiffId());
    }

    [Theory]
    [InlineData(LayerCompression.Gzip)]
    [InlineData(LayerCompression.Zstd)]
    public void A_stream_that_is_cut_off_is_an_error_at_any_place(LayerCompression compression)
    {
        byte[] whole = Compress(Archive, compression);
        for (int length = 7; length < whole.Length; length += Math.Max(1, whole.Length / 50))
        {
            using var layer = Open(whole[..length]);

            Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<CaissonException>(() => layer.GetDiffId()).Kind);
        }
    }

    [Fact]
    public void A_stream_can_be_left_at_any_time()
    {
        using var layer = Open(Compress(Archive, LayerCompression.Gzip));

        layer.ReadExactly(new byte[10]);
    }

    [Theory]
    [InlineData(LayerCompression.Gzip)]
    [InlineData(LayerCompression.Zstd)]
    public void What_grows_beyond_its_limit_is_refused(LayerCompression compression)
    {
        byte[] bomb = Compress(new byte[64 << 20], compression);
        using var layer = LayerStream.Open(new MemoryStream(bomb), TarLimits.Default with { ArchiveBytesMax = 8 << 20 }, "test");

        Assert.Equal(ErrorKind.ResourceExhausted, Assert.Throws<CaissonException>(() => layer.GetDiffId()).Kind);
    }

    [Theory]
    [InlineData("BZh91AY&SY")]
    [InlineData("\u00fd7zXZ\0\0\u0004")]
    public void Other_compressions_are_named(string start)
    {
        byte[] content = [.. start.Select(c => (byte)c), .. new byte[100]];

        Assert.Equal(ErrorKind.Unimplemented, Assert.Throws<CaissonException>(() => Open(content)).Kind);
    }

    internal static byte[] Compress(byte[] content, LayerCompression compression)
    {
        using var output = new MemoryStream();
        using (Stream? encoder = compression switch
        {
            LayerCompression.Gzip => new GZipStream(output, CompressionLevel.Fastest, leaveOpen: true),
            LayerCompression.Zstd => new ZstdCompressStream(output, leaveOpen: true),
            _ => null,
        })
        {
            (encoder ?? output).Write(content);
        }
        return output.ToArray();
    }

    private static LayerStream Open(byte[] content) => LayerStream.Open(new MemoryStream(content), TarLimits.Default, "test");
}
