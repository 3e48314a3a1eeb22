using System.IO.Compression;

using Caisson.Errors;

namespace Caisson.Machines.Kernels;

/// <summary>The kernel's file of arm64 as distributions have it: what is started, as it is or packed by gzip.</summary>
/// <remarks>Source: kernel Documentation/arch/arm64/booting.rst, "Call the kernel image".</remarks>
public static class Arm64Image
{
    private const int MagicOffset = 56;
    private const int HeaderBytes = 64;

    private static ReadOnlySpan<byte> Magic => "ARMd"u8;

    /// <summary>Whether <paramref name="image"/> is such a file, by its first bytes.</summary>
    public static bool IsOne(ReadOnlySpan<byte> image) => IsPacked(image) || IsPlain(image);

    /// <summary>The kernel that can be started.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: it is no kernel of arm64.</exception>
    public static byte[] Unpack(byte[] image)
    {
        byte[] kernel = IsPacked(image) ? UnpackGzip(image) : image;
        return IsPlain(kernel) ? kernel : throw Refused("what is packed in it has no boot header of arm64");
    }

    private static bool IsPacked(ReadOnlySpan<byte> image) => image is [0x1f, 0x8b, ..];

    private static bool IsPlain(ReadOnlySpan<byte> image) => image.Length >= HeaderBytes && image[MagicOffset..].StartsWith(Magic);

    private static byte[] UnpackGzip(byte[] image)
    {
        try
        {
            return BzImage.Read(new GZipStream(new MemoryStream(image), CompressionMode.Decompress));
        }
        catch (InvalidDataException error)
        {
            throw Refused(error.Message);
        }
    }

    private static CaissonException Refused(string why) => new(ErrorKind.InvalidArgument, $"read the kernel: {why}");
}
