using System.Buffers.Binary;
using System.Text;

namespace Caisson.Scan.Packages;

/// <summary>The header of an installed RPM package, as the database keeps it: an index of tags and the data they point to.</summary>
/// <remarks>All numbers are big-endian. Source: rpm file format, "Header".</remarks>
internal static class RpmHeader
{
    private const int NameTag = 1000;
    private const int VersionTag = 1001;
    private const int ReleaseTag = 1002;
    private const int EpochTag = 1003;
    private const int LicenseTag = 1014;
    private const int ArchitectureTag = 1022;
    private const int SourceTag = 1044;
    private const int StringType = 6;
    private const int Int32Type = 4;
    private const int EntriesMax = 100_000;

    /// <summary>The package; null when the blob is none.</summary>
    public static Package? Parse(ReadOnlySpan<byte> blob, string location)
    {
        if (blob.Length < 8)
        {
            return null;
        }
        int entries = BinaryPrimitives.ReadInt32BigEndian(blob);
        int dataLength = BinaryPrimitives.ReadInt32BigEndian(blob[4..]);
        if (entries is <= 0 or > EntriesMax || dataLength < 0 || 8L + (16L * entries) + dataLength > blob.Length)
        {
            return null;
        }
        ReadOnlySpan<byte> data = blob.Slice(8 + (16 * entries), dataLength);
        string? name = null, version = null, release = null, license = null, architecture = null, source = null;
        int epoch = 0;
        for (int i = 0; i < entries; i++)
        {
            ReadOnlySpan<byte> entry = blob.Slice(8 + (16 * i), 16);
            int tag = BinaryPrimitives.ReadInt32BigEndian(entry);
            int type = BinaryPrimitives.ReadInt32BigEndian(entry[4..]);
            int offset = BinaryPrimitives.ReadInt32BigEndian(entry[8..]);
            if (offset < 0 || offset >= data.Length)
            {
                continue;
            }
            if (tag == EpochTag && type == Int32Type && data.Length - offset >= 4)
            {
                epoch = BinaryPrimitives.ReadInt32BigEndian(data[offset..]);
            }
            if (type != StringType)
            {
                continue;
            }
            switch (tag)
            {
                case NameTag: name = Text(data[offset..]); break;
                case VersionTag: version = Text(data[offset..]); break;
                case ReleaseTag: release = Text(data[offset..]); break;
                case LicenseTag: license = Text(data[offset..]); break;
                case ArchitectureTag: architecture = Text(data[offset..]); break;
                case SourceTag: source = Text(data[offset..]); break;
            }
        }
        if (name is null || version is null || release is null || name == "gpg-pubkey")
        {
            return null;
        }
        string full = $"{(epoch > 0 ? $"{epoch}:" : "")}{version}-{release}";
        return new Package
        {
            Type = "rpm",
            Name = name,
            Version = full,
            Architecture = architecture,
            SourceName = SourceName(source) ?? name,
            SourceVersion = full,
            License = license,
            Location = location,
        };
    }

    /// <summary><c>name-version-release.src.rpm</c>.</summary>
    private static string? SourceName(string? file)
    {
        int release = file?.LastIndexOf('-') ?? -1;
        int version = release > 0 ? file!.LastIndexOf('-', release - 1) : -1;
        return version > 0 ? file![..version] : null;
    }

    private static string Text(ReadOnlySpan<byte> data)
    {
        int end = data.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? data : data[..end]);
    }
}
