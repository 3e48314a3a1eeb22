using Caisson.Containers.Cgroups;
using Caisson.Errors;
using Caisson.Oci.Runtime;
using Xunit;

namespace Caisson.Containers.Tests.Cgroups;

/// <summary>Carries plans out on the hierarchies of this host, as plainly as possible: what the kernel takes, the plan got right.</summary>
public sealed class CgroupPlanOnThisHostTests : IDisposable
{
    private readonly string _id = $"caisson-test-{Guid.NewGuid():N}";
    private readonly List<Problem> _problems = [];
    private readonly CgroupFacts _facts = ReadFacts();
    private CgroupPlan? _plan;

    public void Dispose()
    {
        foreach (CgroupPlace place in (_plan?.Places ?? []).Where(place => Directory.Exists(place.Directory)))
        {
            Directory.Delete(place.Directory); // rmdir(2): a cgroup's files are not deleted one by one
        }
    }

    [Fact]
    public void The_kernel_takes_what_the_plan_writes()
    {
        Assert.SkipUnless(_facts.HierarchyOf("memory") is { IsV2: false }, "needs cgroup v1 controllers");
        var resources = new LinuxResources
        {
            Devices = [new() { Allow = false, Access = "rwm" }, new() { Allow = true, Type = "c", Major = 10, Minor = 229, Access = "rw" }],
            Memory = new() { Limit = 64 << 20, Reservation = 32 << 20, Swappiness = 10 },
            Cpu = new() { Shares = 512, Quota = 50_000, Period = 200_000, Cpus = "0", Mems = "0" },
            PidsLimit = 20,
        };

        Carry(resources);

        Assert.Empty(_problems);
        Assert.Equal("67108864", Read("memory", "memory.limit_in_bytes"));
        Assert.Equal("33554432", Read("memory", "memory.soft_limit_in_bytes"));
        Assert.Equal("10", Read("memory", "memory.swappiness"));
        Assert.Equal("512", Read("cpu", "cpu.shares"));
        Assert.Equal(("50000", "200000"), (Read("cpu", "cpu.cfs_quota_us"), Read("cpu", "cpu.cfs_period_us")));
        Assert.Equal(("0", "0"), (Read("cpuset", "cpuset.cpus"), Read("cpuset", "cpuset.mems")));
        Assert.Equal("20", Read("pids", "pids.max"));
    }

    [Fact]
    public void The_device_list_is_what_the_rules_say_in_their_order()
    {
        Assert.SkipUnless(_facts.HierarchyOf("devices") is { IsV2: false }, "needs the devices controller of cgroup v1");
        var resources = new LinuxResources
        {
            Devices =
            [
                new() { Allow = true, Access = "rwm" },
                new() { Allow = false, Access = "rwm" },
                new() { Allow = true, Type = "c", Major = 10, Minor = 229, Access = "rw" },
                new() { Allow = true, Type = "b", Major = 8, Minor = 20, Access = "rwm" },
                new() { Allow = false, Type = "b", Major = 8, Minor = 20, Access = "wm" },
            ],
        };

        Carry(resources);

        Assert.Equal(
            ["c 10:229 rw", "b 8:20 r", "c *:* m", "b *:* m", "c 1:3 rwm", "c 1:8 rwm", "c 1:7 rwm", "c 5:0 rwm", "c 1:5 rwm", "c 1:9 rwm",
             "c 136:* rwm", "c 5:2 rwm", "c 10:200 rwm"],
            Read("devices", "devices.list").Split('\n'));
    }

    [Theory]
    [InlineData(100, 32)]
    [InlineData(32, 100)]
    public void An_update_grows_and_shrinks(int fromMegabytes, int toMegabytes)
    {
        Assert.SkipUnless(_facts.HierarchyOf("memory") is { IsV2: false }, "needs cgroup v1 controllers");
        LinuxResources before = Limits(fromMegabytes);
        Carry(before);

        CgroupUpdate update = CgroupPlan.Update(Limits(toMegabytes), before, _facts, _problems);
        Carry(update.Steps);

        Assert.Equal($"{(long)toMegabytes << 20}", Read("memory", "memory.limit_in_bytes"));
        Assert.Equal($"{toMegabytes * 1000}", Read("cpu", "cpu.cfs_quota_us"));

        static LinuxResources Limits(int megabytes) => new()
        {
            Memory = File.Exists("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes")
                ? new() { Limit = (long)megabytes << 20, Swap = (long)megabytes << 21 }
                : new() { Limit = (long)megabytes << 20 },
            Cpu = new() { Quota = megabytes * 1000, Period = 100_000 },
        };
    }

    private void Carry(LinuxResources resources)
    {
        _plan = CgroupPlan.Compile(new() { Id = _id, Resources = resources }, _facts, _problems);
        Carry(_plan.Steps);
    }

    private void Carry(IEnumerable<CgroupStep> steps)
    {
        foreach (CgroupStep step in steps)
        {
            switch (step)
            {
                case CgroupStep.Make make:
                    Directory.CreateDirectory(make.Place.Directory);
                    break;
                case CgroupStep.InheritCpuset inherit:
                    Inherit(inherit.Place.Directory, inherit.Place.MountPoint);
                    break;
                case CgroupStep.Write write:
                    Write(write);
                    break;
                case CgroupStep.WriteFirst first:
                    Write(first.Choices.First(choice => File.Exists(PathOf(choice.Controller, choice.File))));
                    break;
                default:
                    Assert.Fail($"not for this host: {step}");
                    break;
            }
        }
    }

    private void Write(CgroupStep.Write write)
    {
        try
        {
            File.WriteAllText(PathOf(write.Controller, write.File), write.Value);
        }
        catch (FileNotFoundException) when (write.Tolerance.HasFlag(CgroupTolerance.Missing))
        {
            // the plan says so
        }
        catch (IOException e) when (e.HResult == 22 && write.Tolerance.HasFlag(CgroupTolerance.Again))
        {
            // EINVAL, and the plan says so
        }
        catch (IOException e)
        {
            Assert.Fail($"{write}: {e.Message}");
        }
    }

    private static void Inherit(string directory, string mountPoint)
    {
        string parent = Path.GetDirectoryName(directory)!;
        if (parent.Length > mountPoint.Length)
        {
            Inherit(parent, mountPoint);
        }
        foreach (string file in new[] { "cpuset.cpus", "cpuset.mems" })
        {
            if (File.ReadAllText($"{directory}/{file}").Trim().Length == 0)
            {
                File.WriteAllText($"{directory}/{file}", File.ReadAllText($"{parent}/{file}"));
            }
        }
    }

    private string PathOf(string controller, string file) => $"{_plan!.DirectoryOf(controller)}/{file}";

    private string Read(string controller, string file) => File.ReadAllText(PathOf(controller, file)).Trim();

    /// <summary>The version 1 hierarchies with this process's cgroups; version 2 is left out, so that its steps do not come up.</summary>
    private static CgroupFacts ReadFacts()
    {
        var own = File.ReadLines("/proc/self/cgroup").Select(line => line.Split(':', 3)).ToDictionary(part => part[1], part => part[2]);
        var hierarchies = new List<CgroupHierarchy>();
        foreach (string[] field in File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' ')))
        {
            int dash = Array.IndexOf(field, "-");
            if (field[dash + 1] != "cgroup")
            {
                continue;
            }
            string? name = own.Keys.FirstOrDefault(key => key.Length > 0 && key.Split(',').All(field[^1].Split(',').Contains));
            if (name is not null)
            {
                string below = own[name].StartsWith(field[3], StringComparison.Ordinal) && field[3] != "/" ? own[name][field[3].Length..] : own[name];
                hierarchies.Add(new(field[4], Directory.Exists(field[4] + below) ? "/" + below.Trim('/') : "/", false, [.. name.Split(',')]));
            }
        }
        return new CgroupFacts { Hierarchies = [.. hierarchies] };
    }
}
