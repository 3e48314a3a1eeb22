using Caisson.Errors;
using Caisson.Oci.Runtime;

namespace Caisson.Containers.Cgroups;

internal sealed partial class CgroupCompiler
{
    private const ulong SharesMin = 2;
    private const ulong SharesMax = 262_144;
    private const ulong PeriodDefault = 100_000;

    private void Cpu(LinuxCpu? cpu)
    {
        if (cpu is null || !IsAnyGiven(cpu) || Use("cpu", "cpu") is not { } isV2)
        {
            return;
        }
        if (isV2)
        {
            CpuV2(cpu);
        }
        else
        {
            CpuV1(cpu);
        }
    }

    private static bool IsAnyGiven(LinuxCpu cpu) =>
        cpu.Shares > 0 || Given(cpu.Quota) || cpu.Period > 0 || cpu.Burst is not null || cpu.Idle is not null
        || Given(cpu.RealtimeRuntime) || cpu.RealtimePeriod > 0;

    /// <summary>An idle cgroup takes no shares (EINVAL), so it becomes idle after them and ceases to be before.</summary>
    private void CpuV1(LinuxCpu cpu)
    {
        if (cpu.Idle == 0)
        {
            Write("cpu", "cpu.idle", "0", CgroupTolerance.Missing);
        }
        if (cpu.Shares is > 0 and { } shares)
        {
            if (shares is < SharesMin or > SharesMax)
            {
                problems.Add(new Problem($"{path}/cpu/shares", $"must be {SharesMin} to {SharesMax}, not {shares}"));
            }
            Write("cpu", "cpu.shares", Text(shares));
        }
        Bandwidth(cpu);
        if (cpu.Idle == 1)
        {
            Write("cpu", "cpu.idle", "1");
        }
        Realtime(cpu);
    }

    /// <summary>
    /// Quota, period and burst are checked against each other and the parent at each write, so which can go first depends on what is there: period and
    /// burst are tried before the quota and written again after it.
    /// </summary>
    private void Bandwidth(LinuxCpu cpu)
    {
        bool hasQuota = Given(cpu.Quota);
        CgroupTolerance first = hasQuota ? CgroupTolerance.Again : CgroupTolerance.None;
        for (int round = 0; round < (hasQuota ? 2 : 1); round++)
        {
            CgroupTolerance tolerance = round == 0 ? first : CgroupTolerance.None;
            if (cpu.Period is > 0 and { } period)
            {
                Write("cpu", "cpu.cfs_period_us", Text(period), tolerance);
            }
            if (cpu.Burst is { } burst)
            {
                Write("cpu", "cpu.cfs_burst_us", Text(burst), tolerance | (burst == 0 ? CgroupTolerance.Missing : 0));
            }
            if (round == 0 && hasQuota)
            {
                Write("cpu", "cpu.cfs_quota_us", Text(Math.Max(cpu.Quota!.Value, -1)));
            }
        }
    }

    private void Realtime(LinuxCpu cpu)
    {
        bool hasRuntime = Given(cpu.RealtimeRuntime);
        bool hasPeriod = cpu.RealtimePeriod > 0;
        if (hasPeriod)
        {
            Write("cpu", "cpu.rt_period_us", Text(cpu.RealtimePeriod!.Value), hasRuntime ? CgroupTolerance.Again : CgroupTolerance.None);
        }
        if (hasRuntime)
        {
            Write("cpu", "cpu.rt_runtime_us", Text(cpu.RealtimeRuntime!.Value));
        }
        if (hasRuntime && hasPeriod)
        {
            Write("cpu", "cpu.rt_period_us", Text(cpu.RealtimePeriod!.Value));
        }
    }

    private void CpuV2(LinuxCpu cpu)
    {
        if (cpu.Idle is { } idle)
        {
            Write("cpu", "cpu.idle", Text(idle), idle == 0 ? CgroupTolerance.Missing : CgroupTolerance.None);
        }
        if (cpu.Shares is > 0 and { } shares && cpu.Idle != 1) // an idle cgroup has no weight: the write would be EINVAL
        {
            Write("cpu", "cpu.weight", Text(CgroupWeights.FromShares(shares)));
        }
        bool hasMax = Given(cpu.Quota) || cpu.Period > 0;
        if (cpu.Burst is { } burst && hasMax)
        {
            Write("cpu", "cpu.max.burst", Text(burst), CgroupTolerance.Again | (burst == 0 ? CgroupTolerance.Missing : 0));
        }
        if (hasMax)
        {
            string quota = cpu.Quota > 0 ? Text(cpu.Quota.Value) : "max";
            Write("cpu", "cpu.max", $"{quota} {Text(cpu.Period is > 0 and { } period ? period : PeriodDefault)}");
        }
        if (cpu.Burst is { } last)
        {
            Write("cpu", "cpu.max.burst", Text(last), last == 0 ? CgroupTolerance.Missing : CgroupTolerance.None);
        }
        if (Given(cpu.RealtimeRuntime) || cpu.RealtimePeriod > 0)
        {
            Ignore("cpu", "cgroup v2 has no real-time limits");
        }
    }
}
