using Caisson.Containers.Cgroups;

namespace Caisson.Containers.Tests.Cgroups;

/// <summary>Layouts of hosts, as their kernels and service managers make them.</summary>
internal static class CgroupHosts
{
    public static readonly CgroupFacts V1 = new()
    {
        Hierarchies =
        [
            V1At("cpu,cpuacct"), V1At("cpuset"), V1At("memory"), V1At("pids"), V1At("blkio"), V1At("devices"), V1At("freezer"),
            V1At("net_cls,net_prio"), V1At("hugetlb"), V1At("rdma"),
            new("/sys/fs/cgroup/systemd", "/user.slice", false, ["name=systemd"]),
        ],
    };

    public static readonly CgroupFacts Hybrid = new()
    {
        Hierarchies =
        [
            .. V1.Hierarchies.Where(hierarchy => !hierarchy.Controllers.Contains("hugetlb")),
            new("/sys/fs/cgroup/unified", "/user.slice/me", true, ["hugetlb"]),
        ],
    };

    public static readonly CgroupFacts V2 = new()
    {
        Hierarchies =
        [
            new("/sys/fs/cgroup", "/user.slice/me", true, ["cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc"]),
        ],
    };

    public static CgroupFacts Named(string name) => name switch
    {
        "v1" => V1,
        "hybrid" => Hybrid,
        _ => V2,
    };

    private static CgroupHierarchy V1At(string controllers) =>
        new($"/sys/fs/cgroup/{controllers}", "/user.slice", false, [.. controllers.Split(',')]);
}
