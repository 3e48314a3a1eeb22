using System.Globalization;
using System.Text;

using Caisson.Errors;
using Caisson.Machines.Disks;

namespace Caisson.Machines.Ovf;

/// <summary>The archive of a package: ustar, with files beside each other and nothing else. Source: POSIX.1-1988 ustar; DMTF DSP0243 5.3.</summary>
internal static class OvaArchive
{
    private const int BlockBytes = 512;
    private const int MembersMax = 256;
    private const int NameCharactersMax = 200;

    /// <summary>Whether a name is one of a package's: without a directory, and nothing that a shell or a terminal would take for more.</summary>
    internal static bool IsFlatName(string name) =>
        name.Length is > 0 and <= NameCharactersMax && name is not ("." or "..") && name[0] is not '-' && !name.Any(c => c is '/' or '\\' or ':' || char.IsControl(c));

    /// <summary>Reads members one after the other; what is not read of one is passed over.</summary>
    /// <param name="archive">The archive.</param>
    /// <param name="subject">What messages call it.</param>
    /// <param name="member">Given the name, the size in bytes, and the content.</param>
    internal static void Read(Stream archive, string subject, Action<string, long, Stream> member)
    {
        byte[] header = new byte[BlockBytes];
        HashSet<string> names = new(StringComparer.Ordinal);
        while (true)
        {
            int read = archive.ReadAtLeast(header, BlockBytes, throwOnEndOfStream: false);
            if (read == 0 || header.AsSpan(0, read).IndexOfAnyExcept((byte)0) < 0)
            {
                return;
            }
            if (read < BlockBytes || !HasSum(header))
            {
                throw Refused("it is no tar archive, or it is cut off");
            }
            char kind = (char)header[156];
            long size = Size(header, subject);
            if (kind is 'x' or 'g')
            {
                Skip(archive, (size + BlockBytes - 1) & -BlockBytes, subject); // times and owners in words of PAX; names that need it are none of a package
                continue;
            }
            string name = Text(header.AsSpan(0, 100));
            name = name.StartsWith("./", StringComparison.Ordinal) ? name[2..] : name;
            if (kind == '5' && name.TrimEnd('/') is "" or ".")
            {
                continue;
            }
            if (kind is not ('0' or '\0') || header[345] != 0 || !IsFlatName(name))
            {
                throw Refused($"its member '{DiskHeader.Shown(name)}' is no file beside the others");
            }
            if (!names.Add(name) || names.Count > MembersMax)
            {
                throw Refused($"its member '{name}' is there twice, or there are more than {MembersMax}");
            }
            using var content = new Window(archive, size, subject);
            member(name, size, content);
            content.CopyTo(Stream.Null);
            Skip(archive, -size & (BlockBytes - 1), subject);
        }

        CaissonException Refused(string why) => new(ErrorKind.InvalidArgument, $"{subject} is refused: {why}");
    }

    /// <summary>Writes the header of a member; its content follows, then <see cref="WritePadding"/>.</summary>
    internal static void WriteHeader(Stream archive, string name, long size, DateTimeOffset made)
    {
        byte[] header = new byte[BlockBytes];
        Encoding.ASCII.GetBytes(name).CopyTo(header.AsSpan(0, 99));
        Octal(100, 7, 0x1a4);
        Octal(108, 7, 0);
        Octal(116, 7, 0);
        if (size < 1L << 33)
        {
            Octal(124, 11, size);
        }
        else
        {
            System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(header.AsSpan(128), size);
            header[124] = 0x80;
        }
        Octal(136, 11, made.ToUnixTimeSeconds());
        header[156] = (byte)'0';
        "ustar\0"u8.CopyTo(header.AsSpan(257));
        "00"u8.CopyTo(header.AsSpan(263));
        "caisson"u8.CopyTo(header.AsSpan(265));
        "caisson"u8.CopyTo(header.AsSpan(297));
        header.AsSpan(148, 8).Fill((byte)' ');
        Octal(148, 6, Sum(header));
        header[154] = 0;
        archive.Write(header);

        void Octal(int at, int digits, long number) =>
            Encoding.ASCII.GetBytes(Convert.ToString(number, 8).PadLeft(digits, '0')).CopyTo(header.AsSpan(at));
    }

    /// <summary>Fills the last block of a member.</summary>
    internal static void WritePadding(Stream archive, long size) => archive.Write(new byte[-size & (BlockBytes - 1)]);

    /// <summary>The archive's end.</summary>
    internal static void WriteEnd(Stream archive) => archive.Write(new byte[2 * BlockBytes]);

    private static int Sum(byte[] header)
    {
        int sum = 0;
        foreach (byte one in header)
        {
            sum += one;
        }
        return sum;
    }

    private static bool HasSum(byte[] header)
    {
        byte[] copy = (byte[])header.Clone();
        copy.AsSpan(148, 8).Fill((byte)' ');
        return Number(header.AsSpan(148, 8)) == Sum(copy);
    }

    private static long Size(byte[] header, string subject)
    {
        long size = (header[124] & 0x80) != 0 && header.AsSpan(125, 3).IndexOfAnyExcept((byte)0) < 0
            ? System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(header.AsSpan(128))
            : Number(header.AsSpan(124, 12)) ?? -1;
        return size is >= 0 and <= DiskHeader.VirtualBytesMax ? size : throw new CaissonException(ErrorKind.InvalidArgument, $"{subject} is refused: a member has a size that no file has");
    }

    private static long? Number(ReadOnlySpan<byte> field)
    {
        string text = Text(field).Trim();
        long number = 0;
        foreach (char c in text)
        {
            if (c is < '0' or > '7' || number > long.MaxValue >> 4)
            {
                return null;
            }
            number = (number << 3) | (uint)(c - '0');
        }
        return text.Length > 0 ? number : null;
    }

    private static string Text(ReadOnlySpan<byte> field)
    {
        int end = field.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? field : field[..end]);
    }

    private static void Skip(Stream archive, long count, string subject)
    {
        using var rest = new Window(archive, count, subject);
        rest.CopyTo(Stream.Null);
    }

    /// <summary>So many bytes of the archive.</summary>
    private sealed class Window(Stream archive, long size, string subject) : Linux.ReadOnlyStream
    {
        private long _left = size;

        public override int Read(Span<byte> buffer)
        {
            int wanted = (int)Math.Min(buffer.Length, _left);
            int count = wanted == 0 ? 0 : archive.Read(buffer[..wanted]);
            if (count == 0 && wanted > 0)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"{subject} is cut off: {_left.ToString(CultureInfo.InvariantCulture)} bytes are missing");
            }
            _left -= count;
            return count;
        }
    }
}
