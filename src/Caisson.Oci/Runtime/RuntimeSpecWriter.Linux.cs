using System.Text.Json;

namespace Caisson.Oci.Runtime;

internal static partial class RuntimeSpecWriter
{
    private static void Linux(Utf8JsonWriter json, LinuxConfig linux)
    {
        json.WriteStartObject("linux");
        Items(json, "uidMappings", linux.UidMappings, IdMapping);
        Items(json, "gidMappings", linux.GidMappings, IdMapping);
        TextMap(json, "sysctl", linux.Sysctl);
        if (linux.Resources is { } resources)
        {
            json.WritePropertyName("resources");
            Resources(json, resources);
        }
        Text(json, "cgroupsPath", linux.CgroupsPath);
        Items(json, "namespaces", linux.Namespaces, Namespace);
        Items(json, "devices", linux.Devices, Device);
        NetDevices(json, linux.NetDevices);
        if (!linux.Seccomp.IsEmpty)
        {
            json.WritePropertyName("seccomp");
            json.WriteRawValue(linux.Seccomp.Span);
        }
        Text(json, "rootfsPropagation", linux.RootfsPropagation);
        Texts(json, "maskedPaths", linux.MaskedPaths);
        Texts(json, "readonlyPaths", linux.ReadonlyPaths);
        Text(json, "mountLabel", linux.MountLabel);
        if (linux.IntelRdt is { } rdt)
        {
            IntelRdt(json, rdt);
        }
        if (linux.MemoryPolicy is { } policy)
        {
            json.WriteStartObject("memoryPolicy");
            json.WriteString("mode", SpecNames.MemoryPolicyMode[(int)policy.Mode]);
            Text(json, "nodes", policy.Nodes);
            Flags(json, (int)policy.Flags >> SpecNames.MemoryPolicyFlagShift, SpecNames.MemoryPolicyFlag);
            json.WriteEndObject();
        }
        if (linux.Personality is { } personality)
        {
            json.WriteStartObject("personality");
            json.WriteString("domain", SpecNames.Personality[(int)personality.Domain]);
            Texts(json, "flags", personality.Flags);
            json.WriteEndObject();
        }
        TimeOffsets(json, linux.TimeOffsets);
        json.WriteEndObject();
    }

    private static void Namespace(Utf8JsonWriter json, LinuxNamespace entry)
    {
        json.WriteStartObject();
        json.WriteString("type", SpecNames.Namespace[(int)entry.Type]);
        Text(json, "path", entry.Path);
        json.WriteEndObject();
    }

    private static void Device(Utf8JsonWriter json, LinuxDevice device)
    {
        json.WriteStartObject();
        json.WriteString("path", device.Path);
        json.WriteString("type", device.Type);
        json.WriteNumber("major", device.Major);
        json.WriteNumber("minor", device.Minor);
        Number(json, "fileMode", (ulong?)device.FileMode);
        Number(json, "uid", (ulong?)device.Uid);
        Number(json, "gid", (ulong?)device.Gid);
        json.WriteEndObject();
    }

    private static void NetDevices(Utf8JsonWriter json, IReadOnlyDictionary<string, LinuxNetDevice> devices)
    {
        if (devices.Count == 0)
        {
            return;
        }
        json.WriteStartObject("netDevices");
        foreach ((string name, LinuxNetDevice device) in devices)
        {
            json.WriteStartObject(name);
            Text(json, "name", device.Name);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    private static void IntelRdt(Utf8JsonWriter json, LinuxIntelRdt rdt)
    {
        json.WriteStartObject("intelRdt");
        Text(json, "closID", rdt.ClosId);
        Texts(json, "schemata", rdt.Schemata);
        Text(json, "l3CacheSchema", rdt.L3CacheSchema);
        Text(json, "memBwSchema", rdt.MemBwSchema);
        Flag(json, "enableMonitoring", rdt.EnableMonitoring);
        json.WriteEndObject();
    }

    private static void TimeOffsets(Utf8JsonWriter json, IReadOnlyDictionary<string, TimeOffset> offsets)
    {
        if (offsets.Count == 0)
        {
            return;
        }
        json.WriteStartObject("timeOffsets");
        foreach ((string clock, TimeOffset offset) in offsets)
        {
            json.WriteStartObject(clock);
            json.WriteNumber("secs", offset.Secs);
            json.WriteNumber("nanosecs", offset.Nanosecs);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }
}
