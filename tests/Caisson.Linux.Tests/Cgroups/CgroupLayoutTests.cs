using Xunit;

namespace Caisson.Linux.Tests.Cgroups;

public sealed class CgroupLayoutTests
{
    [Fact]
    public void Unified_is_recognised_with_its_controllers_and_our_place()
    {
        var layout = From("0::/user.slice/x\n", "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate");

        Assert.Equal(CgroupMode.Unified, layout.Mode);
        Assert.Equal(["cpu", "memory"], layout.Controllers);
        Assert.Equal("/user.slice/x", layout.Unified!.OwnPath);
    }

    [Fact]
    public void Hybrid_has_controllers_mounted_together_and_named_hierarchies()
    {
        var layout = From(
            "4:cpu,cpuacct:/a\n3:memory:/docker/x/y\n1:name=systemd:/\n0::/\n",
            "1 2 0:1 / /cg/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct",
            "2 2 0:2 /docker/x /cg/memory rw - cgroup cgroup rw,memory",
            "3 2 0:3 / /cg/systemd rw - cgroup cgroup rw,xattr,release_agent=/x,name=systemd",
            "4 2 0:4 / /cg/unified rw - cgroup2 cgroup2 rw");

        Assert.Equal(CgroupMode.Hybrid, layout.Mode);
        Assert.Equal("/cg/cpu,cpuacct", layout.Find("cpuacct")!.MountPoint);
        Assert.Equal("/y", layout.Find("memory")!.OwnPath);
        Assert.Equal("systemd", layout.Hierarchies.Single(h => h.MountPoint == "/cg/systemd").Name);
        Assert.Null(layout.Find("devices"));
    }

    [Fact]
    public void A_hierarchy_mounted_twice_counts_once()
    {
        var layout = From(
            "3:memory:/\n",
            "1 2 0:2 / /cg/memory rw - cgroup cgroup rw,memory",
            "2 2 0:2 / /elsewhere/memory rw - cgroup cgroup rw,memory");

        Assert.Equal("/cg/memory", Assert.Single(layout.Hierarchies).MountPoint);
        Assert.Equal(CgroupMode.Legacy, layout.Mode);
    }

    [Fact]
    public void Without_mounts_there_is_none()
    {
        Assert.Equal(CgroupMode.None, From("", "1 2 0:2 / / rw - ext4 /dev/vda rw").Mode);
    }

    private static CgroupLayout From(string own, params string[] mounts) => CgroupLayout.From(
        mounts.Select(line => MountTable.TryParse(line, out var entry) ? entry! : throw new FormatException(line)),
        own,
        _ => "cpu memory\n");
}
