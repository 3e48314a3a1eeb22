using System.Collections.Immutable;

namespace Caisson.Oci.Runtime;

public static partial class RuntimeSpecRules
{
    private const int MappingsMax = 340; // user_namespaces(7), since Linux 4.15
    private const uint NanosecsMax = 999_999_999;
    private const int InterfaceNameBytesMax = 15;

    private static readonly string[] Propagations =
        ["private", "rprivate", "slave", "rslave", "shared", "rshared", "unbindable", "runbindable"];

    private static void CheckLinux(LinuxConfig linux, RuleReport report)
    {
        CheckNamespaces(linux.Namespaces, report);
        CheckUserNamespace(linux, report);
        CheckTimeNamespace(linux, report);
        CheckDevices(linux.Devices, report);
        CheckNetDevices(linux, report);
        CheckCgroupsPath(linux.CgroupsPath, report);
        if (linux.Resources is { } resources)
        {
            CheckResources(resources, "/linux/resources", report);
        }
        if (linux.RootfsPropagation is { } propagation && Array.IndexOf(Propagations, propagation) < 0)
        {
            report.Problem("/linux/rootfsPropagation", $"must be one of {string.Join(", ", Propagations)}, not '{propagation}'");
        }
        CheckCovers(linux, "/linux/maskedPaths", linux.MaskedPaths, report);
        CheckCovers(linux, "/linux/readonlyPaths", linux.ReadonlyPaths, report);
        Sysctl.Check(linux, report);
        if (linux.IntelRdt is not null)
        {
            report.Problem("/linux/intelRdt", "is not supported by this runtime; remove it");
        }
        if (linux.MemoryPolicy is { } policy)
        {
            CheckMemoryPolicy(policy, report);
        }
        if (linux.Personality is { Flags.IsEmpty: false })
        {
            report.Warning("/linux/personality/flags", "are ignored: the specification defines none");
        }
    }

    private static void CheckNamespaces(ImmutableArray<LinuxNamespace> namespaces, RuleReport report)
    {
        int seen = 0;
        for (int i = 0; i < namespaces.Length; i++)
        {
            LinuxNamespace entry = namespaces[i];
            int bit = 1 << (int)entry.Type;
            if ((seen & bit) != 0)
            {
                report.Problem($"/linux/namespaces/{i}/type", $"{SpecNames.Namespace[(int)entry.Type]} occurs twice");
            }
            seen |= bit;
            if (entry.Path is { } path)
            {
                report.Absolute($"/linux/namespaces/{i}/path", path);
            }
        }
    }

    private static void CheckUserNamespace(LinuxConfig linux, RuleReport report)
    {
        LinuxNamespace? user = linux.Namespace(NamespaceType.User);
        CheckMappings("/linux/uidMappings", linux.UidMappings, report);
        CheckMappings("/linux/gidMappings", linux.GidMappings, report);
        if (user is null)
        {
            RefuseIf(!linux.UidMappings.IsEmpty, "/linux/uidMappings", "needs a namespace of type user in /linux/namespaces");
            RefuseIf(!linux.GidMappings.IsEmpty, "/linux/gidMappings", "needs a namespace of type user in /linux/namespaces");
        }
        else if (user.Path is null)
        {
            RefuseIf(linux.UidMappings.IsEmpty, "/linux/uidMappings", "is required for a new user namespace");
            RefuseIf(linux.GidMappings.IsEmpty, "/linux/gidMappings", "is required for a new user namespace");
        }

        void RefuseIf(bool refused, string path, string message)
        {
            if (refused)
            {
                report.Problem(path, message);
            }
        }
    }

    /// <summary>No mapping is empty, none runs over the end of the ids, and none overlaps another on either side.</summary>
    private static void CheckMappings(string path, ImmutableArray<IdMapping> mappings, RuleReport report)
    {
        if (mappings.Length > MappingsMax)
        {
            report.Problem(path, $"has {mappings.Length} entries; the kernel takes {MappingsMax}");
            return;
        }
        for (int i = 0; i < mappings.Length; i++)
        {
            IdMapping a = mappings[i];
            if (a.Size == 0)
            {
                report.Problem($"{path}/{i}/size", "must be at least 1");
            }
            if ((ulong)a.ContainerId + a.Size > uint.MaxValue || (ulong)a.HostId + a.Size > uint.MaxValue)
            {
                report.Problem($"{path}/{i}", $"ids must stay below {uint.MaxValue}");
            }
            for (int j = 0; j < i; j++)
            {
                IdMapping b = mappings[j];
                if (Overlap(a.ContainerId, a.Size, b.ContainerId, b.Size))
                {
                    report.Problem($"{path}/{i}/containerID", $"overlaps entry {j}");
                }
                if (Overlap(a.HostId, a.Size, b.HostId, b.Size))
                {
                    report.Problem($"{path}/{i}/hostID", $"overlaps entry {j}");
                }
            }
        }
    }

    private static bool Overlap(uint a, uint aSize, uint b, uint bSize) =>
        a < (ulong)b + bSize && b < (ulong)a + aSize;

    private static void CheckTimeNamespace(LinuxConfig linux, RuleReport report)
    {
        if (linux.TimeOffsets.Count == 0)
        {
            return;
        }
        LinuxNamespace? time = linux.Namespace(NamespaceType.Time);
        if (time is null)
        {
            report.Problem("/linux/timeOffsets", "needs a namespace of type time in /linux/namespaces");
        }
        else if (time.Path is not null)
        {
            report.Problem("/linux/timeOffsets", "cannot be given for a time namespace that is joined by its path");
        }
        foreach ((string clock, TimeOffset offset) in linux.TimeOffsets)
        {
            if (clock is not ("monotonic" or "boottime"))
            {
                report.Problem(
                    $"/linux/timeOffsets/{RuleReport.Segment(clock)}", "unknown clock; known are monotonic and boottime");
            }
            if (offset.Nanosecs > NanosecsMax)
            {
                report.Problem($"/linux/timeOffsets/{RuleReport.Segment(clock)}/nanosecs", $"must be at most {NanosecsMax}");
            }
        }
    }

    private static void CheckDevices(ImmutableArray<LinuxDevice> devices, RuleReport report)
    {
        for (int i = 0; i < devices.Length; i++)
        {
            LinuxDevice device = devices[i];
            string path = $"/linux/devices/{i}";
            report.Absolute($"{path}/path", device.Path);
            if (device.Type is not ("c" or "b" or "u" or "p"))
            {
                report.Problem($"{path}/type", $"must be c, b, u or p, not '{device.Type}'");
            }
            else if (device.Type != "p")
            {
                CheckNumber($"{path}/major", device.Major, 0xFFF, report);
                CheckNumber($"{path}/minor", device.Minor, 0xFFFFF, report);
            }
        }
    }

    /// <summary>The kernel's device numbers have 12 bits of major and 20 of minor.</summary>
    private static void CheckNumber(string path, long number, long max, RuleReport report)
    {
        if (number < 0 || number > max)
        {
            report.Problem(path, $"must be 0 to {max}, not {number}");
        }
    }

    private static void CheckNetDevices(LinuxConfig linux, RuleReport report)
    {
        if (linux.NetDevices.Count > 0 && linux.Namespace(NamespaceType.Network) is null)
        {
            report.Problem("/linux/netDevices", "needs a namespace of type network in /linux/namespaces");
        }
        foreach ((string name, LinuxNetDevice device) in linux.NetDevices)
        {
            string path = $"/linux/netDevices/{RuleReport.Segment(name)}";
            CheckInterfaceName(path, name, report);
            if (device.Name is { } inside)
            {
                CheckInterfaceName($"{path}/name", inside, report);
            }
        }
    }

    private static void CheckInterfaceName(string path, string name, RuleReport report)
    {
        bool valid = name is not ("" or "." or "..")
            && System.Text.Encoding.UTF8.GetByteCount(name) <= InterfaceNameBytesMax
            && !name.Any(c => c is '/' or ':' || char.IsWhiteSpace(c) || char.IsControl(c));
        if (!valid)
        {
            report.Problem(path, $"'{name}' is not a name of a network device");
        }
    }

    private static void CheckCgroupsPath(string? path, RuleReport report)
    {
        if (path is null)
        {
            return;
        }
        if (Array.IndexOf(path.Split('/'), "..") >= 0)
        {
            report.Problem("/linux/cgroupsPath", "must not contain '..'");
        }
        if (path.Any(char.IsControl))
        {
            report.Problem("/linux/cgroupsPath", "must not contain control characters");
        }
    }

    private static void CheckCovers(LinuxConfig linux, string path, ImmutableArray<string> covered, RuleReport report)
    {
        if (!covered.IsEmpty && linux.Namespace(NamespaceType.Mount) is null)
        {
            report.Problem(path, "needs a namespace of type mount in /linux/namespaces, or the host would lose them too");
        }
        for (int i = 0; i < covered.Length; i++)
        {
            report.Absolute($"{path}/{i}", covered[i]);
        }
    }

    private static void CheckMemoryPolicy(LinuxMemoryPolicy policy, RuleReport report)
    {
        CheckList("/linux/memoryPolicy/nodes", policy.Nodes, report);
        switch (policy.Mode)
        {
            case MemoryPolicyMode.Default or MemoryPolicyMode.Local when policy.Nodes is not null:
                report.Problem("/linux/memoryPolicy/nodes", "must be empty for this mode");
                break;
            case MemoryPolicyMode.Bind or MemoryPolicyMode.Interleave or MemoryPolicyMode.PreferredMany
                or MemoryPolicyMode.WeightedInterleave when policy.Nodes is null:
                report.Problem("/linux/memoryPolicy/nodes", "is required for this mode");
                break;
        }
    }
}
