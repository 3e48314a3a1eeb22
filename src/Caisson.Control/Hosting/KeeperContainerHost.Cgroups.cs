using System.Globalization;

using Caisson.Containers.Cgroups;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Oci.Runtime;

namespace Caisson.Control.Hosting;

public sealed partial class KeeperContainerHost
{
    /// <inheritdoc/>
    public bool TrySignal(string id, int signal) =>
        _running.TryGetValue(id, out MonitoredProcess? process) && process.TrySignal(signal);

    /// <inheritdoc/>
    public Task PauseAsync(string id, CancellationToken cancellationToken) => Task.Run(() => RequireCgroup(id).Freeze(), cancellationToken);

    /// <inheritdoc/>
    public Task ResumeAsync(string id, CancellationToken cancellationToken) => Task.Run(() => RequireCgroup(id).Thaw(), cancellationToken);

    /// <inheritdoc/>
    public IReadOnlyList<int> Processes(string id) => RequireCgroup(id).ProcessIds();

    /// <inheritdoc/>
    public void Update(string id, LinuxResources change, LinuxResources current)
    {
        List<Problem> problems = [];
        CgroupFacts facts = CgroupHost.FactsOf(_layout);
        CgroupUpdate update = CgroupPlan.Update(change, current, facts, problems);
        var places = CgroupPlan.Compile(new CgroupConfig { Id = id, Path = RequireCgroup(id).Path, SkipDevices = true }, facts, problems);
        ProblemsException.ThrowIfAny($"update container {id}", problems);
        CgroupRunner.Change(update, places.Directories(), _layout);
    }

    /// <inheritdoc/>
    public ContainerUsage ReadUsage(string id)
    {
        CgroupStatistics statistics = RequireCgroup(id).ReadStatistics();
        return new ContainerUsage
        {
            CpuTotalNs = statistics.Cpu?.UsageNs ?? 0,
            CpuKernelNs = statistics.Cpu?.SystemNs ?? 0,
            CpuUserNs = statistics.Cpu?.UserNs ?? 0,
            ThrottlingPeriods = statistics.Cpu?.Periods ?? 0,
            ThrottledPeriods = statistics.Cpu?.ThrottledPeriods ?? 0,
            ThrottledTimeNs = statistics.Cpu?.ThrottledNs ?? 0,
            MemoryBytes = statistics.Memory?.UsageBytes ?? 0,
            MemoryInactiveFileBytes = Detail(statistics.Memory?.Details, "total_inactive_file", "inactive_file"),
            MemoryAnonymousBytes = Detail(statistics.Memory?.Details, "total_rss", "anon"),
            PageFaults = Detail(statistics.Memory?.Details, "total_pgfault", "pgfault"),
            MajorPageFaults = Detail(statistics.Memory?.Details, "total_pgmajfault", "pgmajfault"),
            MemoryLimitBytes = statistics.Memory?.LimitBytes,
            Pids = statistics.Pids?.Current ?? 0,
            PidsLimit = statistics.Pids?.Limit,
            Blocks = [.. statistics.Io.Select(io => new BlockUsage(io.Device.Major, io.Device.Minor, io.ReadBytes, io.WriteBytes))],
            Interfaces = _running.TryGetValue(id, out MonitoredProcess? process) ? ReadInterfaces(process.Pid) : [],
        };
    }

    /// <summary>A line of memory.stat: of version 1 the one with the groups below.</summary>
    private static ulong Detail(IReadOnlyDictionary<string, ulong>? details, string first, string second) =>
        details is null ? 0 : details.TryGetValue(first, out ulong total) ? total : details.GetValueOrDefault(second);

    /// <summary>The interfaces of the process's network namespace. Source: proc_pid_net(5), <c>dev</c>.</summary>
    private static List<InterfaceUsage> ReadInterfaces(int pid)
    {
        List<InterfaceUsage> interfaces = [];
        string text = HostFiles.TryReadText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/net/dev")) ?? "";
        foreach (string line in text.Split('\n'))
        {
            int colon = line.IndexOf(':');
            string[] fields = colon < 0 ? [] : line[(colon + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            string name = colon < 0 ? "" : line[..colon].Trim();
            if (fields.Length >= 10 && name != "lo")
            {
                interfaces.Add(new InterfaceUsage(name, Number(fields[0]), Number(fields[1]), Number(fields[8]), Number(fields[9])));
            }
        }
        return interfaces;

        static ulong Number(string field) => ulong.TryParse(field, NumberStyles.None, CultureInfo.InvariantCulture, out ulong value) ? value : 0;
    }

    private Cgroup? CgroupOf(string id) => ContainerDirectory(id).CgroupPath is { Length: > 1 } path ? Cgroup.At(_layout, path) : null;

    private Cgroup RequireCgroup(string id) =>
        CgroupOf(id) ?? throw new CaissonException(ErrorKind.Conflict, $"container {id} is not running");

    private IEnumerable<string> CgroupDirectories(string id)
    {
        string path = RequireCgroup(id).Path;
        return _layout.Hierarchies.Select(hierarchy => hierarchy.MountPoint + path);
    }

    private bool WasOom(string id) => CgroupOf(id) is { Exists: true } group && group.ReadOomKills() > 0;

    private void EndOrphans(string id)
    {
        if (CgroupOf(id) is { Exists: true } group)
        {
            group.Kill();
            group.WaitEmpty(TimeSpan.FromSeconds(10));
        }
    }

    /// <summary>Ends what is left in the cgroup, and removes it, its parents when nothing else is in them, and the run directory.</summary>
    private void GiveBack(string id, RunDirectory directory)
    {
        if (CgroupOf(id) is { } group)
        {
            if (group.Exists)
            {
                group.Kill();
                group.WaitEmpty(TimeSpan.FromSeconds(10));
                group.Delete();
            }
            if (group.Path == $"{_group}/{id}")
            {
                foreach (Caisson.Linux.CgroupHierarchy hierarchy in _layout.Hierarchies)
                {
                    RemoveEmpty(hierarchy.MountPoint + _group);
                    RemoveEmpty(hierarchy.MountPoint + "/caisson");
                }
            }
        }
        directory.Delete();
    }

    private static void RemoveEmpty(string directory)
    {
        try
        {
            Directory.Delete(directory);
        }
        catch (IOException)
        {
            // Other containers are in it, or it is gone.
        }
        catch (UnauthorizedAccessException)
        {
            // What rmdir(2) of a group with children answers on some kernels.
        }
    }
}
