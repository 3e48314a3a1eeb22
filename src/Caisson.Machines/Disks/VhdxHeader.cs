using System.Numerics;

namespace Caisson.Machines.Disks;

/// <summary>Reads the regions and the metadata of VHDX. Source: [MS-VHDX] 2.2.3, 2.6.</summary>
internal static class VhdxHeader
{
    private const int RegionTableBytes = 64 << 10;
    private const int EntriesMax = 2_047;
    private const int RegionEntryBytes = 32;
    private const long SizeMax = 64L << 40;

    private static readonly Guid Metadata = new("8b7ca206-4790-4b9a-b8fe-575f050f886e");
    private static readonly Guid Blocks = new("2dc27766-f623-4200-9d64-115e9bfd4a08");
    private static readonly Guid FileParameters = new("caa16737-fa36-4d43-b3b6-33f0aa44e76b");
    private static readonly Guid DiskSize = new("2fa54224-cd1b-4876-b211-5dbed83bf4b8");
    private static readonly Guid SectorSize = new("8141bf1d-a96f-4709-ba47-f233a8faab5f");

    internal static DiskHeader Read(DiskBytes bytes)
    {
        byte[] regions = Regions(bytes, 192 << 10) ?? Regions(bytes, 256 << 10) ?? throw bytes.Damaged("neither of its tables of regions can be read");
        var (at, length) = Region(bytes, regions, Metadata, "metadata");
        var (_, blocksLength) = Region(bytes, regions, Blocks, "table of blocks");
        byte[] table = bytes.Read(at, Math.Min(length, RegionTableBytes), "metadata");
        if (!table.AsSpan().StartsWith("metadata"u8) || length < RegionTableBytes)
        {
            throw bytes.Damaged("its metadata is none");
        }
        int count = table[10] | table[11] << 8;
        if (count > EntriesMax)
        {
            throw bytes.Damaged($"its metadata has {count} entries");
        }
        byte[] parameters = Item(FileParameters, 8, "parameters");
        uint block = DiskBytes.Little32(parameters, 0);
        bool hasParent = (parameters[4] & 2) != 0;
        ulong size = DiskBytes.Little64(Item(DiskSize, 8, "size"), 0);
        uint sector = DiskBytes.Little32(Item(SectorSize, 4, "sector"), 0);
        if (size > SizeMax || sector is not (512 or 4_096) || block is < 1 << 20 or > 256 << 20 || (block & (block - 1)) != 0)
        {
            throw bytes.Damaged($"its disk has {size} bytes in blocks of {block} and sectors of {sector}");
        }
        // A block has an entry, and each run of them that a bitmap covers one more.
        ulong blocks = (size + block - 1) / block;
        ulong ratio = (1UL << 23) * sector / block;
        ulong entries = blocks == 0 ? 0 : blocks + ((blocks - 1) / ratio);
        if (entries * 8 > (ulong)blocksLength)
        {
            throw bytes.Damaged($"its table of blocks has {blocksLength} bytes where its disk needs {entries * 8}");
        }
        return new DiskHeader
        {
            Format = DiskFormat.Vhdx,
            VirtualBytes = (long)size,
            FileBytes = bytes.Length,
            Variant = (parameters[4] & 1) != 0 ? "fixed" : "dynamic",
            Backing = hasParent ? "a disk that its metadata names" : null,
        };

        byte[] Item(Guid id, int itemBytes, string what)
        {
            for (int i = 0; i < count; i++)
            {
                ReadOnlySpan<byte> entry = table.AsSpan(32 + (i * 32), 32);
                if (new Guid(entry[..16]) == id)
                {
                    uint offset = DiskBytes.Little32(entry, 16);
                    uint given = DiskBytes.Little32(entry, 20);
                    return offset >= RegionTableBytes && given >= itemBytes && offset <= length - itemBytes
                        ? bytes.Read(at + offset, itemBytes, what)
                        : throw bytes.Damaged($"its {what} lies outside its metadata");
                }
            }
            throw bytes.Damaged($"its metadata lacks its {what}");
        }
    }

    private static byte[]? Regions(DiskBytes bytes, long offset)
    {
        if (bytes.Length < offset + RegionTableBytes)
        {
            return null;
        }
        byte[] table = bytes.Read(offset, RegionTableBytes, "table of regions");
        uint sum = DiskBytes.Little32(table, 4);
        table.AsSpan(4, 4).Clear();
        return table.AsSpan().StartsWith("regi"u8) && Crc32C(table) == sum && DiskBytes.Little32(table, 8) <= EntriesMax ? table : null;
    }

    private static (long Offset, long Length) Region(DiskBytes bytes, byte[] table, Guid id, string what)
    {
        uint count = DiskBytes.Little32(table, 8);
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> entry = table.AsSpan(16 + (i * RegionEntryBytes), RegionEntryBytes);
            if (new Guid(entry[..16]) == id)
            {
                ulong offset = DiskBytes.Little64(entry, 16);
                uint length = DiskBytes.Little32(entry, 24);
                return offset >= 1 << 20 && offset <= (ulong)bytes.Length && length <= (ulong)bytes.Length - offset
                    ? ((long)offset, length)
                    : throw bytes.Damaged($"its {what} lies outside the file");
            }
        }
        throw bytes.Damaged($"its {what} is missing");
    }

    private static uint Crc32C(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte one in bytes)
        {
            crc = BitOperations.Crc32C(crc, one);
        }
        return ~crc;
    }
}
