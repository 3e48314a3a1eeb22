using System.Buffers.Binary;

namespace Caisson.Linux.Launch;

/// <summary>Turns a launch image into an ELF executable of a few kilobytes: the interpreter, and the image it walks.</summary>
/// <remarks>
/// Static, at a fixed address, code and data in segments of their own (R-X, RW-), no stack executable. It is what a container
/// sees as the executable of its first process until its own program runs. Source: elf(5).
/// </remarks>
public static class SelfProgram
{
    internal const long CodeAddress = 0x400000;
    private const long ImageAddress = 0x401000;
    private const int PageSize = 4096;
    internal const int EntryOffset = 64 + (3 * 56);

    /// <summary>The bytes of the executable.</summary>
    public static byte[] ToElf(LaunchImage image) => ToElf(
        image.Bytes.ToArray(), image.Architecture, Interpreter.CodeOf(image.Architecture)[Interpreter.InterpretOffset(image.Architecture)..]);

    /// <summary>An executable of <paramref name="code"/>, which gets the address of <paramref name="image"/>.</summary>
    internal static byte[] ToElf(ReadOnlySpan<byte> image, KernelArchitecture architecture, ReadOnlySpan<byte> code)
    {
        byte[] elf = new byte[PageSize + image.Length];
        var span = elf.AsSpan();
        WriteHeader(span, architecture);
        WriteSegment(span[64..], type: 1, flags: 5, offset: 0, CodeAddress, PageSize); // PT_LOAD, R-X
        WriteSegment(span[120..], type: 1, flags: 6, offset: PageSize, ImageAddress, image.Length); // PT_LOAD, RW-
        WriteSegment(span[176..], type: 0x6474e551, flags: 6, 0, 0, 0); // PT_GNU_STACK: not executable

        int loaded = WriteLoad(span[EntryOffset..], architecture);
        code.CopyTo(span[(EntryOffset + loaded)..]);

        var data = span[PageSize..];
        image.CopyTo(data);
        LaunchImage.Relocate(data, ImageAddress);
        return elf;
    }

    /// <summary>Gives the address of the image to the interpreter, which follows at once.</summary>
    /// <returns>The length of the code.</returns>
    private static int WriteLoad(Span<byte> code, KernelArchitecture architecture)
    {
        if (architecture == KernelArchitecture.Arm64)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(code, 0xd2800000 | (uint)((ImageAddress & 0xffff) << 5)); // movz x0, the low half
            BinaryPrimitives.WriteUInt32LittleEndian(code[4..], 0xf2a00000 | (uint)((ImageAddress >> 16) << 5)); // movk x0, the high half, lsl 16
            return 8;
        }
        code[0] = 0xbf; // mov edi
        BinaryPrimitives.WriteInt32LittleEndian(code[1..], (int)ImageAddress);
        return 5;
    }

    internal static void WriteHeader(Span<byte> elf, KernelArchitecture architecture)
    {
        ReadOnlySpan<byte> ident = [0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        ident.CopyTo(elf);
        BinaryPrimitives.WriteInt16LittleEndian(elf[16..], 2); // ET_EXEC
        BinaryPrimitives.WriteInt16LittleEndian(elf[18..], architecture == KernelArchitecture.Arm64 ? (short)183 : (short)62); // EM_AARCH64, EM_X86_64
        BinaryPrimitives.WriteInt32LittleEndian(elf[20..], 1);
        BinaryPrimitives.WriteInt64LittleEndian(elf[24..], CodeAddress + EntryOffset);
        BinaryPrimitives.WriteInt64LittleEndian(elf[32..], 64); // program headers follow
        BinaryPrimitives.WriteInt16LittleEndian(elf[52..], 64);
        BinaryPrimitives.WriteInt16LittleEndian(elf[54..], 56);
        BinaryPrimitives.WriteInt16LittleEndian(elf[56..], 3);
    }

    internal static void WriteSegment(Span<byte> header, int type, int flags, long offset, long address, long size)
    {
        BinaryPrimitives.WriteInt32LittleEndian(header, type);
        BinaryPrimitives.WriteInt32LittleEndian(header[4..], flags);
        BinaryPrimitives.WriteInt64LittleEndian(header[8..], offset);
        BinaryPrimitives.WriteInt64LittleEndian(header[16..], address);
        BinaryPrimitives.WriteInt64LittleEndian(header[24..], address);
        BinaryPrimitives.WriteInt64LittleEndian(header[32..], size);
        BinaryPrimitives.WriteInt64LittleEndian(header[40..], size);
        BinaryPrimitives.WriteInt64LittleEndian(header[48..], PageSize);
    }
}
