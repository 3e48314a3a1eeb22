namespace Caisson.Machines.Disks;

/// <summary>Reads the header of qcow2, versions 2 and 3. Source: QEMU docs/interop/qcow2.txt.</summary>
internal static class Qcow2Header
{
    private const int Version2Bytes = 72;
    private const int Version3BytesMin = 104;
    private const int BackingBytesMax = 1_023;
    private const long FirstTableBytesMax = 32 << 20;
    private const long CountTableBytesMax = 8 << 20;
    private const int SnapshotsMax = 65_536;
    private const int ExtensionsMax = 64;

    private const ulong Dirty = 1;
    private const ulong Corrupt = 2;
    private const ulong ExternalData = 4;
    private const ulong Compression = 8;
    private const ulong ExtendedEntries = 16;
    private const ulong Known = Dirty | Corrupt | ExternalData | Compression | ExtendedEntries;

    private const uint BackingFormatExtension = 0xe2792aca;
    private const uint ExternalDataExtension = 0x44415441;

    internal static DiskHeader Read(DiskBytes bytes, byte[] start)
    {
        if (start.Length < Version2Bytes)
        {
            throw bytes.Damaged("it ends within its header");
        }
        uint version = DiskBytes.Big32(start, 4);
        if (version is not (2 or 3))
        {
            throw bytes.Refused($"it is qcow of version {version}, and 2 and 3 are taken in; convert it where it was made: qemu-img convert -O qcow2");
        }
        int clusterBits = (int)DiskBytes.Big32(start, 20);
        if (clusterBits is < 9 or > 21)
        {
            throw bytes.Damaged($"its clusters have 2^{(uint)clusterBits} bytes, and 2^9 to 2^21 are possible");
        }
        long cluster = 1L << clusterBits;
        ulong incompatible = version == 3 && start.Length >= Version3BytesMin ? DiskBytes.Big64(start, 72) : 0;
        int headerBytes = version == 3 ? HeaderBytes(bytes, start, cluster) : Version2Bytes;
        if ((incompatible & ~Known) != 0)
        {
            throw bytes.Refused($"it needs features that are not known here (0x{incompatible & ~Known:x})");
        }
        if ((incompatible & Corrupt) != 0)
        {
            throw bytes.Refused("it is marked as corrupt; repair it where it was made: qemu-img check -r all");
        }
        long size = (long)DiskBytes.Big64(start, 24);
        Tables(bytes, start, clusterBits, size, (incompatible & ExtendedEntries) != 0);
        var (backingFormat, dataFile) = Extensions(bytes, start, headerBytes, cluster);
        bool isExternal = (incompatible & ExternalData) != 0;
        return new DiskHeader
        {
            Format = DiskFormat.Qcow2,
            VirtualBytes = size,
            FileBytes = bytes.Length,
            Variant = $"version {version}",
            Backing = Backing(bytes, start, cluster),
            BackingFormat = backingFormat,
            OtherFiles = isExternal || dataFile is not null ? [dataFile ?? "a file that it does not name"] : [],
            Encryption = DiskBytes.Big32(start, 32) switch
            {
                0 => null,
                1 => "aes",
                2 => "luks",
                var method => throw bytes.Refused($"it is encrypted by method {method}, which is not known"),
            },
            InternalSnapshots = (int)DiskBytes.Big32(start, 60),
            IsDirty = (incompatible & Dirty) != 0,
        };
    }

    private static int HeaderBytes(DiskBytes bytes, byte[] start, long cluster)
    {
        if (start.Length < Version3BytesMin)
        {
            throw bytes.Damaged("it ends within its header");
        }
        uint length = DiskBytes.Big32(start, 100);
        if (length < Version3BytesMin || length > cluster || length > start.Length || length % 8 != 0)
        {
            throw bytes.Damaged($"its header says that it has {length} bytes");
        }
        uint order = DiskBytes.Big32(start, 96);
        return order <= 6 ? (int)length : throw bytes.Damaged($"its counters have 2^{order} bits");
    }

    private static void Tables(DiskBytes bytes, byte[] start, int clusterBits, long size, bool hasExtendedEntries)
    {
        long cluster = 1L << clusterBits;
        if (size is < 0 or > DiskHeader.VirtualBytesMax)
        {
            throw bytes.Damaged($"it says that its disk has {(ulong)size} bytes, and {DiskHeader.VirtualBytesMax} are the most");
        }
        long entries = DiskBytes.Big32(start, 36);
        int perEntry = clusterBits + clusterBits - (hasExtendedEntries ? 4 : 3);
        long needed = (size + (1L << perEntry) - 1) >> perEntry;
        if (entries * 8 > FirstTableBytesMax || entries < needed)
        {
            throw bytes.Damaged($"its first table has {entries} entries where its disk needs {needed}");
        }
        Within((long)DiskBytes.Big64(start, 40), entries * 8, "first table");
        long countClusters = DiskBytes.Big32(start, 56);
        if (countClusters * cluster > CountTableBytesMax || countClusters == 0)
        {
            throw bytes.Damaged($"its table of counters has {countClusters} clusters");
        }
        Within((long)DiskBytes.Big64(start, 48), countClusters * cluster, "table of counters");
        long snapshots = DiskBytes.Big32(start, 60);
        if (snapshots > SnapshotsMax)
        {
            throw bytes.Damaged($"it says that it has {snapshots} snapshots");
        }
        if (snapshots > 0)
        {
            Within((long)DiskBytes.Big64(start, 64), snapshots * 40, "table of snapshots");
        }

        void Within(long offset, long count, string what)
        {
            // The table may be behind the end of the file's last byte that was written, in the same cluster.
            long end = (bytes.Length + cluster - 1) & -cluster;
            if (count > 0 && (offset <= 0 || offset % cluster != 0 || offset > end || count > end - offset))
            {
                throw bytes.Damaged($"its {what} lies outside the file");
            }
        }
    }

    private static string? Backing(DiskBytes bytes, byte[] start, long cluster)
    {
        ulong offset = DiskBytes.Big64(start, 8);
        uint length = DiskBytes.Big32(start, 16);
        if (offset == 0 || length == 0)
        {
            return null;
        }
        return length <= BackingBytesMax && offset + length <= (ulong)cluster
            ? DiskHeader.Text(bytes.Read((long)offset, length, "name of the file behind it"))
            : throw bytes.Damaged($"the name of the file behind it has {length} bytes at {offset}");
    }

    private static (string? BackingFormat, string? DataFile) Extensions(DiskBytes bytes, byte[] start, int headerBytes, long cluster)
    {
        string? backingFormat = null;
        string? dataFile = null;
        ulong backing = DiskBytes.Big64(start, 8);
        long end = Math.Min(backing is > 0 and var at && at < (ulong)cluster ? (long)at : cluster, bytes.Length);
        long offset = headerBytes;
        for (int i = 0; offset + 8 <= end; i++)
        {
            if (i == ExtensionsMax)
            {
                throw bytes.Damaged($"its header has more than {ExtensionsMax} extensions");
            }
            byte[] head = bytes.Read(offset, 8, "header's extension");
            uint kind = DiskBytes.Big32(head, 0);
            uint length = DiskBytes.Big32(head, 4);
            if (kind == 0)
            {
                break;
            }
            if (length > end - offset - 8)
            {
                throw bytes.Damaged($"an extension of its header has {length} bytes and goes beyond it");
            }
            if (kind is BackingFormatExtension or ExternalDataExtension)
            {
                string text = DiskHeader.Text(bytes.Read(offset + 8, length, "header's extension"));
                (backingFormat, dataFile) = kind == BackingFormatExtension ? (text, dataFile) : (backingFormat, text);
            }
            offset += 8 + ((length + 7L) & ~7L);
        }
        return (backingFormat, dataFile);
    }
}
