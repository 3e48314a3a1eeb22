using System.Buffers.Binary;

namespace Caisson.Machines.Kernels;

/// <summary>The form of LZ4 that kernels are packed in: a magic number, then blocks of at most eight megabytes, each with its packed length in front.</summary>
/// <remarks>Source: lz4 doc/lz4_Frame_format.md, "Legacy frame"; doc/lz4_Block_format.md.</remarks>
internal static class Lz4Legacy
{
    private const int BlockBytesMax = 8 << 20;

    /// <summary>Unpacks all blocks; the four bytes of size that the kernel's build puts behind them are no block.</summary>
    /// <exception cref="InvalidDataException">The data is damaged, or more than <paramref name="bytesMax"/>.</exception>
    public static byte[] Unpack(ReadOnlySpan<byte> packed, int bytesMax)
    {
        using var output = new MemoryStream();
        byte[] block = new byte[BlockBytesMax];
        ReadOnlySpan<byte> rest = packed[4..];
        while (rest.Length > 4)
        {
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(rest);
            if (length > rest.Length - 4)
            {
                throw new InvalidDataException("a block of LZ4 is longer than its file");
            }
            int count = UnpackBlock(rest.Slice(4, (int)length), block);
            if (output.Length + count > bytesMax)
            {
                throw new InvalidDataException($"unpacked it is larger than {bytesMax} bytes");
            }
            output.Write(block, 0, count);
            rest = rest[(4 + (int)length)..];
        }
        return output.ToArray();
    }

    private static int UnpackBlock(ReadOnlySpan<byte> packed, Span<byte> block)
    {
        int at = 0;
        int end = 0;
        while (at < packed.Length)
        {
            int token = packed[at++];
            int literals = Length(packed, ref at, token >> 4);
            if (literals > packed.Length - at || literals > block.Length - end)
            {
                throw Damaged();
            }
            packed.Slice(at, literals).CopyTo(block[end..]);
            at += literals;
            end += literals;
            if (at == packed.Length)
            {
                break;
            }
            if (packed.Length - at < 2)
            {
                throw Damaged();
            }
            int offset = BinaryPrimitives.ReadUInt16LittleEndian(packed[at..]);
            at += 2;
            int match = Length(packed, ref at, token & 15) + 4;
            if (offset == 0 || offset > end || match > block.Length - end)
            {
                throw Damaged();
            }
            if (offset >= match)
            {
                block.Slice(end - offset, match).CopyTo(block[end..]);
                end += match;
                continue;
            }
            for (int i = 0; i < match; i++, end++)
            {
                block[end] = block[end - offset];
            }
        }
        return end;
    }

    private static int Length(ReadOnlySpan<byte> packed, ref int at, int length)
    {
        if (length < 15)
        {
            return length;
        }
        byte more;
        do
        {
            if (at == packed.Length || length > BlockBytesMax)
            {
                throw Damaged();
            }
            length += more = packed[at++];
        }
        while (more == 255);
        return length;
    }

    private static InvalidDataException Damaged() => new("the LZ4 data is damaged");
}
