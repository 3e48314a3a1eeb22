namespace Caisson.Linux;

/// <summary>What a group has used. A part is null where the host does not count it. Source: kernel Documentation/admin-guide/cgroup-v1, cgroup-v2.rst.</summary>
public sealed record CgroupStatistics(
    CpuStatistics? Cpu, MemoryStatistics? Memory, PidsStatistics? Pids, IReadOnlyList<IoStatistics> Io);

/// <summary>Time used.</summary>
/// <param name="UsageNs">All processors together.</param>
/// <param name="UserNs">In user mode.</param>
/// <param name="SystemNs">In the kernel.</param>
/// <param name="PerCpuNs">By processor; version 1 only, else empty.</param>
/// <param name="Periods">Quota periods begun.</param>
/// <param name="ThrottledPeriods">Quota periods in which the quota ran out.</param>
/// <param name="ThrottledNs">Time not given for lack of quota.</param>
public sealed record CpuStatistics(
    ulong UsageNs, ulong UserNs, ulong SystemNs, IReadOnlyList<ulong> PerCpuNs, ulong Periods, ulong ThrottledPeriods, ulong ThrottledNs);

/// <summary>Memory held.</summary>
/// <param name="UsageBytes">With the page cache.</param>
/// <param name="PeakBytes">Most ever; null where not kept.</param>
/// <param name="LimitBytes">Null: unlimited.</param>
/// <param name="SwapBytes">Swapped out; null where not counted.</param>
/// <param name="LimitHits">How often the limit was met.</param>
/// <param name="OomKills">Processes killed for lack of memory.</param>
/// <param name="Details"><c>memory.stat</c>, in the kernel's names, which differ between versions.</param>
public sealed record MemoryStatistics(
    ulong UsageBytes, ulong? PeakBytes, ulong? LimitBytes, ulong? SwapBytes, ulong LimitHits, ulong OomKills, IReadOnlyDictionary<string, ulong> Details);

/// <summary>Processes and threads.</summary>
/// <param name="Current">Now.</param>
/// <param name="Limit">Null: unlimited.</param>
public sealed record PidsStatistics(ulong Current, ulong? Limit);

/// <summary>Transfers of one block device.</summary>
public sealed record IoStatistics(
    DeviceNumber Device, ulong ReadBytes, ulong WriteBytes, ulong ReadOperations, ulong WriteOperations);
