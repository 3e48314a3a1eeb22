using System.Globalization;
using System.Xml;
using System.Xml.Linq;

using Caisson.Errors;
using Caisson.Machines.Disks;

namespace Caisson.Machines.Ovf;

/// <summary>Reads the description of a machine, OVF 1.x and 2.0, as VMware, VirtualBox and others write it. Entities and document types are refused, sizes bounded, and files are names of the package.</summary>
internal static class OvfReader
{
    private const int CharactersMax = 8 << 20;
    private const int DisksMax = 64;
    private const int InterfacesMax = 32;
    private const int ItemsMax = 1_024;
    private const long MemoryBytesMax = 64L << 40;

    /// <summary>The machine.</summary>
    /// <param name="document">The document.</param>
    /// <param name="subject">What messages call it.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: it cannot be read or is hostile, with the reason.</exception>
    internal static OvfMachine Read(byte[] document, string subject)
    {
        XElement envelope = Parse(document, subject);
        if (envelope.Name.LocalName != "Envelope")
        {
            throw Refused($"it is {envelope.Name.LocalName}, not an OVF envelope");
        }
        Dictionary<string, (string Href, bool IsPacked, long? Bytes)> files = Files(envelope, subject);
        Dictionary<string, OvfDisk> disks = Disks(envelope, files, subject);
        XElement[] systems = [.. envelope.Descendants().Where(element => element.Name.LocalName == "VirtualSystem")];
        if (systems.Length != 1)
        {
            throw Refused(systems.Length == 0 ? "it describes no machine" : $"it describes {systems.Length} machines, and a package is taken in for one; split it where it was made");
        }
        XElement hardware = Child(systems[0], "VirtualHardwareSection") ?? throw Refused("it describes no hardware (VirtualHardwareSection is missing)");
        XElement[] items = [.. hardware.Elements().Where(element => element.Name.LocalName is "Item" or "StorageItem" or "EthernetPortItem")];
        if (items.Length > ItemsMax)
        {
            throw Refused($"it has more than {ItemsMax} devices");
        }
        var found = new Found();
        foreach (XElement item in items)
        {
            Device(item, disks, found, subject);
        }
        return new OvfMachine
        {
            Name = Shown(Text(systems[0], "Name") ?? systems[0].Attributes().FirstOrDefault(attribute => attribute.Name.LocalName == "id")?.Value ?? ""),
            Description = Shown(Text(Child(systems[0], "AnnotationSection"), "Annotation") ?? ""),
            Processors = found.Processors,
            MemoryBytes = found.MemoryBytes,
            IsUefi = IsUefi(systems[0]),
            Disks = [.. found.Disks.OrderBy(disk => disk.Place).Select(disk => disk.Disk)],
            Interfaces = found.Interfaces,
            Notes = [.. found.Notes.Distinct()],
        };

        CaissonException Refused(string why) => new(ErrorKind.InvalidArgument, $"{subject} cannot be read: {why}");
    }

    private static XElement Parse(byte[] document, string subject)
    {
        var settings = new XmlReaderSettings
        {
            DtdProcessing = DtdProcessing.Prohibit,
            XmlResolver = null,
            MaxCharactersInDocument = CharactersMax,
            MaxCharactersFromEntities = 1_024,
            IgnoreComments = true,
            IgnoreProcessingInstructions = true,
        };
        try
        {
            using var reader = XmlReader.Create(new MemoryStream(document), settings);
            RequireShallow(document, settings);
            return XElement.Load(reader);
        }
        catch (XmlException error)
        {
            string reason = error.Message.Contains("DTD", StringComparison.Ordinal) ? "document types and entities are not taken in" : error.Message.TrimEnd('.');
            throw new CaissonException(ErrorKind.InvalidArgument, string.Create(CultureInfo.InvariantCulture, $"{subject}, line {error.LineNumber}, column {error.LinePosition}: {reason}"), error);
        }
    }

    /// <summary>What builds a tree does so by recursion.</summary>
    private static void RequireShallow(byte[] document, XmlReaderSettings settings)
    {
        using var reader = XmlReader.Create(new MemoryStream(document), settings);
        while (reader.Read())
        {
            if (reader.Depth > 64)
            {
                throw new XmlException("elements are nested more than 64 deep", null, ((IXmlLineInfo)reader).LineNumber, ((IXmlLineInfo)reader).LinePosition);
            }
        }
    }

    private static Dictionary<string, (string Href, bool IsPacked, long? Bytes)> Files(XElement envelope, string subject)
    {
        Dictionary<string, (string, bool, long?)> files = new(StringComparer.Ordinal);
        foreach (XElement file in Child(envelope, "References")?.Elements().Where(element => element.Name.LocalName == "File") ?? [])
        {
            string id = Attribute(file, "id") ?? "";
            string href = Attribute(file, "href") ?? "";
            if (!OvaArchive.IsFlatName(href))
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"{subject} is refused: it refers to '{DiskHeader.Shown(href)}', and files of a package lie beside its description, without a path or an address");
            }
            string compression = Attribute(file, "compression") ?? "";
            if (compression is not ("" or "identity" or "gzip"))
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"{subject} is refused: {href} is packed by '{DiskHeader.Shown(compression)}', and gzip is taken in");
            }
            if (Attribute(file, "chunkSize") is not null)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"{subject} is refused: {href} is in several pieces; join them (cat {href}.* > {href}) and remove its chunkSize");
            }
            if (!files.TryAdd(id, (href, compression == "gzip", Long(Attribute(file, "size")))))
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"{subject} is refused: two files have the id '{DiskHeader.Shown(id)}'");
            }
        }
        return files;
    }

    private static Dictionary<string, OvfDisk> Disks(XElement envelope, Dictionary<string, (string Href, bool IsPacked, long? Bytes)> files, string subject)
    {
        Dictionary<string, OvfDisk> disks = new(StringComparer.Ordinal);
        foreach (XElement disk in Child(envelope, "DiskSection")?.Elements().Where(element => element.Name.LocalName == "Disk") ?? [])
        {
            string id = Attribute(disk, "diskId") ?? "";
            long capacity = Scale(Long(Attribute(disk, "capacity")) ?? 0, Attribute(disk, "capacityAllocationUnits"), 1, DiskHeader.VirtualBytesMax)
                ?? throw new CaissonException(ErrorKind.InvalidArgument, $"{subject} is refused: the disk '{DiskHeader.Shown(id)}' has a size that no disk has");
            if (Attribute(disk, "parentRef") is not null)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"{subject} is refused: the disk '{DiskHeader.Shown(id)}' lies over another one; export the machine without snapshots");
            }
            string reference = Attribute(disk, "fileRef") ?? "";
            (string Href, bool IsPacked, long? Bytes) file = ("", false, null);
            if (reference.Length > 0 && !files.TryGetValue(reference, out file))
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"{subject} is refused: the disk '{DiskHeader.Shown(id)}' is in the file '{DiskHeader.Shown(reference)}', which is not among its references");
            }
            disks[id] = new OvfDisk(capacity, file.Href ?? "", file.IsPacked, file.Bytes);
        }
        return disks;
    }

    private static void Device(XElement item, Dictionary<string, OvfDisk> disks, Found found, string subject)
    {
        string type = Text(item, "ResourceType") ?? "";
        switch (type)
        {
            case "3":
                found.Processors = (int)Math.Clamp(Long(Text(item, "VirtualQuantity")) ?? 1, 1, 1_024);
                break;
            case "4":
                found.MemoryBytes = Scale(Long(Text(item, "VirtualQuantity")) ?? 0, Text(item, "AllocationUnits"), 1 << 20, MemoryBytesMax) is { } memory and >= 1 << 20
                    ? memory
                    : throw new CaissonException(ErrorKind.InvalidArgument, $"{subject} is refused: its memory is none that a machine has");
                break;
            case "17" when Text(item, "HostResource") is { } resource:
                string id = resource[(resource.LastIndexOf('/') + 1)..];
                if (!disks.TryGetValue(id, out OvfDisk? disk))
                {
                    throw new CaissonException(ErrorKind.InvalidArgument, $"{subject} is refused: a device is the disk '{DiskHeader.Shown(resource)}', which it does not describe");
                }
                if (found.Disks.Count == DisksMax || found.Disks.Any(one => ReferenceEquals(one.Disk, disk)))
                {
                    throw new CaissonException(ErrorKind.InvalidArgument, $"{subject} is refused: the disk '{DiskHeader.Shown(id)}' is there twice, or there are more than {DisksMax}");
                }
                found.Disks.Add(((Long(Text(item, "Parent")) ?? 0, Long(Text(item, "AddressOnParent")) ?? found.Disks.Count), disk));
                break;
            case "10":
                if (found.Interfaces.Count == InterfacesMax)
                {
                    throw new CaissonException(ErrorKind.InvalidArgument, $"{subject} is refused: it has more than {InterfacesMax} network interfaces");
                }
                found.Interfaces.Add(new OvfInterface(Shown(Text(item, "Connection") ?? ""), Shown(Text(item, "ResourceSubType") ?? ""), IsHardwareAddress(Text(item, "Address")) ? Text(item, "Address")! : ""));
                break;
            case "5" or "6" or "20" or "24" or "23" or "14" or "15" or "16" or "1":
                // Controllers, drives and a screen, all of which a machine has in its own way.
                break;
            default:
                found.Notes.Add($"'{Shown(Text(item, "ElementName") ?? Text(item, "Description") ?? $"a device of type {type}")}' is not taken over");
                break;
        }
    }

    private static bool IsUefi(XElement system) => system.Descendants().Any(element =>
        (element.Name.LocalName == "Config" && Attribute(element, "key") == "firmware" && Attribute(element, "value") == "efi")
        || (element.Name.LocalName == "Firmware" && Attribute(element, "type") is { } type && type.StartsWith("EFI", StringComparison.OrdinalIgnoreCase)));

    private static bool IsHardwareAddress(string? text) => text is { Length: 17 } && text.Split(':') is { Length: 6 } parts && parts.All(part => part.Length == 2 && part.All(char.IsAsciiHexDigit));

    /// <summary>A number of units; null when it is more than the limit.</summary>
    private static long? Scale(long number, string? units, long unit, long max)
    {
        string text = string.Concat((units ?? "").Where(c => !char.IsWhiteSpace(c))).ToLowerInvariant();
        long? factor = text switch
        {
            "" => unit,
            "byte" or "bytes" => 1,
            "kilobytes" or "kb" => 1L << 10,
            "megabytes" or "mb" => 1L << 20,
            "gigabytes" or "gb" => 1L << 30,
            _ when text.StartsWith("byte*2^", StringComparison.Ordinal) && int.TryParse(text.AsSpan(7), NumberStyles.None, CultureInfo.InvariantCulture, out int power) && power <= 50 => 1L << power,
            _ when text.StartsWith("byte*", StringComparison.Ordinal) && long.TryParse(text.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out long plain) && plain > 0 => plain,
            _ => null,
        };
        return factor is { } by && number >= 0 && number <= max / by ? number * by : null;
    }

    private static long? Long(string? text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : null;

    private static XElement? Child(XElement parent, string name) => parent.Elements().FirstOrDefault(element => element.Name.LocalName == name);

    private static string? Text(XElement? parent, string name) => parent is null ? null : Child(parent, name)?.Value.Trim();

    private static string? Attribute(XElement element, string name) => element.Attributes().FirstOrDefault(attribute => attribute.Name.LocalName == name)?.Value;

    private static string Shown(string text) => DiskHeader.Shown(text.Trim());

    private sealed class Found
    {
        internal int Processors { get; set; } = 1;

        internal long MemoryBytes { get; set; } = 1L << 30;

        internal List<((long Controller, long Number) Place, OvfDisk Disk)> Disks { get; } = [];

        internal List<OvfInterface> Interfaces { get; } = [];

        internal List<string> Notes { get; } = [];
    }
}
