using System.Buffers.Binary;
using System.Text;

using Caisson.Errors;

namespace Caisson.Machines.CloudInit;

/// <summary>Writes a disc with files in its root: ISO 9660, with Joliet for the names as they are. Always the same bytes for the same files and time.</summary>
/// <remarks>Source: ECMA-119 (ISO 9660), Joliet Specification of 1995.</remarks>
public static class IsoImage
{
    private const int SectorBytes = 2_048;
    private const int FirstSector = 16;
    private const int TableSector = 19;
    private const int RootSector = 23;
    private const int NameCharactersMax = 64;
    private const int FilesMax = 64;
    private const long BytesMax = 64 << 20;

    /// <summary>The disc.</summary>
    /// <param name="volume">Its name, such as <c>cidata</c>: up to 16 characters of ASCII, so that Joliet has all of it.</param>
    /// <param name="files">Names without directories, and contents.</param>
    /// <param name="made">The time that everything on it has.</param>
    public static byte[] Write(string volume, IReadOnlyList<(string Name, ReadOnlyMemory<byte> Content)> files, DateTimeOffset made)
    {
        if (volume.Length is 0 or > 16 || !volume.All(char.IsAsciiLetterOrDigit))
        {
            throw new ArgumentException("the name of a volume has 1 to 16 letters and digits", nameof(volume));
        }
        if (files.Count > FilesMax || files.Sum(file => (long)file.Content.Length) > BytesMax)
        {
            throw new CaissonException(ErrorKind.ResourceExhausted, $"what goes with a machine has at most {FilesMax} files and {BytesMax >> 20} MiB");
        }
        foreach (var (name, _) in files)
        {
            if (name.Length is 0 or > NameCharactersMax || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_'))
            {
                throw new ArgumentException($"'{name}' is not the name of a file on a disc", nameof(files));
            }
        }
        // The standard wants directories in the order of their names, which differs between the two.
        (byte[] Name, int File)[] plain = [.. files.Select((file, i) => (Encoding.ASCII.GetBytes(PlainName(file.Name, i)), i)).OrderBy(entry => Encoding.ASCII.GetString(entry.Item1), StringComparer.Ordinal)];
        (byte[] Name, int File)[] wide = [.. Enumerable.Range(0, files.Count).OrderBy(i => files[i].Name, StringComparer.Ordinal).Select(i => (Encoding.BigEndianUnicode.GetBytes(files[i].Name), i))];
        byte[] plainRoot = new byte[RootBytes(plain)];
        byte[] wideRoot = new byte[RootBytes(wide)];
        uint wideSector = (uint)(RootSector + (plainRoot.Length / SectorBytes));
        uint next = (uint)(wideSector + (wideRoot.Length / SectorBytes));
        uint[] starts = new uint[files.Count];
        for (int i = 0; i < files.Count; i++)
        {
            starts[i] = next;
            next += (uint)((files[i].Content.Length + SectorBytes - 1) / SectorBytes);
        }

        byte[] disc = new byte[next * SectorBytes];
        Root(plainRoot, RootSector, made, [.. plain.Select(entry => (entry.Name, starts[entry.File], files[entry.File].Content.Length))]);
        Root(wideRoot, wideSector, made, [.. wide.Select(entry => (entry.Name, starts[entry.File], files[entry.File].Content.Length))]);
        Volume(Sector(FirstSector), volume, isWide: false, next, TableSector, RootSector, plainRoot.Length, made);
        Volume(Sector(FirstSector + 1), volume, isWide: true, next, TableSector + 2, wideSector, wideRoot.Length, made);
        Span<byte> end = Sector(FirstSector + 2);
        end[0] = 255;
        "CD001"u8.CopyTo(end[1..]);
        end[6] = 1;
        PathTable(Sector(TableSector), RootSector, isBig: false);
        PathTable(Sector(TableSector + 1), RootSector, isBig: true);
        PathTable(Sector(TableSector + 2), wideSector, isBig: false);
        PathTable(Sector(TableSector + 3), wideSector, isBig: true);
        plainRoot.CopyTo(disc, RootSector * SectorBytes);
        wideRoot.CopyTo(disc, wideSector * SectorBytes);
        for (int i = 0; i < files.Count; i++)
        {
            files[i].Content.Span.CopyTo(disc.AsSpan((int)starts[i] * SectorBytes));
        }
        return disc;

        Span<byte> Sector(int number) => disc.AsSpan(number * SectorBytes, SectorBytes);
    }

    /// <summary>A name of the oldest kind, unique by its number: <c>USERDATA.0;1</c> would do, nobody reads it.</summary>
    private static string PlainName(string name, int number)
    {
        string letters = string.Concat(name.ToUpperInvariant().Where(char.IsAsciiLetterOrDigit).Take(6));
        return $"{letters}{number:00}.;1";
    }

    private static void Volume(Span<byte> sector, string name, bool isWide, uint sectors, uint table, uint root, int rootBytes, DateTimeOffset made)
    {
        sector[0] = (byte)(isWide ? 2 : 1);
        "CD001"u8.CopyTo(sector[1..]);
        sector[6] = 1;
        Text(sector[8..40], "");
        Text(sector[40..72], name);
        Both32(sector[80..], sectors);
        if (isWide)
        {
            "%/E"u8.CopyTo(sector[88..]); // level 3 of its characters
        }
        Both16(sector[120..], 1);
        Both16(sector[124..], 1);
        Both16(sector[128..], SectorBytes);
        Both32(sector[132..], 10);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[140..], table);
        BinaryPrimitives.WriteUInt32BigEndian(sector[148..], table + 1);
        Record(sector[156..], [0], root, rootBytes, isDirectory: true, made);
        foreach (var (from, to) in ((int, int)[])[(190, 318), (318, 446), (446, 574), (574, 702), (702, 739), (739, 776), (776, 813)])
        {
            Text(sector[from..to], from == 574 ? "CAISSON" : "");
        }
        byte[] time = Encoding.ASCII.GetBytes(made.UtcDateTime.ToString("yyyyMMddHHmmss'00'", System.Globalization.CultureInfo.InvariantCulture));
        time.CopyTo(sector[813..]);
        time.CopyTo(sector[830..]);
        "0000000000000000"u8.CopyTo(sector[847..]);
        "0000000000000000"u8.CopyTo(sector[864..]);
        sector[881] = 1;

        void Text(Span<byte> field, string text)
        {
            if (isWide)
            {
                field.Clear();
                Span<byte> even = field[..(field.Length & ~1)];
                Encoding.BigEndianUnicode.GetBytes(text.PadRight(even.Length / 2), even);
            }
            else
            {
                Encoding.ASCII.GetBytes(text.PadRight(field.Length), field);
            }
        }
    }

    private static int RootBytes(IEnumerable<(byte[] Name, int File)> files)
    {
        int sectors = 1;
        int used = 34 * 2;
        foreach (var (name, _) in files)
        {
            int bytes = RecordBytes(name.Length);
            if (used + bytes > SectorBytes)
            {
                (sectors, used) = (sectors + 1, 0);
            }
            used += bytes;
        }
        return sectors * SectorBytes;
    }

    private static void Root(Span<byte> sectors, uint at, DateTimeOffset made, IReadOnlyList<(byte[] Name, uint Sector, int Bytes)> files)
    {
        int offset = Record(sectors, [0], at, sectors.Length, isDirectory: true, made);
        offset += Record(sectors[offset..], [1], at, sectors.Length, isDirectory: true, made);
        foreach (var (name, sector, bytes) in files)
        {
            // A record is never in two sectors.
            int left = SectorBytes - (offset % SectorBytes);
            offset += RecordBytes(name.Length) > left ? left : 0;
            offset += Record(sectors[offset..], name, sector, bytes, isDirectory: false, made);
        }
    }

    private static int RecordBytes(int nameBytes) => (33 + nameBytes + 1) & ~1;

    private static int Record(Span<byte> to, ReadOnlySpan<byte> name, uint sector, int bytes, bool isDirectory, DateTimeOffset made)
    {
        int length = RecordBytes(name.Length);
        to[0] = (byte)length;
        Both32(to[2..], sector);
        Both32(to[10..], (uint)bytes);
        DateTime time = made.UtcDateTime;
        ReadOnlySpan<byte> date = [(byte)(time.Year - 1_900), (byte)time.Month, (byte)time.Day, (byte)time.Hour, (byte)time.Minute, (byte)time.Second, 0];
        date.CopyTo(to[18..]);
        to[25] = (byte)(isDirectory ? 2 : 0);
        Both16(to[28..], 1);
        to[32] = (byte)name.Length;
        name.CopyTo(to[33..]);
        return length;
    }

    private static void PathTable(Span<byte> to, uint root, bool isBig)
    {
        to[0] = 1;
        if (isBig)
        {
            BinaryPrimitives.WriteUInt32BigEndian(to[2..], root);
            to[7] = 1;
        }
        else
        {
            BinaryPrimitives.WriteUInt32LittleEndian(to[2..], root);
            to[6] = 1;
        }
    }

    private static void Both32(Span<byte> to, uint number)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(to, number);
        BinaryPrimitives.WriteUInt32BigEndian(to[4..], number);
    }

    private static void Both16(Span<byte> to, ushort number)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(to, number);
        BinaryPrimitives.WriteUInt16BigEndian(to[2..], number);
    }
}
