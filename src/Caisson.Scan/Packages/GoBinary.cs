using System.Buffers.Binary;
using System.Text;

namespace Caisson.Scan.Packages;

/// <summary>The modules that a Go program was built of, which its linker writes into it.</summary>
/// <remarks>ELF of 64 bits, little-endian, Go 1.18 or newer. Source: Go's debug/buildinfo, "Build info blob".</remarks>
internal static class GoBinary
{
    private const int HeaderBytes = 32;
    private const int TextBytesMax = 4 << 20;
    private const int SectionsMax = 4096;

    private static ReadOnlySpan<byte> Magic => " Go buildinf:"u8; // after a byte 0xff

    /// <summary>Reads from a file at an offset.</summary>
    public delegate int ReadAt(Span<byte> buffer, long offset);

    /// <summary>The modules, and <c>stdlib</c> for Go itself; none when the file is no such program.</summary>
    public static List<Package> Read(ReadAt file, string location)
    {
        List<Package> packages = [];
        if (FindSection(file) is not { } section)
        {
            return packages;
        }
        byte[] blob = new byte[Math.Min(section.Size, TextBytesMax)];
        int length = ReadFully(file, blob, section.Offset);
        ReadOnlySpan<byte> data = blob.AsSpan(0, length);
        if (data.Length < HeaderBytes || data[0] != 0xff || !data[1..].StartsWith(Magic) || (data[15] & 2) == 0)
        {
            return packages;
        }
        data = data[HeaderBytes..];
        string version = Text(ref data);
        string modules = Text(ref data);
        if (version.StartsWith("go", StringComparison.Ordinal))
        {
            packages.Add(new Package { Type = "golang", Name = "stdlib", Version = version[2..].Split(' ')[0], Location = location });
        }
        Package? last = null;
        foreach (string line in modules.Split('\n'))
        {
            string[] words = line.Split('\t');
            if (words is ["mod" or "dep" or "=>", var name, var number, ..] && name.Length > 0 && number.StartsWith('v'))
            {
                if (words[0] == "=>" && last is not null)
                {
                    packages.Remove(last); // replaced by this one
                }
                last = new Package { Type = "golang", Name = name, Version = number, Location = location };
                packages.Add(last);
            }
        }
        return packages;
    }

    private static (long Offset, long Size)? FindSection(ReadAt file)
    {
        Span<byte> header = stackalloc byte[64];
        if (ReadFully(file, header, 0) < 64 || !header.StartsWith<byte>([0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1]))
        {
            return null;
        }
        long table = BinaryPrimitives.ReadInt64LittleEndian(header[40..]);
        int entry = BinaryPrimitives.ReadUInt16LittleEndian(header[58..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(header[60..]);
        int names = BinaryPrimitives.ReadUInt16LittleEndian(header[62..]);
        if (entry != 64 || count is 0 or > SectionsMax || names >= count || table <= 0)
        {
            return null;
        }
        byte[] sections = new byte[count * 64];
        if (ReadFully(file, sections, table) < sections.Length)
        {
            return null;
        }
        long namesOffset = BinaryPrimitives.ReadInt64LittleEndian(sections.AsSpan((names * 64) + 24));
        long namesSize = BinaryPrimitives.ReadInt64LittleEndian(sections.AsSpan((names * 64) + 32));
        if (namesOffset <= 0 || namesSize is <= 0 or > 1 << 20)
        {
            return null;
        }
        byte[] text = new byte[namesSize];
        int length = ReadFully(file, text, namesOffset);
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> section = sections.AsSpan(i * 64, 64);
            uint name = BinaryPrimitives.ReadUInt32LittleEndian(section);
            if (name < length && text.AsSpan((int)name, length - (int)name).StartsWith(".go.buildinfo\0"u8))
            {
                long offset = BinaryPrimitives.ReadInt64LittleEndian(section[24..]);
                long size = BinaryPrimitives.ReadInt64LittleEndian(section[32..]);
                return offset > 0 && size > 0 ? (offset, size) : null;
            }
        }
        return null;
    }

    /// <summary>A length in groups of seven bits, then the text; that of the modules lies between two marks of 16 bytes.</summary>
    private static string Text(ref ReadOnlySpan<byte> data)
    {
        ulong length = 0;
        for (int shift = 0; shift < 63 && !data.IsEmpty; shift += 7)
        {
            byte b = data[0];
            data = data[1..];
            length |= (ulong)(b & 0x7f) << shift;
            if (b < 0x80)
            {
                break;
            }
        }
        if (length > (ulong)data.Length)
        {
            data = [];
            return "";
        }
        ReadOnlySpan<byte> text = data[..(int)length];
        data = data[(int)length..];
        return Encoding.UTF8.GetString(text.Length >= 33 && text[^17] == (byte)'\n' ? text[16..^16] : text);
    }

    private static int ReadFully(ReadAt file, Span<byte> buffer, long offset)
    {
        int done = 0;
        while (done < buffer.Length)
        {
            int read = file(buffer[done..], offset + done);
            if (read <= 0)
            {
                break;
            }
            done += read;
        }
        return done;
    }
}
