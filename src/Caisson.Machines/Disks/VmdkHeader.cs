using System.Globalization;

namespace Caisson.Machines.Disks;

/// <summary>Reads the header and the descriptor of VMDK. Source: VMware Virtual Disk Format 1.1.</summary>
internal static class VmdkHeader
{
    private const int SectorBytes = 512;
    private const int DescriptorBytesMax = 1 << 20;
    private const ulong FooterHasIt = ulong.MaxValue;
    private const uint Compressed = 0x10000;

    /// <summary>Whether a file begins as a descriptor that stands alone does, past what may be before it.</summary>
    internal static bool IsDescriptor(ReadOnlySpan<byte> start)
    {
        ReadOnlySpan<byte> rest = start.TrimStart(" \t\r\n"u8);
        return rest.StartsWith("# Disk DescriptorFile"u8) || rest.StartsWith("# Disk Descriptor File"u8);
    }

    internal static DiskHeader Read(DiskBytes bytes, byte[] start)
    {
        if (start.AsSpan().StartsWith("COWD"u8))
        {
            throw bytes.Refused("it is a sparse disk of an ESX host, which is not taken in; export the machine as OVF where it was made");
        }
        if (IsDescriptor(start))
        {
            return Alone(bytes);
        }
        if (start.Length < SectorBytes)
        {
            throw bytes.Damaged("it ends within its header");
        }
        byte[] header = start;
        if (DiskBytes.Little64(start, 56) == FooterHasIt)
        {
            // Written as a stream: the numbers that were not known at the beginning are in a copy before the end.
            header = bytes.Read(bytes.Length - 1_024, SectorBytes, "footer");
            if (!header.AsSpan().StartsWith("KDMV"u8))
            {
                throw bytes.Damaged("its footer is missing");
            }
        }
        uint version = DiskBytes.Little32(header, 4);
        if (version is not (>= 1 and <= 3))
        {
            throw bytes.Refused($"it is a sparse disk of version {version}, and 1 to 3 are taken in");
        }
        ulong sectors = DiskBytes.Little64(header, 12);
        ulong grain = DiskBytes.Little64(header, 20);
        uint perTable = DiskBytes.Little32(header, 44);
        if (sectors == 0)
        {
            // QEMU would believe the descriptor instead, which may name any file.
            throw bytes.Damaged("it says that its disk has no sector");
        }
        if (sectors > DiskHeader.VirtualBytesMax / SectorBytes || grain is < 8 or > 2_048 * 1_024 || (grain & (grain - 1)) != 0 || perTable is 0 or > 512)
        {
            throw bytes.Damaged($"its disk has {sectors} sectors in grains of {grain}, {perTable} a table");
        }
        ulong tables = (sectors + (grain * perTable) - 1) / (grain * perTable);
        ulong directory = DiskBytes.Little64(header, 56);
        if (tables * 4 > 512 << 20 || directory == 0 || directory > (ulong)bytes.Length / SectorBytes || tables * 4 > (ulong)bytes.Length - (directory * SectorBytes))
        {
            throw bytes.Damaged("its directory of grains lies outside the file");
        }
        DescriptorFacts facts = Embedded(bytes, start);
        bool isCompressed = (DiskBytes.Little32(header, 8) & Compressed) != 0;
        return new DiskHeader
        {
            Format = DiskFormat.Vmdk,
            VirtualBytes = (long)sectors * SectorBytes,
            FileBytes = bytes.Length,
            Variant = facts.Kind.Length > 0 ? facts.Kind : isCompressed ? "streamOptimized" : "monolithicSparse",
            Backing = facts.Parent,
            // The one extent of a sparse file is the file itself, whatever it is called there.
            OtherFiles = facts.Extents.Count > 1 ? facts.Extents : [],
            IsDirty = header[72] != 0,
        };
    }

    /// <summary>A text that names the files in which the disk is.</summary>
    private static DiskHeader Alone(DiskBytes bytes)
    {
        if (bytes.Length > DescriptorBytesMax)
        {
            throw bytes.Damaged("it begins as a descriptor and is larger than one");
        }
        DescriptorFacts facts = Parse(bytes, bytes.Read(0, bytes.Length, "descriptor"));
        return new DiskHeader
        {
            Format = DiskFormat.Vmdk,
            VirtualBytes = (long)facts.Sectors * SectorBytes,
            FileBytes = bytes.Length,
            Variant = facts.Kind,
            Backing = facts.Parent,
            OtherFiles = facts.Extents.Count > 0 ? facts.Extents : ["a file that it does not name"],
        };
    }

    private static DescriptorFacts Embedded(DiskBytes bytes, byte[] start)
    {
        ulong at = DiskBytes.Little64(start, 28);
        ulong count = DiskBytes.Little64(start, 36);
        if (at == 0 || count == 0)
        {
            return new DescriptorFacts();
        }
        return at <= (ulong)bytes.Length / SectorBytes && count <= DescriptorBytesMax / SectorBytes
            ? Parse(bytes, bytes.Read((long)at * SectorBytes, (long)count * SectorBytes, "descriptor"))
            : throw bytes.Damaged("its descriptor lies outside the file");
    }

    private static DescriptorFacts Parse(DiskBytes bytes, byte[] text)
    {
        var facts = new DescriptorFacts();
        foreach (string raw in DiskHeader.Text(text).Split('\n'))
        {
            string line = raw.Trim();
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }
            string[] words = line.Split([' ', '\t'], 4, StringSplitOptions.RemoveEmptyEntries);
            if (words is [("RW" or "RDONLY" or "NOACCESS"), var sectors, var kind, ..])
            {
                ulong part = ulong.TryParse(sectors, NumberStyles.None, CultureInfo.InvariantCulture, out ulong read) ? read : ulong.MaxValue;
                if (part > DiskHeader.VirtualBytesMax / SectorBytes || facts.Sectors > DiskHeader.VirtualBytesMax / SectorBytes)
                {
                    throw bytes.Damaged("its descriptor says that a part has more sectors than any disk");
                }
                facts.Sectors += part;
                string name = words.Length < 4 ? kind : words[3].Split('"') is [_, var quoted, ..] ? quoted : words[3].Trim();
                facts.Extents.Add(kind == "SPARSE" || words.Length < 4 ? name : $"{name} ({kind.ToLowerInvariant()})");
                facts.HasFlat |= kind != "SPARSE";
                continue;
            }
            int equals = line.IndexOf('=');
            string key = equals < 0 ? "" : line[..equals].Trim().ToLowerInvariant();
            string value = equals < 0 ? "" : line[(equals + 1)..].Trim().Trim('"');
            switch (key)
            {
                case "createtype":
                    facts.Kind = DiskHeader.Shown(value);
                    break;
                case "parentfilenamehint":
                    facts.Parent = value;
                    break;
                case "parentcid" when !value.Equals("ffffffff", StringComparison.OrdinalIgnoreCase):
                    facts.Parent ??= "a disk that it names by a number";
                    break;
            }
        }
        if (facts.HasFlat && facts.Extents.Count == 1)
        {
            facts.Extents.Add("the same"); // content beside the file, however many parts there are
        }
        return facts;
    }

    private sealed class DescriptorFacts
    {
        internal string Kind { get; set; } = "";

        internal string? Parent { get; set; }

        internal List<string> Extents { get; } = [];

        internal bool HasFlat { get; set; }

        internal ulong Sectors { get; set; }
    }
}
