using System.Globalization;
using System.Text;
using System.Xml;

namespace Caisson.Machines.Ovf;

/// <summary>Writes the description of a machine, OVF 1.x, so that VMware, VirtualBox and virt-v2v read it.</summary>
/// <remarks>
/// Elements of an item are in the order of the alphabet, which strict readers check; the family is VMware's, which all accept; nothing private is marked as required.
/// Source: DMTF DSP0243 1.1, CIM_ResourceAllocationSettingData.
/// </remarks>
internal static class OvfWriter
{
    private const string Envelope = "http://schemas.dmtf.org/ovf/envelope/1";
    private const string Resource = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData";
    private const string System = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData";
    private const string VMware = "http://www.vmware.com/schema/ovf";
    private const string StreamOptimized = "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized";
    private const int ControllerId = 3;

    /// <summary>The document, in UTF-8.</summary>
    internal static byte[] Write(OvfMachine machine)
    {
        using var bytes = new MemoryStream();
        using (var xml = XmlWriter.Create(bytes, new XmlWriterSettings { Indent = true, Encoding = new UTF8Encoding(false), NewLineChars = "\n" }))
        {
            xml.WriteStartDocument();
            xml.WriteStartElement("Envelope", Envelope);
            xml.WriteAttributeString("xmlns", "ovf", null, Envelope);
            xml.WriteAttributeString("xmlns", "rasd", null, Resource);
            xml.WriteAttributeString("xmlns", "vssd", null, System);
            xml.WriteAttributeString("xmlns", "vmw", null, VMware);
            References(xml, machine);
            Disks(xml, machine);
            Networks(xml, machine);
            VirtualSystem(xml, machine);
            xml.WriteEndElement();
            xml.WriteEndDocument();
        }
        return bytes.ToArray();
    }

    private static void References(XmlWriter xml, OvfMachine machine)
    {
        xml.WriteStartElement("References", Envelope);
        for (int i = 0; i < machine.Disks.Count; i++)
        {
            xml.WriteStartElement("File", Envelope);
            Attribute(xml, "href", machine.Disks[i].FileName);
            Attribute(xml, "id", $"file{i + 1}");
            if (machine.Disks[i].FileBytes is { } size)
            {
                Attribute(xml, "size", Number(size));
            }
            xml.WriteEndElement();
        }
        xml.WriteEndElement();
    }

    private static void Disks(XmlWriter xml, OvfMachine machine)
    {
        xml.WriteStartElement("DiskSection", Envelope);
        Info(xml, "The machine's disks");
        for (int i = 0; i < machine.Disks.Count; i++)
        {
            xml.WriteStartElement("Disk", Envelope);
            Attribute(xml, "capacity", Number(machine.Disks[i].CapacityBytes));
            Attribute(xml, "capacityAllocationUnits", "byte");
            Attribute(xml, "diskId", $"disk{i + 1}");
            Attribute(xml, "fileRef", $"file{i + 1}");
            Attribute(xml, "format", StreamOptimized);
            xml.WriteEndElement();
        }
        xml.WriteEndElement();
    }

    private static void Networks(XmlWriter xml, OvfMachine machine)
    {
        xml.WriteStartElement("NetworkSection", Envelope);
        Info(xml, "The networks that the machine is in");
        foreach (string network in machine.Interfaces.Select(one => one.Network).Distinct(StringComparer.Ordinal))
        {
            xml.WriteStartElement("Network", Envelope);
            Attribute(xml, "name", network);
            xml.WriteElementString("Description", Envelope, $"The network {network}");
            xml.WriteEndElement();
        }
        xml.WriteEndElement();
    }

    private static void VirtualSystem(XmlWriter xml, OvfMachine machine)
    {
        xml.WriteStartElement("VirtualSystem", Envelope);
        Attribute(xml, "id", machine.Name);
        Info(xml, "A machine");
        xml.WriteElementString("Name", Envelope, machine.Name);
        if (machine.Description.Length > 0)
        {
            xml.WriteStartElement("AnnotationSection", Envelope);
            Info(xml, "What is said about it");
            xml.WriteElementString("Annotation", Envelope, machine.Description);
            xml.WriteEndElement();
        }
        xml.WriteStartElement("OperatingSystemSection", Envelope);
        Attribute(xml, "id", "101"); // Linux, 64 bits
        xml.WriteAttributeString("vmw", "osType", VMware, "otherLinux64Guest");
        Info(xml, "The operating system");
        xml.WriteEndElement();
        xml.WriteStartElement("VirtualHardwareSection", Envelope);
        Info(xml, "The hardware");
        xml.WriteStartElement("System", Envelope);
        xml.WriteElementString("ElementName", System, "Virtual Hardware Family");
        xml.WriteElementString("InstanceID", System, "0");
        xml.WriteElementString("VirtualSystemIdentifier", System, machine.Name);
        xml.WriteElementString("VirtualSystemType", System, "vmx-13");
        xml.WriteEndElement();
        Item(xml, [("AllocationUnits", "hertz * 10^6"), ("Description", "Number of virtual processors"), ("ElementName", $"{Number(machine.Processors)} virtual processors"), ("InstanceID", "1"), ("ResourceType", "3"), ("VirtualQuantity", Number(machine.Processors))]);
        long megabytes = (machine.MemoryBytes + (1 << 20) - 1) >> 20;
        Item(xml, [("AllocationUnits", "byte * 2^20"), ("Description", "Memory"), ("ElementName", $"{Number(megabytes)} MB of memory"), ("InstanceID", "2"), ("ResourceType", "4"), ("VirtualQuantity", Number(megabytes))]);
        Item(xml, [("Address", "0"), ("Description", "SCSI controller"), ("ElementName", "SCSI controller 0"), ("InstanceID", Number(ControllerId)), ("ResourceSubType", "lsilogic"), ("ResourceType", "6")]);
        int next = ControllerId + 1;
        for (int i = 0; i < machine.Disks.Count; i++, next++)
        {
            // The controller itself is number 7 of its bus.
            Item(xml, [("AddressOnParent", Number(i < 7 ? i : i + 1)), ("ElementName", $"Disk {i + 1}"), ("HostResource", $"ovf:/disk/disk{i + 1}"), ("InstanceID", Number(next)), ("Parent", Number(ControllerId)), ("ResourceType", "17")]);
        }
        for (int i = 0; i < machine.Interfaces.Count; i++, next++)
        {
            OvfInterface one = machine.Interfaces[i];
            List<(string, string)> parts = [("AddressOnParent", Number(7 + i)), ("AutomaticAllocation", "true"), ("Connection", one.Network), ("Description", $"Network interface in {one.Network}"),
                ("ElementName", $"Ethernet {i + 1}"), ("InstanceID", Number(next)), ("ResourceSubType", one.Model.Length > 0 ? one.Model : "E1000"), ("ResourceType", "10")];
            if (one.HardwareAddress.Length > 0)
            {
                parts.Insert(0, ("Address", one.HardwareAddress));
            }
            Item(xml, parts);
        }
        if (machine.IsUefi)
        {
            xml.WriteStartElement("vmw", "Config", VMware);
            Attribute(xml, "required", "false");
            xml.WriteAttributeString("vmw", "key", VMware, "firmware");
            xml.WriteAttributeString("vmw", "value", VMware, "efi");
            xml.WriteEndElement();
        }
        xml.WriteEndElement();
        xml.WriteEndElement();
    }

    private static void Item(XmlWriter xml, IReadOnlyList<(string Name, string Text)> parts)
    {
        xml.WriteStartElement("Item", Envelope);
        foreach (var (name, text) in parts)
        {
            xml.WriteElementString("rasd", name, Resource, text);
        }
        xml.WriteEndElement();
    }

    private static void Info(XmlWriter xml, string text) => xml.WriteElementString("Info", Envelope, text);

    private static void Attribute(XmlWriter xml, string name, string text) => xml.WriteAttributeString("ovf", name, Envelope, text);

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
