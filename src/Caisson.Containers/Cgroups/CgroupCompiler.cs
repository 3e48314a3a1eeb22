using System.Collections.Immutable;
using System.Globalization;
using Caisson.Errors;
using Caisson.Oci.Runtime;

namespace Caisson.Containers.Cgroups;

/// <summary>Collects the writes for one resources document, controller by controller. Pure.</summary>
/// <param name="facts">The host's hierarchies: each controller's files follow the version of the hierarchy it is in.</param>
/// <param name="path">The JSON pointer of the document.</param>
/// <param name="problems">Receives what cannot be kept.</param>
/// <param name="warnings">Receives what is passed over; may be null.</param>
internal sealed partial class CgroupCompiler(
    CgroupFacts facts, string path, ICollection<Problem> problems, ICollection<Problem>? warnings)
{
    private readonly List<CgroupStep> _steps = [];
    private readonly HashSet<string> _used = [];

    /// <summary>The writes so far.</summary>
    public IReadOnlyList<CgroupStep> Steps => _steps;

    /// <summary>The controllers that the writes need.</summary>
    public IReadOnlyCollection<string> Used => _used;

    /// <summary>Adds the writes of everything but device rules.</summary>
    public void Compile(LinuxResources resources, bool isUpdate)
    {
        Pids(resources.PidsLimit);
        Memory(resources.Memory, isUpdate);
        BlockIo(resources.BlockIo);
        Cpu(resources.Cpu);
        Cpuset(resources.Cpu);
        Hugetlb(resources.HugepageLimits);
        Network(resources.Network);
        Rdma(resources.Rdma);
        Unified(resources.Unified);
    }

    /// <summary>Adds the device rules: lines for version 1, a program for version 2.</summary>
    public void Devices(ImmutableArray<LinuxDeviceCgroup> rules, ImmutableArray<CgroupPlace> places)
    {
        ImmutableArray<CgroupDeviceRule> all = CgroupDevices.Rules(rules);
        if (facts.HierarchyOf("devices") is { IsV2: false })
        {
            foreach (CgroupDeviceRule rule in CgroupDevices.V1Writes(all, $"{path}/devices", problems))
            {
                Write("devices", rule.Allow ? "devices.allow" : "devices.deny", rule.ToLine());
            }
        }
        else if (places.FirstOrDefault(place => place.IsV2) is { } place)
        {
            _steps.Add(new CgroupStep.AttachDeviceProgram(place, all));
        }
        else if (!places.IsEmpty)
        {
            problems.Add(new Problem($"{path}/devices", "device access cannot be limited: this host has neither a devices controller nor cgroup v2"));
        }
    }

    /// <summary>Whether <paramref name="controller"/> is version 2; null, with a problem at <paramref name="key"/>, when the host lacks it.</summary>
    private bool? Use(string controller, string key)
    {
        if (facts.HierarchyOf(controller) is not { } hierarchy)
        {
            problems.Add(new Problem($"{path}/{key}", $"the cgroup controller {controller} is not available on this host"));
            return null;
        }
        _used.Add(controller);
        return hierarchy.IsV2;
    }

    private void Write(string controller, string file, string value, CgroupTolerance tolerance = CgroupTolerance.None) =>
        _steps.Add(new CgroupStep.Write(controller, file, value, tolerance));

    private void Ignore(string key, string why) => warnings?.Add(new Problem($"{path}/{key}", $"is ignored: {why}"));

    /// <summary>To the runtimes, zero says as little as nothing does.</summary>
    private static bool Given(long? value) => value is not (null or 0);

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Text(ulong value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>A limit as version 2 writes it.</summary>
    private static string TextOrMax(long value) => value < 0 ? "max" : Text(value);

    /// <summary>-1 lifts the limit; 0 is written as 1, which forks as little, because service managers cannot keep a 0 (as runc does).</summary>
    private void Pids(long? limit)
    {
        if (limit is { } value && Use("pids", "pids") is not null)
        {
            Write("pids", "pids.max", TextOrMax(value == 0 ? 1 : value));
        }
    }

    private void Cpuset(LinuxCpu? cpu)
    {
        if (cpu is null or { Cpus: null, Mems: null } || Use("cpuset", "cpu") is null)
        {
            return;
        }
        if (cpu.Cpus is { } cpus)
        {
            Write("cpuset", "cpuset.cpus", cpus);
        }
        if (cpu.Mems is { } mems)
        {
            Write("cpuset", "cpuset.mems", mems);
        }
    }

    /// <summary>Usage always; reservations too, where the kernel (5.7) has them.</summary>
    private void Hugetlb(ImmutableArray<LinuxHugepageLimit> limits)
    {
        if (limits.IsEmpty || Use("hugetlb", "hugepageLimits") is not { } isV2)
        {
            return;
        }
        string suffix = isV2 ? "max" : "limit_in_bytes";
        foreach (LinuxHugepageLimit limit in limits)
        {
            Write("hugetlb", $"hugetlb.{limit.PageSize}.{suffix}", Text(limit.Limit));
            Write("hugetlb", $"hugetlb.{limit.PageSize}.rsvd.{suffix}", Text(limit.Limit), CgroupTolerance.Missing);
        }
    }

    private void Network(LinuxNetwork? network)
    {
        if (network is null or { ClassId: null or 0, Priorities.IsEmpty: true })
        {
            return;
        }
        if (facts.Mode == CgroupMode.V2)
        {
            Ignore("network", "cgroup v2 has no network classes and priorities");
            return;
        }
        if (network.ClassId is { } id and not 0 && Use("net_cls", "network/classID") is not null)
        {
            Write("net_cls", "net_cls.classid", Text((ulong)id));
        }
        if (!network.Priorities.IsEmpty && Use("net_prio", "network/priorities") is not null)
        {
            foreach (LinuxInterfacePriority priority in network.Priorities)
            {
                Write("net_prio", "net_prio.ifpriomap", $"{priority.Name} {Text((ulong)priority.Priority)}");
            }
        }
    }

    private void Rdma(IReadOnlyDictionary<string, LinuxRdma> devices)
    {
        if (devices.Count == 0 || Use("rdma", "rdma") is null)
        {
            return;
        }
        foreach ((string device, LinuxRdma limits) in devices)
        {
            string handles = limits.HcaHandles is { } h ? $" hca_handle={Text((ulong)h)}" : "";
            string objects = limits.HcaObjects is { } o ? $" hca_object={Text((ulong)o)}" : "";
            if (handles.Length + objects.Length > 0)
            {
                Write("rdma", "rdma.max", device + handles + objects);
            }
        }
    }

    /// <summary>Files of version 2 as they are; a value of several lines is several writes.</summary>
    private void Unified(IReadOnlyDictionary<string, string> unified)
    {
        if (unified.Count > 0 && facts.Mode != CgroupMode.V2)
        {
            problems.Add(new Problem($"{path}/unified", "needs a host with cgroup v2 alone; this one has cgroup v1 controllers"));
            return;
        }
        foreach ((string file, string value) in unified)
        {
            string controller = file.Split('.')[0];
            if (file is "cgroup.procs" or "cgroup.threads" or "cgroup.kill")
            {
                problems.Add(new Problem($"{path}/unified/{file}", "is no limit: it moves or kills processes"));
            }
            else if (controller == "cgroup" || Use(controller, $"unified/{file}") is not null)
            {
                foreach (string line in value.Split('\n', StringSplitOptions.RemoveEmptyEntries))
                {
                    Write(controller, file, line);
                }
            }
        }
    }
}
