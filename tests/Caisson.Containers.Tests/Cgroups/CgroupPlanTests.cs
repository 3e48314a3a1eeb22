using System.Text;
using Caisson.Containers.Cgroups;
using Caisson.Errors;
using Caisson.Oci.Runtime;
using Xunit;

namespace Caisson.Containers.Tests.Cgroups;

public sealed class CgroupPlanTests
{
    private readonly List<Problem> _problems = [];
    private readonly List<Problem> _warnings = [];

    [Theory]
    [InlineData("everything", "v1")]
    [InlineData("everything", "hybrid")]
    [InlineData("everything", "v2")]
    [InlineData("docker-default", "v1")]
    [InlineData("docker-default", "v2")]
    [InlineData("nothing", "v1")]
    [InlineData("nothing", "hybrid")]
    [InlineData("nothing", "v2")]
    [InlineData("unified", "v1")]
    [InlineData("unified", "v2")]
    public void A_spec_becomes_the_plan_beside_it(string name, string host)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(Golden.Read($"Golden/{name}/config.json"));
        RuntimeSpec spec = RuntimeSpecJson.Parse(utf8, name);
        var config = new CgroupConfig { Id = "c1", Path = spec.Linux?.CgroupsPath, Resources = spec.Linux?.Resources };

        CgroupPlan plan = CgroupPlan.Compile(config, CgroupHosts.Named(host), _problems, _warnings);

        Golden.Check(
            string.Join('\n', [
                .. plan.Steps.Select(step => step.ToString()),
                .. _warnings.Select(warning => $"warning {warning}"),
                .. _problems.Select(problem => $"problem {problem}"), ""]),
            $"Golden/{name}/plan.{host}.txt");
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(100, 17)]
    [InlineData(512, 59)]
    [InlineData(1024, 100)]
    [InlineData(2048, 174)]
    [InlineData(262_143, 10_000)]
    [InlineData(262_144, 10_000)]
    [InlineData(ulong.MaxValue, 10_000)]
    public void Shares_become_a_weight_through_the_three_fixed_points(ulong shares, ulong weight) =>
        Assert.Equal(weight, CgroupWeights.FromShares(shares));

    [Theory]
    [InlineData(0, 0)]
    [InlineData(10, 1)]
    [InlineData(500, 4950)]
    [InlineData(1000, 10_000)]
    public void A_block_weight_becomes_an_io_weight(ushort blkio, uint io) => Assert.Equal(io, CgroupWeights.FromBlkio(blkio));

    [Fact]
    public void A_controller_that_the_host_lacks_is_a_problem_only_when_a_limit_needs_it()
    {
        var facts = new CgroupFacts { Hierarchies = [new("/sys/fs/cgroup", "/", true, ["pids"])] };
        var resources = new LinuxResources { PidsLimit = 1, Memory = new() { Limit = 1 }, Cpu = new() { Cpus = "0" } };

        CgroupPlan.Compile(new() { Id = "a", Resources = resources }, facts, _problems);

        Assert.Equal(
            ["/linux/resources/memory: the cgroup controller memory is not available on this host",
             "/linux/resources/cpu: the cgroup controller cpuset is not available on this host"],
            _problems.Select(problem => problem.ToString()));
    }

    [Theory]
    [InlineData("/")]
    [InlineData("a/../b")]
    [InlineData(".")]
    public void The_root_and_ways_up_are_no_cgroup_of_a_container(string path)
    {
        CgroupPlan plan = CgroupPlan.Compile(new() { Id = "a", Path = path }, CgroupHosts.V1, _problems);

        Assert.Empty(plan.Places);
        Assert.Equal("/linux/cgroupsPath", Assert.Single(_problems).Path);
    }

    [Fact]
    public void A_relative_path_is_below_the_own_cgroup_in_v1_and_beside_it_in_v2()
    {
        CgroupPlan plan = CgroupPlan.Compile(new() { Id = "a" }, CgroupHosts.Hybrid, _problems);

        Assert.Equal("/sys/fs/cgroup/memory/user.slice/a", plan.DirectoryOf("memory"));
        Assert.Equal("/sys/fs/cgroup/unified/user.slice/a", plan.Directories()[""]);
    }

    [Fact]
    public void Without_any_device_control_there_is_no_container()
    {
        var facts = new CgroupFacts { Hierarchies = [new("/c", "/", false, ["pids"])] };

        CgroupPlan.Compile(new() { Id = "a" }, facts, _problems);
        CgroupPlan.Compile(new() { Id = "a", SkipDevices = true }, facts, _problems);

        Assert.Equal("/linux/resources/devices", Assert.Single(_problems).Path);
    }

    [Fact]
    public void A_hole_in_a_wider_rule_is_refused_in_v1_and_kept_in_v2()
    {
        LinuxDeviceCgroup[] rules =
        [
            new() { Allow = true, Type = "b", Access = "rw" },
            new() { Allow = false, Type = "b", Major = 8, Minor = 0, Access = "w" },
        ];
        var config = new CgroupConfig { Id = "a", Resources = new() { Devices = [.. rules] } };

        CgroupPlan.Compile(config, CgroupHosts.V2, _problems);
        Assert.Empty(_problems);
        CgroupPlan.Compile(config, CgroupHosts.V1, _problems);

        Assert.Equal(
            [new Problem("/linux/resources/devices/1", "cgroup v1 cannot except b 8:0 w from the wider rule on b *:* rw; order them apart")],
            _problems);
    }

    [Fact]
    public void Rules_that_undo_earlier_ones_leave_what_the_last_ones_say()
    {
        LinuxDeviceCgroup[] rules =
        [
            new() { Allow = true, Access = "rwm" },
            new() { Allow = false, Type = "c", Major = 1, Minor = 3, Access = "rwm" },
            new() { Allow = false, Access = "rwm" },
            new() { Allow = true, Type = "b", Major = 8, Minor = 0, Access = "rw" },
            new() { Allow = true, Type = "b", Major = 8, Minor = 1, Access = "rw" },
            new() { Allow = false, Type = "b", Major = 8, Access = "w" },
        ];

        CgroupPlan plan = CgroupPlan.Compile(new() { Id = "a", Resources = new() { Devices = [.. rules] } }, CgroupHosts.V1, _problems);

        Assert.Empty(_problems);
        Assert.Equal(
            ["devices.deny a *:* rwm", "devices.allow b 8:0 r", "devices.allow b 8:1 r"],
            plan.Steps.OfType<CgroupStep.Write>().Select(write => $"{write.File} {write.Value}").Take(3));
    }

    [Fact]
    public void A_rule_with_numbers_but_without_type_does_not_open_every_device()
    {
        LinuxDeviceCgroup[] rules = [new() { Allow = true, Major = 10, Minor = 229, Access = "rwm" }];

        CgroupPlan plan = CgroupPlan.Compile(new() { Id = "a", Resources = new() { Devices = [.. rules] } }, CgroupHosts.V1, _problems);

        Assert.Equal(
            ["devices.deny a *:* rwm", "devices.allow b 10:229 rwm", "devices.allow c 10:229 rwm"],
            plan.Steps.OfType<CgroupStep.Write>().Select(write => $"{write.File} {write.Value}").Take(3));
    }
}
