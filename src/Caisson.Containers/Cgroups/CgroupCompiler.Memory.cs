using Caisson.Errors;
using Caisson.Oci.Runtime;

namespace Caisson.Containers.Cgroups;

internal sealed partial class CgroupCompiler
{
    private void Memory(LinuxMemory? memory, bool isUpdate)
    {
        if (memory is null || !IsAnyGiven(memory) || Use("memory", "memory") is not { } isV2)
        {
            return;
        }
        if (isV2)
        {
            MemoryV2(memory, isUpdate);
        }
        else
        {
            MemoryV1(memory, isUpdate);
        }
    }

    private static bool IsAnyGiven(LinuxMemory memory) =>
        Given(memory.Limit) || Given(memory.Swap) || Given(memory.Reservation) || SwappinessOf(memory) is not null
        || memory.DisableOomKiller == true;

    /// <summary>Old callers say -1 in 64 unsigned bits for "leave it".</summary>
    private static ulong? SwappinessOf(LinuxMemory memory) => memory.Swappiness == ulong.MaxValue ? null : memory.Swappiness;

    /// <summary>
    /// The kernel keeps the limit at most as high as that of memory and swap at every moment. A new cgroup is unlimited, so the limit goes first; in
    /// an update which goes first depends on whether it grows or shrinks, so the other is tried before and written again after.
    /// </summary>
    private void MemoryV1(LinuxMemory memory, bool isUpdate)
    {
        const string limitFile = "memory.limit_in_bytes";
        const string swapFile = "memory.memsw.limit_in_bytes";
        long limit = memory.Limit ?? 0;
        long swap = memory.Swap ?? 0;

        // Lifting the limit alone means lifting that of swap too, which cannot stay below it.
        bool liftsSwap = swap == -1 || (limit == -1 && swap == 0);
        if (liftsSwap)
        {
            Write("memory", swapFile, "-1", CgroupTolerance.Missing);
        }
        else if (isUpdate && limit != 0 && swap != 0)
        {
            Write("memory", swapFile, Text(swap), CgroupTolerance.Again);
        }
        if (limit != 0)
        {
            Write("memory", limitFile, Text(limit));
        }
        if (!liftsSwap && swap != 0)
        {
            Write("memory", swapFile, Text(swap));
        }
        if (memory.Reservation is { } reservation and not 0)
        {
            Write("memory", "memory.soft_limit_in_bytes", Text(reservation));
        }
        if (memory.DisableOomKiller == true)
        {
            Write("memory", "memory.oom_control", "1");
        }
        if (SwappinessOf(memory) is { } swappiness)
        {
            Write("memory", "memory.swappiness", Text(swappiness));
        }
    }

    /// <summary>Version 2 limits swap alone, so what the document says of both loses the memory.</summary>
    private void MemoryV2(LinuxMemory memory, bool isUpdate)
    {
        long limit = memory.Limit ?? 0;
        if (isUpdate && memory.CheckBeforeUpdate == true)
        {
            RequireBelow(memory.Swap);
            RequireBelow(memory.Limit);
        }
        if (SwapAlone(limit, memory.Swap ?? 0) is { } swap)
        {
            // Without swap in the kernel or on the host, both extremes are what there is anyway.
            Write("memory", "memory.swap.max", swap, swap is "max" or "0" ? CgroupTolerance.Missing : CgroupTolerance.None);
        }
        if (limit != 0)
        {
            Write("memory", "memory.max", TextOrMax(limit));
        }
        if (memory.Reservation is { } reservation and not 0)
        {
            Write("memory", "memory.low", TextOrMax(reservation));
        }
        if (memory.DisableOomKiller == true)
        {
            Ignore("memory/disableOOMKiller", "cgroup v2 cannot disable the OOM killer");
        }
        if (SwappinessOf(memory) is not null)
        {
            Ignore("memory/swappiness", "cgroup v2 has no swappiness of its own");
        }
    }

    private void RequireBelow(long? limit)
    {
        if (limit > 0)
        {
            _steps.Add(new CgroupStep.RequireBelow("memory", "memory.current", limit.Value));
        }
    }

    private string? SwapAlone(long limit, long swap)
    {
        switch (limit, swap)
        {
            case (-1, 0) or (_, -1):
                return "max";
            case (_, 0):
                return null;
            case (-1, _):
                return Text(swap);
            case (0, _):
                problems.Add(new Problem($"{path}/memory/swap", "needs a memory limit: cgroup v2 limits swap alone, which is the difference"));
                return null;
            default:
                if (swap < limit)
                {
                    problems.Add(new Problem($"{path}/memory/swap", $"{swap} is memory and swap together, so it must be at least the limit, {limit}"));
                    return null;
                }
                return Text(swap - limit);
        }
    }
}
