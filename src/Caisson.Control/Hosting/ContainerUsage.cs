namespace Caisson.Control.Hosting;

/// <summary>What a container uses at one moment; counters only grow while it runs.</summary>
public sealed record ContainerUsage
{
    /// <summary>Processor time since the start, all processors together.</summary>
    public ulong CpuTotalNs { get; init; }

    /// <summary>Of it, in the kernel.</summary>
    public ulong CpuKernelNs { get; init; }

    /// <summary>Of it, in user mode.</summary>
    public ulong CpuUserNs { get; init; }

    /// <summary>Periods in which a CPU quota was in force.</summary>
    public ulong ThrottlingPeriods { get; init; }

    /// <summary>Periods in which it was used up.</summary>
    public ulong ThrottledPeriods { get; init; }

    /// <summary>Time spent waiting for the next period.</summary>
    public ulong ThrottledTimeNs { get; init; }

    /// <summary>Memory in use, page cache included.</summary>
    public ulong MemoryBytes { get; init; }

    /// <summary>Of it, cache that is not in active use (<c>inactive_file</c>).</summary>
    public ulong MemoryInactiveFileBytes { get; init; }

    /// <summary>Of it, what belongs to no file.</summary>
    public ulong MemoryAnonymousBytes { get; init; }

    /// <summary>Faults that a page was found for without reading.</summary>
    public ulong PageFaults { get; init; }

    /// <summary>Faults that had to read.</summary>
    public ulong MajorPageFaults { get; init; }

    /// <summary>The memory limit; null without one.</summary>
    public ulong? MemoryLimitBytes { get; init; }

    /// <summary>Tasks that exist.</summary>
    public ulong Pids { get; init; }

    /// <summary>The most tasks that may exist; null without a limit.</summary>
    public ulong? PidsLimit { get; init; }

    /// <summary>Block devices' traffic.</summary>
    public IReadOnlyList<BlockUsage> Blocks { get; init; } = [];

    /// <summary>Network interfaces inside, without loopback.</summary>
    public IReadOnlyList<InterfaceUsage> Interfaces { get; init; } = [];
}

/// <summary>Traffic with one block device.</summary>
/// <param name="Major">The device's major number.</param>
/// <param name="Minor">The device's minor number.</param>
/// <param name="ReadBytes">Bytes read.</param>
/// <param name="WrittenBytes">Bytes written.</param>
public readonly record struct BlockUsage(ulong Major, ulong Minor, ulong ReadBytes, ulong WrittenBytes);

/// <summary>Traffic of one network interface.</summary>
/// <param name="Name">The interface's name inside.</param>
/// <param name="ReceivedBytes">Bytes received.</param>
/// <param name="ReceivedPackets">Packets received.</param>
/// <param name="SentBytes">Bytes sent.</param>
/// <param name="SentPackets">Packets sent.</param>
public readonly record struct InterfaceUsage(string Name, ulong ReceivedBytes, ulong ReceivedPackets, ulong SentBytes, ulong SentPackets);
