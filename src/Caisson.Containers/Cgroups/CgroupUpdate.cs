using System.Collections.Immutable;
using Caisson.Oci.Runtime;

namespace Caisson.Containers.Cgroups;

/// <summary>A change of limits.</summary>
/// <param name="Steps">What to write, in order; the container's directories exist.</param>
/// <param name="Resources">The limits in force afterwards, to be kept for the next update.</param>
public sealed record CgroupUpdate(ImmutableArray<CgroupStep> Steps, LinuxResources Resources)
{
    /// <summary><paramref name="current"/> with what <paramref name="change"/> says in its place; devices of block I/O one by one.</summary>
    public static LinuxResources Merge(LinuxResources current, LinuxResources change) => current with
    {
        Memory = Merge(current.Memory, change.Memory),
        Cpu = Merge(current.Cpu, change.Cpu),
        PidsLimit = change.PidsLimit ?? current.PidsLimit,
        BlockIo = Merge(current.BlockIo, change.BlockIo),
        HugepageLimits = Merge(current.HugepageLimits, change.HugepageLimits, limit => limit.PageSize),
        Network = change.Network is null ? current.Network : new LinuxNetwork
        {
            ClassId = change.Network.ClassId ?? current.Network?.ClassId,
            Priorities = Merge(current.Network?.Priorities ?? [], change.Network.Priorities, priority => priority.Name),
        },
        Rdma = Merge(current.Rdma, change.Rdma),
        Unified = Merge(current.Unified, change.Unified),
    };

    /// <summary>
    /// <paramref name="change"/> with the limits from <paramref name="merged"/> that the kernel takes only together: memory and swap, quota and
    /// period.
    /// </summary>
    internal static LinuxResources Complete(LinuxResources change, LinuxResources merged)
    {
        LinuxMemory? memory = change.Memory;
        if (memory is not null && (Given(memory.Limit) || Given(memory.Swap)))
        {
            memory = memory with { Limit = merged.Memory!.Limit, Swap = merged.Memory.Swap };
        }
        LinuxCpu? cpu = change.Cpu;
        if (cpu is not null && (Given(cpu.Quota) || cpu.Period > 0))
        {
            cpu = cpu with { Quota = merged.Cpu!.Quota, Period = merged.Cpu.Period };
        }
        return change with { Memory = memory, Cpu = cpu };
    }

    /// <summary>To the runtimes, zero says as little as nothing does.</summary>
    private static bool Given(long? value) => value is not (null or 0);

    private static long? Latter(long? current, long? change) => Given(change) ? change : current;

    private static LinuxMemory? Merge(LinuxMemory? current, LinuxMemory? change)
    {
        if (current is null || change is null)
        {
            return change ?? current;
        }
        // Unlimited memory with swap unsaid means unlimited swap too.
        bool all = change.Limit == -1 && !Given(change.Swap);
        return new LinuxMemory
        {
            Limit = Latter(current.Limit, change.Limit),
            Swap = all ? -1 : Latter(current.Swap, change.Swap),
            Reservation = Latter(current.Reservation, change.Reservation),
            Swappiness = change.Swappiness ?? current.Swappiness,
            DisableOomKiller = change.DisableOomKiller ?? current.DisableOomKiller,
            CheckBeforeUpdate = change.CheckBeforeUpdate ?? current.CheckBeforeUpdate,
        };
    }

    private static LinuxCpu? Merge(LinuxCpu? current, LinuxCpu? change) => current is null || change is null
        ? change ?? current
        : new LinuxCpu
        {
            Shares = change.Shares is null or 0 ? current.Shares : change.Shares,
            Quota = Latter(current.Quota, change.Quota),
            Period = change.Period is null or 0 ? current.Period : change.Period,
            Burst = change.Burst ?? current.Burst,
            RealtimeRuntime = Latter(current.RealtimeRuntime, change.RealtimeRuntime),
            RealtimePeriod = change.RealtimePeriod is null or 0 ? current.RealtimePeriod : change.RealtimePeriod,
            Cpus = change.Cpus ?? current.Cpus,
            Mems = change.Mems ?? current.Mems,
            Idle = change.Idle ?? current.Idle,
        };

    private static LinuxBlockIo? Merge(LinuxBlockIo? current, LinuxBlockIo? change) => current is null || change is null
        ? change ?? current
        : new LinuxBlockIo
        {
            Weight = change.Weight is null or 0 ? current.Weight : change.Weight,
            LeafWeight = change.LeafWeight is null or 0 ? current.LeafWeight : change.LeafWeight,
            WeightDevice = Merge(current.WeightDevice, change.WeightDevice, device => (device.Major, device.Minor)),
            ThrottleReadBpsDevice = Merge(current.ThrottleReadBpsDevice, change.ThrottleReadBpsDevice, Number),
            ThrottleWriteBpsDevice = Merge(current.ThrottleWriteBpsDevice, change.ThrottleWriteBpsDevice, Number),
            ThrottleReadIopsDevice = Merge(current.ThrottleReadIopsDevice, change.ThrottleReadIopsDevice, Number),
            ThrottleWriteIopsDevice = Merge(current.ThrottleWriteIopsDevice, change.ThrottleWriteIopsDevice, Number),
        };

    private static (long Major, long Minor) Number(LinuxThrottleDevice device) => (device.Major, device.Minor);

    /// <summary>Entries of <paramref name="change"/> replace those of the same key and follow the others.</summary>
    private static ImmutableArray<T> Merge<T, TKey>(ImmutableArray<T> current, ImmutableArray<T> change, Func<T, TKey> key)
        where TKey : notnull
    {
        if (current.IsEmpty || change.IsEmpty)
        {
            return change.IsEmpty ? current : change;
        }
        var merged = new OrderedDictionary<TKey, T>();
        foreach (T item in current.Concat(change))
        {
            merged[key(item)] = item;
        }
        return [.. merged.Values];
    }

    private static IReadOnlyDictionary<string, T> Merge<T>(IReadOnlyDictionary<string, T> current, IReadOnlyDictionary<string, T> change)
    {
        if (current.Count == 0 || change.Count == 0)
        {
            return change.Count == 0 ? current : change;
        }
        var merged = new OrderedDictionary<string, T>(current);
        foreach ((string name, T value) in change)
        {
            merged[name] = value;
        }
        return merged;
    }
}
