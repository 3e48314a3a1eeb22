using Caisson.Oci.Json;

namespace Caisson.Oci.Runtime;

internal static partial class RuntimeSpecReader
{
    private static LinuxConfig Linux(ref JsonCursor json)
    {
        var linux = new LinuxConfig();
        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "namespaces": linux = linux with { Namespaces = json.Array(Namespace) }; break;
                case "uidMappings": linux = linux with { UidMappings = json.Array(IdMapping) }; break;
                case "gidMappings": linux = linux with { GidMappings = json.Array(IdMapping) }; break;
                case "timeOffsets": linux = linux with { TimeOffsets = json.Map(TimeOffset) }; break;
                case "devices": linux = linux with { Devices = json.Array(Device) }; break;
                case "netDevices": linux = linux with { NetDevices = json.Map(NetDevice) }; break;
                case "cgroupsPath": linux = linux with { CgroupsPath = TextOrNull(ref json) }; break;
                case "resources": linux = linux with { Resources = Resources(ref json) }; break;
                case "rootfsPropagation": linux = linux with { RootfsPropagation = TextOrNull(ref json) }; break;
                case "seccomp": linux = linux with { Seccomp = json.RawObject() }; break;
                case "maskedPaths": linux = linux with { MaskedPaths = json.Texts() }; break;
                case "readonlyPaths": linux = linux with { ReadonlyPaths = json.Texts() }; break;
                case "mountLabel": linux = linux with { MountLabel = TextOrNull(ref json) }; break;
                case "sysctl": linux = linux with { Sysctl = json.TextMap() }; break;
                case "intelRdt": linux = linux with { IntelRdt = IntelRdt(ref json) }; break;
                case "memoryPolicy": linux = linux with { MemoryPolicy = MemoryPolicy(ref json) }; break;
                case "personality": linux = linux with { Personality = Personality(ref json) }; break;
                default: json.Skip(); break;
            }
        }
        return linux;
    }

    private static LinuxNamespace Namespace(ref JsonCursor json)
    {
        int? type = null;
        string? path = null;

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "type": type = json.Choice(SpecNames.Namespace); break;
                case "path": path = TextOrNull(ref json); break;
                default: json.Skip(); break;
            }
        }
        if (entered)
        {
            Require(ref json, type, "type");
        }
        return new LinuxNamespace((NamespaceType)(type ?? 0), path);
    }

    private static TimeOffset TimeOffset(ref JsonCursor json)
    {
        long secs = 0;
        uint nanosecs = 0;

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "secs": secs = json.Integer(); break;
                case "nanosecs": nanosecs = json.UInt32(); break;
                default: json.Skip(); break;
            }
        }
        return new TimeOffset(secs, nanosecs);
    }

    private static LinuxDevice Device(ref JsonCursor json)
    {
        string? path = null;
        string? type = null;
        long? major = null;
        long? minor = null;
        var device = new LinuxDevice { Path = "", Type = "" };

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "path": path = json.Text(); break;
                case "type": type = json.Text(); break;
                case "major": major = json.Integer(); break;
                case "minor": minor = json.Integer(); break;
                case "fileMode": device = device with { FileMode = json.UInt32() }; break;
                case "uid": device = device with { Uid = json.UInt32() }; break;
                case "gid": device = device with { Gid = json.UInt32() }; break;
                default: json.Skip(); break;
            }
        }
        if (entered && path is null)
        {
            json.ReportMissing("path");
        }
        if (entered && type is null)
        {
            json.ReportMissing("type");
        }
        if (entered && type is not (null or "p"))
        {
            Require(ref json, major, "major");
            Require(ref json, minor, "minor");
        }
        return device with { Path = path ?? "", Type = type ?? "", Major = major ?? 0, Minor = minor ?? 0 };
    }

    private static LinuxNetDevice NetDevice(ref JsonCursor json)
    {
        string? inside = null;
        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "name": inside = TextOrNull(ref json); break;
                default: json.Skip(); break;
            }
        }
        return new LinuxNetDevice(inside);
    }

    private static LinuxIntelRdt IntelRdt(ref JsonCursor json)
    {
        var rdt = new LinuxIntelRdt();
        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "closID": rdt = rdt with { ClosId = TextOrNull(ref json) }; break;
                case "schemata": rdt = rdt with { Schemata = json.Texts() }; break;
                case "l3CacheSchema": rdt = rdt with { L3CacheSchema = TextOrNull(ref json) }; break;
                case "memBwSchema": rdt = rdt with { MemBwSchema = TextOrNull(ref json) }; break;
                case "enableMonitoring": rdt = rdt with { EnableMonitoring = json.Flag() }; break;
                default: json.Skip(); break;
            }
        }
        return rdt;
    }

    private static LinuxMemoryPolicy MemoryPolicy(ref JsonCursor json)
    {
        int? mode = null;
        string? nodes = null;
        int flags = 0;

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "mode": mode = json.Choice(SpecNames.MemoryPolicyMode); break;
                case "nodes": nodes = TextOrNull(ref json); break;
                case "flags": flags = Flags(ref json, SpecNames.MemoryPolicyFlag) << SpecNames.MemoryPolicyFlagShift; break;
                default: json.Skip(); break;
            }
        }
        if (entered)
        {
            Require(ref json, mode, "mode");
        }
        return new LinuxMemoryPolicy { Mode = (MemoryPolicyMode)(mode ?? 0), Nodes = nodes, Flags = (MemoryPolicyOptions)flags };
    }

    private static LinuxPersonality Personality(ref JsonCursor json)
    {
        int? domain = null;
        var personality = new LinuxPersonality { Domain = PersonalityDomain.Linux };

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "domain": domain = json.Choice(SpecNames.Personality); break;
                case "flags": personality = personality with { Flags = json.Texts() }; break;
                default: json.Skip(); break;
            }
        }
        if (entered)
        {
            Require(ref json, domain, "domain");
        }
        return personality with { Domain = (PersonalityDomain)(domain ?? 0) };
    }
}
