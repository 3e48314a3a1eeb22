using System.Collections.Immutable;
using System.Collections.ObjectModel;

namespace Caisson.Oci.Runtime;

/// <summary>Limits of a container; also the document of <c>update</c>. Null leaves a value as it is. Source: config-linux.md, "Control groups".</summary>
public sealed record LinuxResources
{
    /// <summary>Access to device nodes, in order.</summary>
    public ImmutableArray<LinuxDeviceCgroup> Devices { get; init; } = [];

    /// <summary>Memory.</summary>
    public LinuxMemory? Memory { get; init; }

    /// <summary>CPU time and placement.</summary>
    public LinuxCpu? Cpu { get; init; }

    /// <summary>The number of tasks; -1 is no limit.</summary>
    public long? PidsLimit { get; init; }

    /// <summary>Block devices.</summary>
    public LinuxBlockIo? BlockIo { get; init; }

    /// <summary>Huge pages, a page size each.</summary>
    public ImmutableArray<LinuxHugepageLimit> HugepageLimits { get; init; } = [];

    /// <summary>Network class and priorities; cgroup v1 only.</summary>
    public LinuxNetwork? Network { get; init; }

    /// <summary>RDMA device name to limits.</summary>
    public IReadOnlyDictionary<string, LinuxRdma> Rdma { get; init; } = ReadOnlyDictionary<string, LinuxRdma>.Empty;

    /// <summary>File of cgroup v2 to what is written there, after everything else.</summary>
    public IReadOnlyDictionary<string, string> Unified { get; init; } = ReadOnlyDictionary<string, string>.Empty;
}

/// <summary>Memory limits in bytes; -1 is no limit. Source: config-linux.md, "Memory".</summary>
public sealed record LinuxMemory
{
    /// <summary>Memory in use.</summary>
    public long? Limit { get; init; }

    /// <summary>A soft limit, in force when the host is short of memory.</summary>
    public long? Reservation { get; init; }

    /// <summary>Memory and swap together.</summary>
    public long? Swap { get; init; }

    /// <summary>Kernel memory; deprecated, ignored by kernels since 5.4.</summary>
    public long? Kernel { get; init; }

    /// <summary>Kernel memory of TCP buffers; deprecated.</summary>
    public long? KernelTcp { get; init; }

    /// <summary>0 to 100; <see cref="ulong.MaxValue"/> (-1 of old callers) leaves it. Cgroup v1 only.</summary>
    public ulong? Swappiness { get; init; }

    /// <summary>Tasks wait instead of being killed. Cgroup v1 only.</summary>
    public bool? DisableOomKiller { get; init; }

    /// <summary>Children count too. Cgroup v1 only, and always so on v2.</summary>
    public bool? UseHierarchy { get; init; }

    /// <summary>Refuse an update to less than is in use.</summary>
    public bool? CheckBeforeUpdate { get; init; }
}

/// <summary>CPU limits; times in microseconds. Source: config-linux.md, "CPU".</summary>
public sealed record LinuxCpu
{
    /// <summary>Weight, 2 to 262144, 1024 being one ordinary cgroup; 0 leaves it.</summary>
    public ulong? Shares { get; init; }

    /// <summary>CPU time in each period; 0 leaves it, negative is no limit.</summary>
    public long? Quota { get; init; }

    /// <summary>Unused time that may be spent on top in a period.</summary>
    public ulong? Burst { get; init; }

    /// <summary>The length of a period; 0 leaves it.</summary>
    public ulong? Period { get; init; }

    /// <summary>Real-time CPU time in each real-time period. Cgroup v1 only.</summary>
    public long? RealtimeRuntime { get; init; }

    /// <summary>The length of a real-time period. Cgroup v1 only.</summary>
    public ulong? RealtimePeriod { get; init; }

    /// <summary>CPUs as a list such as <c>0-3,7</c>; null leaves them.</summary>
    public string? Cpus { get; init; }

    /// <summary>Memory nodes as a list; null leaves them.</summary>
    public string? Mems { get; init; }

    /// <summary>1 runs only when nobody else wants to, 0 is ordinary.</summary>
    public long? Idle { get; init; }
}

/// <summary>Block device weights and rates. Source: config-linux.md, "Block IO".</summary>
public sealed record LinuxBlockIo
{
    /// <summary>Weight, 10 to 1000; 0 leaves it.</summary>
    public ushort? Weight { get; init; }

    /// <summary>Weight against child cgroups, 10 to 1000; 0 leaves it. Cgroup v1 with CFQ only.</summary>
    public ushort? LeafWeight { get; init; }

    /// <summary>Weights of single devices.</summary>
    public ImmutableArray<LinuxWeightDevice> WeightDevice { get; init; } = [];

    /// <summary>Bytes read each second.</summary>
    public ImmutableArray<LinuxThrottleDevice> ThrottleReadBpsDevice { get; init; } = [];

    /// <summary>Bytes written each second.</summary>
    public ImmutableArray<LinuxThrottleDevice> ThrottleWriteBpsDevice { get; init; } = [];

    /// <summary>Reads each second.</summary>
    public ImmutableArray<LinuxThrottleDevice> ThrottleReadIopsDevice { get; init; } = [];

    /// <summary>Writes each second.</summary>
    public ImmutableArray<LinuxThrottleDevice> ThrottleWriteIopsDevice { get; init; } = [];
}

/// <summary>The weight of one block device.</summary>
/// <param name="Major">The device's major number.</param>
/// <param name="Minor">The device's minor number.</param>
/// <param name="Weight">10 to 1000; null leaves it.</param>
/// <param name="LeafWeight">10 to 1000, against child cgroups; null leaves it.</param>
public sealed record LinuxWeightDevice(long Major, long Minor, ushort? Weight, ushort? LeafWeight);

/// <summary>The rate of one block device.</summary>
/// <param name="Major">The device's major number.</param>
/// <param name="Minor">The device's minor number.</param>
/// <param name="Rate">Bytes or operations each second; 0 is no limit.</param>
public sealed record LinuxThrottleDevice(long Major, long Minor, ulong Rate);

/// <summary>A limit on huge pages of one size.</summary>
/// <param name="PageSize">The size as the kernel spells it in file names: <c>64KB</c>, <c>2MB</c>, <c>1GB</c>.</param>
/// <param name="Limit">Bytes.</param>
public sealed record LinuxHugepageLimit(string PageSize, ulong Limit);

/// <summary>Network class and priorities. Source: config-linux.md, "Network".</summary>
public sealed record LinuxNetwork
{
    /// <summary>The class id of the container's packets; null leaves it.</summary>
    public uint? ClassId { get; init; }

    /// <summary>Priorities of interfaces.</summary>
    public ImmutableArray<LinuxInterfacePriority> Priorities { get; init; } = [];
}

/// <summary>The priority of packets on one interface.</summary>
/// <param name="Name">The interface, as named in the runtime's network namespace.</param>
/// <param name="Priority">The priority.</param>
public sealed record LinuxInterfacePriority(string Name, uint Priority);

/// <summary>Limits on one RDMA device; null is no limit.</summary>
/// <param name="HcaHandles">Handles that can be open.</param>
/// <param name="HcaObjects">Objects that can exist.</param>
public sealed record LinuxRdma(uint? HcaHandles, uint? HcaObjects);
