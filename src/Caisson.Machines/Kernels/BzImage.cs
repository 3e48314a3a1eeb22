using System.Buffers.Binary;
using System.IO.Compression;

using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Machines.Kernels;

/// <summary>The kernel's file as distributions have it: a loader with the packed kernel in it. Unpacked once here, it needs no unpacking at each start.</summary>
/// <remarks>Source: kernel Documentation/arch/x86/boot.rst, "payload_offset".</remarks>
public static class BzImage
{
    private const int KernelBytesMax = 512 << 20;

    /// <summary>The executable kernel that is packed in <paramref name="image"/>; the same when it is not packed.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: it is no kernel of x86-64, or is packed in a way that is not known here.</exception>
    public static byte[] Unpack(byte[] image)
    {
        ReadOnlySpan<byte> all = image;
        byte[] kernel = IsElf(all) ? image : UnpackPayload(Payload(all));
        if (!IsElf(kernel) || kernel.Length < 64 || BinaryPrimitives.ReadUInt16LittleEndian(kernel.AsSpan(18)) != 62)
        {
            throw Refused("what is packed in it is no executable of x86-64");
        }
        return kernel;
    }

    private static bool IsElf(ReadOnlySpan<byte> bytes) => bytes.StartsWith("\x7f"u8) && bytes.Length > 4 && bytes[1..4].SequenceEqual("ELF"u8);

    private static ReadOnlySpan<byte> Payload(ReadOnlySpan<byte> image)
    {
        if (image.Length < 0x260 || !image.Slice(0x202, 4).SequenceEqual("HdrS"u8) || BinaryPrimitives.ReadUInt16LittleEndian(image[0x206..]) < 0x208)
        {
            throw Refused("it has no boot header of version 2.08 or later");
        }
        int setup = image[0x1f1] == 0 ? 4 : image[0x1f1];
        long start = ((setup + 1) * 512L) + BinaryPrimitives.ReadUInt32LittleEndian(image[0x248..]);
        long length = BinaryPrimitives.ReadUInt32LittleEndian(image[0x24c..]);
        return length >= 8 && start + length <= image.Length ? image.Slice((int)start, (int)length) : throw Refused("its boot header points outside of it");
    }

    private static byte[] UnpackPayload(ReadOnlySpan<byte> payload)
    {
        try
        {
            return payload switch
            {
                [0x02, 0x21, 0x4c, 0x18, ..] => Lz4Legacy.Unpack(payload, KernelBytesMax),
                [0x1f, 0x8b, ..] => Read(new GZipStream(new MemoryStream(payload.ToArray()), CompressionMode.Decompress)),
                [0x28, 0xb5, 0x2f, 0xfd, ..] => Read(new ZstdDecompressStream(new MemoryStream(payload[..^4].ToArray()))),
                [0x7f, (byte)'E', (byte)'L', (byte)'F', ..] => payload.ToArray(),
                [0xfd, (byte)'7', (byte)'z', ..] => throw Refused("it is packed by xz, which is not read here; use a kernel that is packed by lz4, gzip or zstd"),
                _ => throw Refused("it is packed in a way that is not known here"),
            };
        }
        catch (InvalidDataException error)
        {
            throw Refused(error.Message);
        }
    }

    /// <summary>Reads to the end, within the bounds of a kernel.</summary>
    internal static byte[] Read(Stream stream)
    {
        using (stream)
        {
            using var output = new MemoryStream();
            byte[] buffer = new byte[1 << 20];
            int count;
            while ((count = stream.Read(buffer)) > 0)
            {
                output.Write(buffer, 0, count);
                if (output.Length > KernelBytesMax)
                {
                    throw new InvalidDataException($"unpacked it is larger than {KernelBytesMax} bytes");
                }
            }
            return output.ToArray();
        }
    }

    private static CaissonException Refused(string why) => new(ErrorKind.InvalidArgument, $"read the kernel: {why}");
}
