using System.Buffers.Binary;

namespace Caisson.Images.Bootstrap;

/// <summary>What must be known of a program before it is put into an image alone. Source: elf(5).</summary>
internal static class ElfFile
{
    private const int HeaderSize = 64;
    private const int InterpreterSegment = 3; // PT_INTERP

    /// <summary>True for a 64-bit little-endian program that asks for no dynamic loader.</summary>
    public static bool IsStatic(ReadOnlySpan<byte> content)
    {
        if (content.Length < HeaderSize || !content.StartsWith("\u007fELF"u8) || content[4] != 2 || content[5] != 1)
        {
            return false;
        }
        ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(content[32..]);
        int size = BinaryPrimitives.ReadUInt16LittleEndian(content[54..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(content[56..]);
        for (int i = 0; i < count; i++)
        {
            ulong at = offset + (ulong)(i * size);
            if (size < 4 || at > (ulong)content.Length - 4)
            {
                return false;
            }
            if (BinaryPrimitives.ReadInt32LittleEndian(content[(int)at..]) == InterpreterSegment)
            {
                return false;
            }
        }
        return count > 0;
    }
}
