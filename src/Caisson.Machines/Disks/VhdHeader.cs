namespace Caisson.Machines.Disks;

/// <summary>Reads the footer and the dynamic header of VHD. Source: Virtual Hard Disk Image Format Specification, version 1.0.</summary>
internal static class VhdHeader
{
    private const int FooterBytes = 512;
    private const int DynamicBytes = 1_024;
    private const long SizeMax = 2_040L << 30;

    /// <summary>Null when the file is none.</summary>
    internal static DiskHeader? TryRead(DiskBytes bytes, byte[] start)
    {
        // A dynamic disk has its footer in front, too; a fixed one at the end only, which is why programs take it for raw.
        bool isInFront = start.AsSpan().StartsWith("conectix"u8);
        if (!isInFront && (bytes.Length < FooterBytes || bytes.Length % FooterBytes != 0))
        {
            return null;
        }
        byte[] footer = isInFront ? bytes.Read(0, FooterBytes, "footer") : bytes.Read(bytes.Length - FooterBytes, FooterBytes, "footer");
        if (!footer.AsSpan().StartsWith("conectix"u8))
        {
            return null;
        }
        if (!isInFront && (DiskBytes.Big32(footer, 60) != 2 || !HasSum(footer, 64)))
        {
            return null; // the end of a raw disk that happens to begin so
        }
        if (!HasSum(footer, 64))
        {
            throw bytes.Damaged("the checksum of its footer is wrong");
        }
        ulong size = DiskBytes.Big64(footer, 48);
        if (size > SizeMax)
        {
            throw bytes.Damaged($"it says that its disk has {size} bytes, and {SizeMax} are the most");
        }
        return DiskBytes.Big32(footer, 60) switch
        {
            2 when (long)size > bytes.Length - FooterBytes => throw bytes.Damaged($"it says that its disk has {size} bytes and has fewer"),
            2 => Header("fixed"),
            3 => Dynamic(),
            4 => Header("differencing") with { Backing = Parent() },
            var kind => throw bytes.Damaged($"it is of kind {kind}, which does not exist"),
        };

        DiskHeader Header(string variant) => new() { Format = DiskFormat.Vhd, VirtualBytes = (long)size, FileBytes = bytes.Length, Variant = variant };

        DiskHeader Dynamic()
        {
            byte[] header = DynamicHeader();
            ulong entries = DiskBytes.Big32(header, 28);
            ulong block = DiskBytes.Big32(header, 32);
            ulong table = DiskBytes.Big64(header, 16);
            if (block < 512 || (block & (block - 1)) != 0 || entries * block < size || entries * 4 > 64 << 20)
            {
                throw bytes.Damaged($"it has {entries} blocks of {block} bytes for a disk of {size}");
            }
            return table <= (ulong)bytes.Length && entries * 4 <= (ulong)bytes.Length - table
                ? Header("dynamic")
                : throw bytes.Damaged("its table of blocks lies outside the file");
        }

        string Parent()
        {
            string name = System.Text.Encoding.BigEndianUnicode.GetString(DynamicHeader(), 64, 512);
            int end = name.IndexOf('\0', StringComparison.Ordinal);
            return end < 0 ? name : end == 0 ? "a disk that it does not name" : name[..end];
        }

        byte[] DynamicHeader()
        {
            ulong at = DiskBytes.Big64(footer, 16);
            byte[] header = at <= (ulong)bytes.Length ? bytes.Read((long)at, DynamicBytes, "dynamic header") : throw bytes.Damaged("its dynamic header lies outside the file");
            return header.AsSpan().StartsWith("cxsparse"u8) && HasSum(header, 36)
                ? header
                : throw bytes.Damaged("its dynamic header is none");
        }
    }

    /// <summary>The one's complement of the sum of all bytes but those of the sum itself.</summary>
    private static bool HasSum(ReadOnlySpan<byte> bytes, int at)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            sum += i >= at && i < at + 4 ? 0u : bytes[i];
        }
        return ~sum == DiskBytes.Big32(bytes, at);
    }
}
