using System.Buffers.Binary;
using System.Text;

namespace Caisson.Machines.Bootstrap;

/// <summary>Writes a FAT file system of 16 bits with plain names (8.3), as firmware reads its partition. Always the same bytes for the same files. Source: Microsoft, FAT specification; UEFI 2.10, 13.3.</summary>
internal sealed class FatImage
{
    private const int SectorBytes = 512;
    private const int SectorsPerCluster = 4;
    private const int ClusterBytes = SectorBytes * SectorsPerCluster;
    private const int RootEntries = 512;
    private const int RootSectors = RootEntries * 32 / SectorBytes;
    private const int DirectoryAttribute = 0x10;
    private const int ArchiveAttribute = 0x20;
    private const int LabelAttribute = 0x08;

    private readonly byte[] _image;
    private readonly int _tableSectors;
    private readonly ushort[] _table;
    private readonly ushort _date;
    private readonly ushort _time;
    private ushort _next = 2;

    private FatImage(int bytes, DateTimeOffset made)
    {
        _image = new byte[bytes];
        int clusters = bytes / ClusterBytes;
        _tableSectors = ((clusters + 2) * 2 + SectorBytes - 1) / SectorBytes;
        _table = new ushort[clusters + 2];
        (_table[0], _table[1]) = (0xfff8, 0xffff);
        DateTime time = made.UtcDateTime;
        _date = (ushort)((time.Year - 1980) << 9 | time.Month << 5 | time.Day);
        _time = (ushort)(time.Hour << 11 | time.Minute << 5 | time.Second / 2);
    }

    /// <summary>The file system.</summary>
    /// <param name="bytes">Its size, 16 to 128 MiB.</param>
    /// <param name="label">Up to 11 capital letters and digits.</param>
    /// <param name="files">Paths such as <c>EFI/BOOT/BOOTX64.EFI</c>, in capitals, and contents.</param>
    /// <param name="made">The time that everything has.</param>
    internal static byte[] Write(int bytes, string label, IReadOnlyDictionary<string, byte[]> files, DateTimeOffset made)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bytes, 16 << 20);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, 128 << 20);
        var image = new FatImage(bytes, made);
        image.BootSector(label);
        var root = new Node();
        foreach (var (path, content) in files.OrderBy(file => file.Key, StringComparer.Ordinal))
        {
            Node place = root;
            foreach (string part in path.Split('/'))
            {
                place = place.Children.TryGetValue(part, out Node? child) ? child : place.Children[part] = new Node();
            }
            place.Content = content;
        }
        Span<byte> entries = image._image.AsSpan(image.RootOffset, RootSectors * SectorBytes);
        image.Entry(entries, label, LabelAttribute, 0, 0);
        image.Fill(entries[32..], root, 0);
        image.Tables();
        return image._image;
    }

    private int RootOffset => (1 + (2 * _tableSectors)) * SectorBytes;

    private void BootSector(string label)
    {
        Span<byte> sector = _image;
        ((ReadOnlySpan<byte>)[0xeb, 0x3c, 0x90]).CopyTo(sector);
        "CAISSON "u8.CopyTo(sector[3..]);
        Put16(sector, 11, SectorBytes);
        sector[13] = SectorsPerCluster;
        Put16(sector, 14, 1);
        sector[16] = 2;
        Put16(sector, 17, RootEntries);
        int sectors = _image.Length / SectorBytes;
        Put16(sector, 19, (ushort)(sectors < 65_536 ? sectors : 0));
        sector[21] = 0xf8;
        Put16(sector, 22, (ushort)_tableSectors);
        Put16(sector, 24, 63);
        Put16(sector, 26, 255);
        Put32(sector, 32, (uint)(sectors < 65_536 ? 0 : sectors));
        sector[36] = 0x80;
        sector[38] = 0x29;
        Put32(sector, 39, 0xca155017);
        Encoding.ASCII.GetBytes(label.PadRight(11)).CopyTo(sector[43..]);
        "FAT16   "u8.CopyTo(sector[54..]);
        (sector[510], sector[511]) = (0x55, 0xaa);
    }

    private void Fill(Span<byte> entries, Node directory, ushort self)
    {
        foreach (var (name, child) in directory.Children)
        {
            if (child.Content is { } content)
            {
                ushort first = content.Length == 0 ? (ushort)0 : Take(content.Length);
                content.CopyTo(_image, content.Length == 0 ? 0 : Offset(first));
                Entry(entries, ShortName(name), ArchiveAttribute, first, content.Length);
            }
            else
            {
                int bytes = (child.Children.Count + 2) * 32;
                ushort first = Take(bytes);
                Entry(entries, ShortName(name), DirectoryAttribute, first, 0);
                Span<byte> inside = _image.AsSpan(Offset(first), (bytes + ClusterBytes - 1) / ClusterBytes * ClusterBytes);
                Entry(inside, ".", DirectoryAttribute, first, 0);
                Entry(inside[32..], "..", DirectoryAttribute, self, 0);
                Fill(inside[64..], child, first);
            }
            entries = entries[32..];
        }
    }

    private void Entry(Span<byte> to, string name, int attribute, ushort cluster, int bytes)
    {
        Encoding.ASCII.GetBytes(name.PadRight(11)).CopyTo(to);
        to[11] = (byte)attribute;
        Put16(to, 14, _time);
        Put16(to, 16, _date);
        Put16(to, 18, _date);
        Put16(to, 22, _time);
        Put16(to, 24, _date);
        Put16(to, 26, cluster);
        Put32(to, 28, (uint)bytes);
    }

    private static string ShortName(string name)
    {
        string[] parts = name.Split('.');
        return parts.Length <= 2 && parts[0].Length is > 0 and <= 8 && (parts.Length == 1 || parts[1].Length <= 3) && name.All(c => char.IsAsciiLetterUpper(c) || char.IsAsciiDigit(c) || c is '.' or '_' or '-')
            ? parts[0].PadRight(8) + (parts.Length == 2 ? parts[1] : "")
            : throw new ArgumentException($"'{name}' is no plain name of FAT", nameof(name));
    }

    private ushort Take(int bytes)
    {
        int count = (bytes + ClusterBytes - 1) / ClusterBytes;
        ushort first = _next;
        if (Offset((ushort)(first + count)) > _image.Length)
        {
            throw new ArgumentException("the files do not fit");
        }
        for (int i = 0; i < count; i++)
        {
            _table[first + i] = (ushort)(i == count - 1 ? 0xffff : first + i + 1);
        }
        _next += (ushort)count;
        return first;
    }

    private int Offset(ushort cluster) => RootOffset + (RootSectors * SectorBytes) + ((cluster - 2) * ClusterBytes);

    private void Tables()
    {
        int entries = Math.Min(_table.Length, _tableSectors * SectorBytes / 2);
        for (int copy = 0; copy < 2; copy++)
        {
            Span<byte> to = _image.AsSpan((1 + (copy * _tableSectors)) * SectorBytes);
            for (int i = 0; i < entries; i++)
            {
                Put16(to, i * 2, _table[i]);
            }
        }
    }

    private static void Put16(Span<byte> to, int at, ushort number) => BinaryPrimitives.WriteUInt16LittleEndian(to[at..], number);

    private static void Put32(Span<byte> to, int at, uint number) => BinaryPrimitives.WriteUInt32LittleEndian(to[at..], number);

    private sealed class Node
    {
        internal SortedDictionary<string, Node> Children { get; } = new(StringComparer.Ordinal);

        internal byte[]? Content { get; set; }
    }
}
