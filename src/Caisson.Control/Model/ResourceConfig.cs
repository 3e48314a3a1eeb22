namespace Caisson.Control.Model;

/// <summary>Limits, in the words of the Docker Engine API, "Resources". 0 and empty leave the default.</summary>
public record ResourceConfig
{
    /// <summary>Weight of processor time; 1024 is ordinary.</summary>
    public int CpuShares { get; init; }

    /// <summary>Memory in bytes.</summary>
    public long Memory { get; init; }

    /// <summary>Processors in billionths.</summary>
    public long NanoCpus { get; init; }

    /// <summary>The parent cgroup.</summary>
    public string CgroupParent { get => field ?? ""; init; } = "";

    /// <summary>Weight of block device traffic, 10 to 1000.</summary>
    public int BlkioWeight { get; init; }

    /// <summary>Weights of single devices.</summary>
    public IReadOnlyList<WeightDevice>? BlkioWeightDevice { get; init; }

    /// <summary>Bytes read each second.</summary>
    public IReadOnlyList<ThrottleDevice>? BlkioDeviceReadBps { get; init; }

    /// <summary>Bytes written each second.</summary>
    public IReadOnlyList<ThrottleDevice>? BlkioDeviceWriteBps { get; init; }

    /// <summary>Reads each second.</summary>
    public IReadOnlyList<ThrottleDevice>? BlkioDeviceReadIOps { get; init; }

    /// <summary>Writes each second.</summary>
    public IReadOnlyList<ThrottleDevice>? BlkioDeviceWriteIOps { get; init; }

    /// <summary>Microseconds of a CPU period.</summary>
    public long CpuPeriod { get; init; }

    /// <summary>Microseconds of CPU time in a period.</summary>
    public long CpuQuota { get; init; }

    /// <summary>Microseconds of a real-time period.</summary>
    public long CpuRealtimePeriod { get; init; }

    /// <summary>Microseconds of real-time CPU time.</summary>
    public long CpuRealtimeRuntime { get; init; }

    /// <summary>CPUs, such as <c>0-3,7</c>.</summary>
    public string CpusetCpus { get => field ?? ""; init; } = "";

    /// <summary>Memory nodes.</summary>
    public string CpusetMems { get => field ?? ""; init; } = "";

    /// <summary>Devices of the host.</summary>
    public IReadOnlyList<DeviceMapping>? Devices { get; init; }

    /// <summary>Rules such as <c>c 13:* rwm</c>.</summary>
    public IReadOnlyList<string>? DeviceCgroupRules { get; init; }

    /// <summary>Devices by driver, such as GPUs; not supported.</summary>
    public IReadOnlyList<DeviceRequest>? DeviceRequests { get; init; }

    /// <summary>A soft limit of memory in bytes.</summary>
    public long MemoryReservation { get; init; }

    /// <summary>Memory and swap in bytes; -1 for no limit of swap.</summary>
    public long MemorySwap { get; init; }

    /// <summary>0 to 100; null or -1 for the host's.</summary>
    public long? MemorySwappiness { get; init; }

    /// <summary>Processes wait instead of being ended.</summary>
    public bool? OomKillDisable { get; init; }

    /// <summary>The most tasks; null or 0 for the profile's, -1 for no limit.</summary>
    public long? PidsLimit { get; init; }

    /// <summary>Limits of getrlimit(2).</summary>
    public IReadOnlyList<Ulimit>? Ulimits { get; init; }
}

/// <summary>The document of <c>POST /containers/{id}/update</c>.</summary>
public sealed record UpdateConfig : ResourceConfig
{
    /// <summary>A new restart policy; null leaves it.</summary>
    public RestartPolicy? RestartPolicy { get; init; }

    /// <summary>All ports that are published from now on, as in <see cref="HostConfig.PortBindings"/>; null leaves them. An extension of ours.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<PortBinding>?>? PortBindings { get; init; }

    /// <summary>A container, by id or name, whose ports go over as far as <see cref="PortBindings"/> names them; empty for none. An extension of ours.</summary>
    public string PortTakeover { get => field ?? ""; init; } = "";
}

/// <summary>A device's weight.</summary>
public sealed record WeightDevice
{
    /// <summary>The device's path on the host.</summary>
    public string Path { get => field ?? ""; init; } = "";

    /// <summary>10 to 1000.</summary>
    public int Weight { get; init; }
}

/// <summary>A device's rate.</summary>
public sealed record ThrottleDevice
{
    /// <summary>The device's path on the host.</summary>
    public string Path { get => field ?? ""; init; } = "";

    /// <summary>Bytes or operations each second.</summary>
    public long Rate { get; init; }
}

/// <summary>A device of the host.</summary>
public sealed record DeviceMapping
{
    /// <summary>The path on the host.</summary>
    public string PathOnHost { get => field ?? ""; init; } = "";

    /// <summary>The path inside; empty for the same.</summary>
    public string PathInContainer { get => field ?? ""; init; } = "";

    /// <summary>Letters of <c>rwm</c>.</summary>
    public string CgroupPermissions { get => field ?? ""; init; } = "";
}

/// <summary>Devices by driver.</summary>
public sealed record DeviceRequest
{
    /// <summary>The driver.</summary>
    public string Driver { get => field ?? ""; init; } = "";

    /// <summary>How many; -1 for all.</summary>
    public int Count { get; init; }
}

/// <summary>A limit of getrlimit(2); -1 for none.</summary>
public sealed record Ulimit
{
    /// <summary>The resource in lower case, such as <c>nofile</c>.</summary>
    public string Name { get => field ?? ""; init; } = "";

    /// <summary>In force.</summary>
    public long Soft { get; init; }

    /// <summary>Up to where it can be raised.</summary>
    public long Hard { get; init; }
}

/// <summary>What to do when the program ends.</summary>
public sealed record RestartPolicy
{
    /// <summary><c>no</c> or empty, <c>on-failure</c>, <c>always</c>, <c>unless-stopped</c>.</summary>
    public string Name { get => field ?? ""; init; } = "";

    /// <summary>The most restarts after failures; 0 for no limit.</summary>
    public int MaximumRetryCount { get; init; }
}
