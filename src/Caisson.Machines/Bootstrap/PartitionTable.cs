using System.Buffers.Binary;
using System.Text;

namespace Caisson.Machines.Bootstrap;

/// <summary>A part of a disk.</summary>
/// <param name="Type">What it is for.</param>
/// <param name="Id">Its own identity.</param>
/// <param name="Name">For people.</param>
/// <param name="FirstSector">Of 512 bytes.</param>
/// <param name="Sectors">How many.</param>
internal sealed record Partition(Guid Type, Guid Id, string Name, long FirstSector, long Sectors);

/// <summary>Writes a GUID partition table with its protective record. Source: UEFI 2.10, chapter 5.</summary>
internal static class PartitionTable
{
    internal const int SectorBytes = 512;

    /// <summary>The first sector that partitions may use, and how many at the end they may not.</summary>
    internal const int ReservedSectors = 34;

    /// <summary>Programs of firmware of the first kind are embedded here.</summary>
    internal static readonly Guid BiosBoot = new("21686148-6449-6e6f-744e-656564454649");

    /// <summary>What UEFI reads.</summary>
    internal static readonly Guid EfiSystem = new("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");

    /// <summary>A root for x86-64, which systemd recognises and grows.</summary>
    internal static readonly Guid LinuxRoot = new("4f68bce3-e8cd-4db1-96e7-fbcaf984b709");

    private const int EntryBytes = 128;
    private const int Entries = 128;

    /// <summary>Writes both copies; what else is in the first sector's code stays.</summary>
    internal static void Write(Stream disk, long diskBytes, Guid id, IReadOnlyList<Partition> partitions)
    {
        long last = (diskBytes / SectorBytes) - 1;
        byte[] table = new byte[Entries * EntryBytes];
        for (int i = 0; i < partitions.Count; i++)
        {
            Span<byte> entry = table.AsSpan(i * EntryBytes, EntryBytes);
            partitions[i].Type.TryWriteBytes(entry);
            partitions[i].Id.TryWriteBytes(entry[16..]);
            Put64(entry, 32, partitions[i].FirstSector);
            Put64(entry, 40, partitions[i].FirstSector + partitions[i].Sectors - 1);
            Encoding.Unicode.GetBytes(partitions[i].Name).CopyTo(entry[56..]);
        }
        byte[] protective = new byte[72];
        ((ReadOnlySpan<byte>)[0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff]).CopyTo(protective.AsSpan(6));
        BinaryPrimitives.WriteUInt32LittleEndian(protective.AsSpan(14), 1);
        BinaryPrimitives.WriteUInt32LittleEndian(protective.AsSpan(18), (uint)Math.Min(last, uint.MaxValue));
        (protective[70], protective[71]) = (0x55, 0xaa);
        At(440, protective);
        At(SectorBytes, Header(1, last, 2));
        At(2 * SectorBytes, table);
        At((last - 32) * SectorBytes, table);
        At(last * SectorBytes, Header(last, 1, last - 32));

        void At(long offset, byte[] bytes)
        {
            disk.Position = offset;
            disk.Write(bytes);
        }

        byte[] Header(long here, long other, long tableAt)
        {
            byte[] header = new byte[SectorBytes];
            "EFI PART"u8.CopyTo(header);
            BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(8), 0x10000);
            BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(12), 92);
            Put64(header, 24, here);
            Put64(header, 32, other);
            Put64(header, 40, ReservedSectors);
            Put64(header, 48, last - 33);
            id.TryWriteBytes(header.AsSpan(56));
            Put64(header, 72, tableAt);
            BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(80), Entries);
            BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(84), EntryBytes);
            BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(88), Crc32(table));
            BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(16), Crc32(header.AsSpan(0, 92)));
            return header;
        }
    }

    private static void Put64(Span<byte> to, int at, long number) => BinaryPrimitives.WriteInt64LittleEndian(to[at..], number);

    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte one in bytes)
        {
            crc ^= one;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xedb88320 : crc >> 1;
            }
        }
        return ~crc;
    }
}
