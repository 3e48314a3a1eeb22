using Caisson.Errors;
using Xunit;

namespace Caisson.Linux.Tests.Cgroups;

public sealed class CgroupTests : IDisposable
{
    private readonly CgroupLayout _layout = CgroupLayout.Detect();
    private readonly string _base = $"/caisson-test-{Guid.NewGuid():N}";
    private readonly Cgroup _cgroup;

    public CgroupTests()
    {
        Assert.SkipWhen(_layout.Mode == CgroupMode.None, "needs control groups");
        _cgroup = Cgroup.Create(_layout, $"{_base}/one");
    }

    [Fact]
    public void A_group_exists_in_every_hierarchy_until_it_is_deleted()
    {
        Assert.All(_layout.Hierarchies, hierarchy => Assert.True(Directory.Exists($"{hierarchy.MountPoint}{_base}/one")));

        _cgroup.Delete();

        Assert.False(_cgroup.Exists);
        Assert.All(_layout.Hierarchies, hierarchy => Assert.False(Directory.Exists($"{hierarchy.MountPoint}{_base}/one")));
        _cgroup.Delete();
    }

    [Fact]
    public void A_group_that_exists_is_not_created_again_and_stays()
    {
        var e = Assert.Throws<LinuxException>(() => Cgroup.Create(_layout, $"{_base}/one"));

        Assert.Equal(Errno.EEXIST, e.Errno);
        Assert.True(_cgroup.Exists);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("a")]
    [InlineData("/a/../b")]
    [InlineData("/a//b")]
    [InlineData("/./a")]
    public void A_path_that_could_lead_elsewhere_is_refused(string path)
    {
        Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<CaissonException>(() => Cgroup.At(_layout, path)).Kind);
    }

    [Fact]
    public void A_process_joins_by_the_files_and_all_its_children_are_killed()
    {
        using var process = StartInGroup("sleep 1000 & sleep 1000 & echo ready; wait");

        Assert.Equal(3, _cgroup.ProcessIds().Count);
        _cgroup.Kill();

        Assert.True(_cgroup.WaitEmpty(TimeSpan.FromSeconds(20)));
        process.WaitForExit();
        Assert.Equal(137, process.ExitCode);
        _cgroup.Delete();
        Assert.False(_cgroup.Exists);
    }

    [Fact]
    public void A_frozen_group_is_killed_too()
    {
        using var process = StartInGroup("echo ready; sleep 1000");
        _cgroup.Freeze();
        Assert.True(_cgroup.IsFrozen);

        _cgroup.Kill();

        Assert.True(_cgroup.WaitEmpty(TimeSpan.FromSeconds(20)));
        process.WaitForExit();
    }

    [Fact]
    public void A_thawed_group_goes_on()
    {
        using var process = StartInGroup("echo ready; read line; echo $line");
        _cgroup.Freeze();
        process.StandardInput.WriteLine("hello");

        _cgroup.Thaw();

        Assert.False(_cgroup.IsFrozen);
        Assert.Equal("hello", process.StandardOutput.ReadLine());
        process.WaitForExit();
    }

    [Fact]
    public void Groups_made_inside_are_deleted_too()
    {
        foreach (var hierarchy in _layout.Hierarchies)
        {
            Directory.CreateDirectory($"{hierarchy.MountPoint}{_base}/one/inner/most");
        }

        _cgroup.Delete();

        Assert.False(_cgroup.Exists);
    }

    [Fact]
    public void Limits_are_written_and_statistics_read()
    {
        bool legacy = _layout.Find("memory") is { Version: 1 };
        _cgroup.Apply(legacy
            ? [
                // The order is wrong on purpose: the sum with swap can never be below the memory limit.
                new("memory", "memory.memsw.limit_in_bytes", "67108864"),
                new("memory", "memory.limit_in_bytes", "67108864"),
                new("pids", "pids.max", "50"),
            ]
            : [new("memory", "memory.max", "67108864"), new("pids", "pids.max", "50")]);
        using var process = StartInGroup("echo ready; read line");

        var statistics = _cgroup.ReadStatistics();

        Assert.Equal(67108864ul, statistics.Memory!.LimitBytes);
        Assert.Equal(new PidsStatistics(1, 50), statistics.Pids);
        Assert.True(statistics.Cpu!.UsageNs > 0);
        Assert.NotEmpty(statistics.Memory.Details);
        process.StandardInput.Close();
        process.WaitForExit();
    }

    [Fact]
    public void A_missing_controller_and_a_missing_file_are_told_apart_from_a_bad_value()
    {
        Assert.Equal(ErrorKind.FailedPrecondition, Assert.Throws<CaissonException>(() => _cgroup.Apply([new("nosuch", "x", "1")])).Kind);
        Assert.Equal(ErrorKind.FailedPrecondition, Assert.Throws<CaissonException>(() => _cgroup.Apply([new("pids", "pids.nosuch", "1")])).Kind);
        var e = Assert.Throws<LinuxException>(() => _cgroup.Apply([new("pids", "pids.max", "many")]));
        Assert.Contains("pids.max \"many\"", e.Message);
    }

    [Fact]
    public void Running_out_of_memory_is_noticed()
    {
        bool legacy = _layout.Find("memory") is { Version: 1 };
        string file = legacy ? "memory.limit_in_bytes" : "memory.max";
        _cgroup.Apply([new("memory", file, "8388608")]);
        using var watch = OomWatch.Open(_cgroup);
        Assert.Equal(0ul, watch.Take());

        using var process = StartInGroup("echo ready; exec head -c 200m /dev/zero | tail >/dev/null");
        process.WaitForExit();

        using var epoll = Epoll.Create();
        epoll.Add(watch.Descriptor, watch.Events, 1);
        Assert.Equal(1, epoll.Wait(new EpollAnswer[1], 20000));
        Assert.True(watch.Take() >= 1);
    }

    [Fact]
    public void Devices_are_denied_but_for_the_exceptions()
    {
        _cgroup.SetDevices(DeviceAccess.Compile([
            new(false, FileKind.Unknown, null, null, DevicePermissions.All),
            new(true, FileKind.CharacterDevice, 1, 3, DevicePermissions.All),
        ]));

        Assert.Equal("ready\nopened", Ended("echo ready; true </dev/null && echo opened; true </dev/zero && echo opened"));
    }

    [Fact]
    public void The_program_of_version_2_follows_the_rules()
    {
        Assert.SkipWhen(_layout.Unified is null, "needs a version 2 hierarchy");
        string directory = $"{_layout.Unified.MountPoint}{_base}/one";
        DeviceProgram.Attach(directory, DeviceAccess.Compile([]));
        DeviceProgram.Attach(directory, DeviceAccess.Compile([
            new(true, FileKind.CharacterDevice, 1, 3, DevicePermissions.Read),
            new(true, FileKind.CharacterDevice, 1, 3, DevicePermissions.Write),
            new(true, FileKind.CharacterDevice, 1, 5, DevicePermissions.Read),
        ]));

        const string Script = "echo ready; true </dev/null && echo null-read; true <>/dev/null && echo null-both; true </dev/zero && echo zero-read; "
            + "true >/dev/zero && echo zero-write; true </dev/full && echo full-read";
        Assert.Equal("ready\nnull-read\nnull-both\nzero-read", Ended(Script));

        DeviceProgram.Attach(directory, DeviceAccess.Compile([
            new(true, FileKind.Unknown, null, null, DevicePermissions.All),
            new(false, FileKind.CharacterDevice, 1, 5, DevicePermissions.Write),
        ]));
        Assert.Equal("ready\nnull-read\nnull-both\nzero-read\nfull-read", Ended(Script));
    }

    public void Dispose()
    {
        _cgroup.Kill();
        _cgroup.WaitEmpty(TimeSpan.FromSeconds(20));
        Cgroup.At(_layout, _base).Delete(TimeSpan.FromSeconds(20));
    }

    private System.Diagnostics.Process StartInGroup(string script)
    {
        string join = string.Concat(_cgroup.JoinFiles.Select(file => $"echo 0 > {file}; "));
        var process = Shell.Start(join + script);
        Assert.Equal("ready", process.StandardOutput.ReadLine());
        return process;
    }

    private string Ended(string script) => string.Join('\n', Shell
        .Run(string.Concat(_cgroup.JoinFiles.Select(file => $"echo 0 > {file}; ")) + script)
        .Split('\n')
        .Where(line => !line.Contains("not permitted", StringComparison.Ordinal)));
}
