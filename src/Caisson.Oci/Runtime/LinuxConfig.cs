using System.Collections.Immutable;
using System.Collections.ObjectModel;

namespace Caisson.Oci.Runtime;

/// <summary>The <c>linux</c> section. Source: config-linux.md.</summary>
public sealed record LinuxConfig
{
    /// <summary>Namespaces made or joined, each type at most once; a type not listed is the runtime's own.</summary>
    public ImmutableArray<LinuxNamespace> Namespaces { get; init; } = [];

    /// <summary>User ids of a new user namespace.</summary>
    public ImmutableArray<IdMapping> UidMappings { get; init; } = [];

    /// <summary>Group ids of a new user namespace.</summary>
    public ImmutableArray<IdMapping> GidMappings { get; init; } = [];

    /// <summary>Clock name (<c>monotonic</c>, <c>boottime</c>) to offset, for a new time namespace.</summary>
    public IReadOnlyDictionary<string, TimeOffset> TimeOffsets { get; init; } = ReadOnlyDictionary<string, TimeOffset>.Empty;

    /// <summary>Device nodes beyond the default ones.</summary>
    public ImmutableArray<LinuxDevice> Devices { get; init; } = [];

    /// <summary>Network devices of the host, by name there, that move in (runtime-spec 1.3).</summary>
    public IReadOnlyDictionary<string, LinuxNetDevice> NetDevices { get; init; } = ReadOnlyDictionary<string, LinuxNetDevice>.Empty;

    /// <summary>The cgroup: absolute is from the hierarchy's mount point, relative from where the runtime decides; null is its default.</summary>
    public string? CgroupsPath { get; init; }

    /// <summary>Limits; null leaves all.</summary>
    public LinuxResources? Resources { get; init; }

    /// <summary>Propagation of the root mount, such as <c>rslave</c>; null leaves it to the runtime.</summary>
    public string? RootfsPropagation { get; init; }

    /// <summary>The <c>seccomp</c> object as it stands in the document, UTF-8 JSON; empty when there is none.</summary>
    /// <remarks>A slice of the parsed document, which stays alive with it. Only known to be an object: its compiler parses it.</remarks>
    public ReadOnlyMemory<byte> Seccomp { get; init; }

    /// <summary>Absolute paths, inside, that cannot be read.</summary>
    public ImmutableArray<string> MaskedPaths { get; init; } = [];

    /// <summary>Absolute paths, inside, that cannot be written.</summary>
    public ImmutableArray<string> ReadonlyPaths { get; init; } = [];

    /// <summary>The SELinux label of the mounts; null for none.</summary>
    public string? MountLabel { get; init; }

    /// <summary>Kernel parameters of the container's namespaces, name to value.</summary>
    public IReadOnlyDictionary<string, string> Sysctl { get; init; } = ReadOnlyDictionary<string, string>.Empty;

    /// <summary>Cache and memory bandwidth allocation; null for none.</summary>
    public LinuxIntelRdt? IntelRdt { get; init; }

    /// <summary>NUMA memory policy of the process (runtime-spec 1.3); null leaves it.</summary>
    public LinuxMemoryPolicy? MemoryPolicy { get; init; }

    /// <summary>Execution domain; null leaves it.</summary>
    public LinuxPersonality? Personality { get; init; }

    /// <summary>The entry for <paramref name="type"/>, or null when the container shares the runtime's namespace.</summary>
    public LinuxNamespace? Namespace(NamespaceType type)
    {
        foreach (LinuxNamespace entry in Namespaces)
        {
            if (entry.Type == type)
            {
                return entry;
            }
        }
        return null;
    }
}

/// <summary>A namespace that is made, or joined when it has a path.</summary>
/// <param name="Type">Its type.</param>
/// <param name="Path">The absolute path of a namespace file to join; null makes a new one.</param>
public sealed record LinuxNamespace(NamespaceType Type, string? Path = null);

/// <summary>Types of namespaces. Source: config-linux.md, "Namespaces"; namespaces(7).</summary>
public enum NamespaceType
{
    /// <summary>Process ids.</summary>
    Pid,

    /// <summary>Network devices, addresses, routes, rules, ports.</summary>
    Network,

    /// <summary>Mount points.</summary>
    Mount,

    /// <summary>System V IPC and POSIX message queues.</summary>
    Ipc,

    /// <summary>Host and domain name.</summary>
    Uts,

    /// <summary>User and group ids, capabilities, keys.</summary>
    User,

    /// <summary>The root of the visible cgroup hierarchies.</summary>
    Cgroup,

    /// <summary>Offsets of the monotonic and the boot clock.</summary>
    Time,
}

/// <summary>How far a clock inside is ahead. Source: config-linux.md, "Offset for Time Namespace".</summary>
/// <param name="Secs">Whole seconds; negative is behind.</param>
/// <param name="Nanosecs">Nanoseconds on top, below one second.</param>
public readonly record struct TimeOffset(long Secs, uint Nanosecs);

/// <summary>A network device that moves in.</summary>
/// <param name="Name">Its name inside; null keeps the host's. May end in <c>%d</c>.</param>
public sealed record LinuxNetDevice(string? Name);

/// <summary>Intel RDT settings, kept so that the document survives; the runtime refuses them. Source: config-linux.md, "IntelRdt".</summary>
public sealed record LinuxIntelRdt
{
    /// <summary>The class of service; null for one of the container's own.</summary>
    public string? ClosId { get; init; }

    /// <summary>Lines for the schemata file.</summary>
    public ImmutableArray<string> Schemata { get; init; } = [];

    /// <summary>The line for the L3 cache; null for none.</summary>
    public string? L3CacheSchema { get; init; }

    /// <summary>The line for memory bandwidth; null for none.</summary>
    public string? MemBwSchema { get; init; }

    /// <summary>A monitoring group of its own.</summary>
    public bool EnableMonitoring { get; init; }
}

/// <summary>The NUMA memory policy of the process. Source: config-linux.md, "Memory Policy"; set_mempolicy(2).</summary>
public sealed record LinuxMemoryPolicy
{
    /// <summary>The mode.</summary>
    public required MemoryPolicyMode Mode { get; init; }

    /// <summary>Nodes as a list such as <c>0-1,3</c>; null for none.</summary>
    public string? Nodes { get; init; }

    /// <summary>Flags that go with the mode.</summary>
    public MemoryPolicyOptions Flags { get; init; }
}

/// <summary>Modes with the kernel's numbers. Source: set_mempolicy(2), uapi/linux/mempolicy.h.</summary>
public enum MemoryPolicyMode
{
#pragma warning disable CS1591 // the manual page's own words
    Default = 0,
    Preferred = 1,
    Bind = 2,
    Interleave = 3,
    Local = 4,
    PreferredMany = 5,
    WeightedInterleave = 6,
#pragma warning restore CS1591
}

/// <summary>Mode flags with the kernel's bits. Source: set_mempolicy(2).</summary>
[Flags]
public enum MemoryPolicyOptions
{
#pragma warning disable CS1591 // the manual page's own words
    None = 0,
    NumaBalancing = 1 << 13,
    RelativeNodes = 1 << 14,
    StaticNodes = 1 << 15,
#pragma warning restore CS1591
}

/// <summary>The execution domain of the process. Source: config-linux.md, "Personality"; personality(2).</summary>
public sealed record LinuxPersonality
{
    /// <summary>The domain.</summary>
    public required PersonalityDomain Domain { get; init; }

    /// <summary>Further flags; the specification defines none, so they are ignored with a warning.</summary>
    public ImmutableArray<string> Flags { get; init; } = [];
}

/// <summary>Domains with the kernel's numbers.</summary>
public enum PersonalityDomain
{
    /// <summary>PER_LINUX.</summary>
    Linux = 0,

    /// <summary>PER_LINUX32: uname(2) reports the 32-bit machine.</summary>
    Linux32 = 8,
}
