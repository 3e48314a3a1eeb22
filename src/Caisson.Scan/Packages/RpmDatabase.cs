using System.Buffers.Binary;

namespace Caisson.Scan.Packages;

/// <summary>What rpm has installed: the SQLite database of today, or the "new database" of SUSE.</summary>
/// <remarks>The Berkeley databases of before 2020 are not read. Source: rpm's lib/backend/sqlite.c and ndb/rpmpkg.c for the formats.</remarks>
internal static class RpmDatabase
{
    private const uint NdbMagic = 0x506d7052; // "RpmP"
    private const uint SlotMagic = 0x746f6c53; // "Slot"
    private const uint BlobMagic = 0x53626c42; // "BlbS"
    private const int PageBytes = 4096;
    private const int SlotBytes = 16;

    /// <summary>Packages of <c>rpmdb.sqlite</c>.</summary>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public static IEnumerable<Package> ParseSqlite(byte[] file, string location) =>
        SqliteTable.ReadColumn(file, "Packages", 1).Select(blob => RpmHeader.Parse(blob, location)).OfType<Package>();

    /// <summary>Packages of <c>Packages.db</c>.</summary>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public static List<Package> ParseNdb(byte[] file, string location)
    {
        if (file.Length < PageBytes || BinaryPrimitives.ReadUInt32LittleEndian(file) != NdbMagic)
        {
            throw new InvalidDataException("it is no package database of rpm");
        }
        uint pages = BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(12));
        if (pages == 0 || pages > file.Length / PageBytes)
        {
            throw new InvalidDataException($"it has {pages} pages of slots");
        }
        List<Package> packages = [];
        for (int at = 2 * SlotBytes; at < pages * PageBytes; at += SlotBytes)
        {
            ReadOnlySpan<byte> slot = file.AsSpan(at, SlotBytes);
            if (BinaryPrimitives.ReadUInt32LittleEndian(slot) != SlotMagic)
            {
                throw new InvalidDataException($"the slot at byte {at} is damaged");
            }
            uint index = BinaryPrimitives.ReadUInt32LittleEndian(slot[4..]);
            long offset = BinaryPrimitives.ReadUInt32LittleEndian(slot[8..]) * 16L;
            if (index == 0)
            {
                continue;
            }
            if (offset + 16 > file.Length || BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan((int)offset)) != BlobMagic)
            {
                throw new InvalidDataException($"package {index} is not where its slot says");
            }
            long length = BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan((int)offset + 12));
            if (offset + 16 + length > file.Length)
            {
                throw new InvalidDataException($"package {index} ends outside the file");
            }
            if (RpmHeader.Parse(file.AsSpan((int)offset + 16, (int)length), location) is { } package)
            {
                packages.Add(package);
            }
        }
        return packages;
    }
}
