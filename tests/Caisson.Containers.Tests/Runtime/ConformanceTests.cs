using System.Text.Json.Nodes;
using Xunit;

namespace Caisson.Containers.Tests.Runtime;

/// <summary>Rules of the runtime specification that other projects' conformance suites check.</summary>
public sealed class ConformanceTests
{
    /// <summary>Source: config-linux.md, "Seccomp": the filter is the program's, not the runtime's way to it.</summary>
    [Fact]
    public void A_filter_may_refuse_what_is_done_before_the_program()
    {
        using var bundle = new Bundle();
        bundle.Config["process"]!["noNewPrivileges"] = false;
        bundle.Config["process"]!["user"] = new JsonObject { ["uid"] = 5, ["gid"] = 6 };
        bundle.Config["linux"]!["seccomp"] = JsonNode.Parse("""
            { "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{ "action": "SCMP_ACT_ERRNO",
              "names": ["faccessat", "faccessat2", "prctl", "setresuid", "setresgid", "setgroups", "chdir", "setsid", "prlimit64"] }] }
            """);

        var outcome = bundle.Shell("id -u; cd /tmp || echo refused").RunContainer();

        Assert.Equal("", outcome.Errors.Replace("/bin/sh: cd: line 0: can't cd to /tmp: Operation not permitted\n", "", StringComparison.Ordinal));
        Assert.Equal("5\nrefused\n", outcome.Output);
    }

    /// <summary>The capability that installs a filter without no_new_privs is gone again. Source: config.md, "Linux Process".</summary>
    [Fact]
    public void A_filter_without_no_new_privs_leaves_no_capability_behind()
    {
        using var bundle = new Bundle();
        bundle.Config["process"]!["noNewPrivileges"] = false;
        bundle.Config["linux"]!["seccomp"] = JsonNode.Parse("""{ "defaultAction": "SCMP_ACT_ALLOW" }""");
        bundle.Config["process"]!["capabilities"] = JsonNode.Parse("""
            { "bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"], "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"] }
            """);

        var outcome = bundle.Shell("grep ^Cap /proc/self/status").RunContainer();

        Assert.Equal(
            "CapInh:\t0000000000000020\nCapPrm:\t0000000000000020\nCapEff:\t0000000000000020\nCapBnd:\t0000000000000020\nCapAmb:\t0000000000000020\n",
            outcome.Output);
    }

    /// <summary>Source: config-linux.md, "Namespaces": a type that is not specified is inherited.</summary>
    [Fact]
    public void Every_namespace_that_is_not_listed_is_inherited_and_its_mounts_go_with_the_container()
    {
        using var bundle = new Bundle();
        bundle.Config["linux"]!["namespaces"] = new JsonArray();
        bundle.Config["linux"]!.AsObject().Remove("maskedPaths");
        bundle.Config["linux"]!.AsObject().Remove("readonlyPaths");
        bundle.Config.Remove("hostname");
        bundle.Config["mounts"] = JsonNode.Parse("""[{ "destination": "/proc", "type": "proc", "source": "proc" }]""");
        string[] types = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];
        string own = string.Concat(types.Select(type => new FileInfo($"/proc/self/ns/{type}").LinkTarget + "\n"));

        var outcome = bundle.Shell($"for type in {string.Join(' ', types)}; do readlink /proc/self/ns/$type; done").RunContainer();

        Assert.Equal(own, outcome.Output);
        Assert.DoesNotContain(bundle.Root, File.ReadAllText("/proc/self/mountinfo"), StringComparison.Ordinal);
    }

    /// <summary>As above, when the creation fails half-way.</summary>
    [Fact]
    public void A_failed_creation_leaves_no_mount_in_the_namespace_it_shares()
    {
        using var bundle = new Bundle();
        bundle.Config["linux"]!["namespaces"] = JsonNode.Parse("""[{ "type": "pid" }]""");
        bundle.Config.Remove("hostname");

        var outcome = bundle.Program("nosuch").RunContainer();

        Assert.Equal(1, outcome.Code);
        Assert.DoesNotContain(bundle.Root, File.ReadAllText("/proc/self/mountinfo"), StringComparison.Ordinal);
    }

    /// <summary>Source: config-linux.md, "Namespaces": a namespace at a path is joined, whoever made it.</summary>
    [Fact]
    public void A_container_joins_the_user_namespace_of_another()
    {
        using var first = new Bundle();
        JsonArray Map() => JsonNode.Parse("""[{ "containerID": 0, "hostID": 100000, "size": 65536 }]""")!.AsArray();
        first.Config["linux"]!["namespaces"]!.AsArray().Add(JsonNode.Parse("""{ "type": "user" }"""));
        first.Config["linux"]!["uidMappings"] = Map();
        first.Config["linux"]!["gidMappings"] = Map();
        first.Program("sleep", "1000");
        string id = first.NewId();
        Assert.Equal("", first.Create(id).Errors);
        using var second = new Bundle();
        second.Config["linux"]!["namespaces"]!.AsArray().Add(new JsonObject { ["type"] = "user", ["path"] = $"/proc/{first.PidOf(id)}/ns/user" });

        var outcome = second.Shell("id -u; cat /proc/self/uid_map; echo x >/dev/null && ls /dev/pts/ptmx").RunContainer();

        Assert.Equal("", outcome.Errors);
        Assert.Equal("0\n         0     100000      65536\n/dev/pts/ptmx\n", outcome.Output);
    }

    /// <summary>Source: config-linux.md, "Default Filesystems" and mount order: a read-only tmpfs still holds the mounts and devices listed after it.</summary>
    [Fact]
    public void A_read_only_tmpfs_holds_what_is_mounted_below_it()
    {
        using var bundle = new Bundle();
        var dev = bundle.Config["mounts"]!.AsArray().First(mount => mount!["destination"]!.GetValue<string>() == "/dev")!;
        dev["options"]!.AsArray().Add("ro");

        var outcome = bundle.Shell("echo x >/dev/null && ls /dev/pts/ptmx; echo x >/dev/made || echo refused").RunContainer();

        Assert.Equal("/dev/pts/ptmx\nrefused\n", outcome.Output);
    }

    /// <summary>Source: cgroups(7): nothing can start in a frozen group, so creation must not wait for it.</summary>
    [Fact]
    public void A_cgroup_that_is_there_and_frozen_is_refused()
    {
        using var bundle = new Bundle();
        string hierarchy = Directory.Exists("/sys/fs/cgroup/freezer") ? "/sys/fs/cgroup/freezer" : "/sys/fs/cgroup";
        string group = hierarchy + bundle.CgroupsPath;
        Directory.CreateDirectory(group);
        (string file, string frozen) = hierarchy.EndsWith("freezer", StringComparison.Ordinal) ? ("freezer.state", "FROZEN") : ("cgroup.freeze", "1");
        File.WriteAllText(Path.Combine(group, file), frozen);
        try
        {
            var outcome = bundle.RunContainer();

            Assert.Equal(1, outcome.Code);
            Assert.Contains("frozen", outcome.Errors, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(group);
            Directory.Delete(Path.GetDirectoryName(group)!);
        }
    }

    /// <summary>As runc does it; tmpfs(5) itself would make every one writable for all.</summary>
    [Fact]
    public void A_tmpfs_without_a_mode_has_that_of_the_directory_it_covers()
    {
        using var bundle = new Bundle();
        File.SetUnixFileMode(Path.Combine(bundle.Root, "tmp"), (UnixFileMode)0x1C8); // 0710
        bundle.AddMount("""{ "destination": "/tmp", "type": "tmpfs", "source": "tmpfs" }""");

        var outcome = bundle.Shell("ls -ld /tmp").RunContainer();

        Assert.StartsWith("drwx--x---", outcome.Output, StringComparison.Ordinal);
    }

    /// <summary>Source: config.md, "CreateContainer Hooks": in the container's namespaces, whose root is not yet changed.</summary>
    [Fact]
    public void Hooks_of_the_container_run_in_its_root_and_those_of_the_runtime_in_the_bundle()
    {
        using var bundle = new Bundle();
        string inside = bundle.PathOf("inside");
        string outside = bundle.PathOf("outside");
        bundle.Config["hooks"] = new JsonObject
        {
            ["createRuntime"] = new JsonArray(new JsonObject { ["path"] = "/bin/sh", ["args"] = new JsonArray("sh", "-c", $"pwd >{outside}") }),
            ["createContainer"] = new JsonArray(new JsonObject { ["path"] = "/bin/sh", ["args"] = new JsonArray("sh", "-c", $"pwd >{inside}; mount -t tmpfs made ./tmp") }),
        };

        var outcome = bundle.Shell("grep '^made /tmp ' /proc/mounts").RunContainer();

        Assert.StartsWith("made /tmp tmpfs", outcome.Output, StringComparison.Ordinal);
        Assert.Equal($"{bundle.Root}\n", File.ReadAllText(inside));
        Assert.Equal($"{Path.GetDirectoryName(bundle.Root)}\n", File.ReadAllText(outside));
    }

    /// <summary>Source: config-linux.md, "Rootfs Mount Propagation".</summary>
    [Theory]
    [InlineData("shared", "shared:")]
    [InlineData("slave", "master:")]
    [InlineData("private", " - ")]
    [InlineData("unbindable", "unbindable")]
    public void The_root_has_the_propagation_that_is_asked_for(string propagation, string shown)
    {
        using var bundle = new Bundle();
        bundle.Config["linux"]!["rootfsPropagation"] = propagation;

        var outcome = bundle.Shell("grep ' / / \\| / rw' /proc/self/mountinfo; exit 0").RunContainer();

        Assert.Equal(0, outcome.Code);
        if (propagation != "slave") // a slave of nothing is private
        {
            Assert.Contains(shown, outcome.Output, StringComparison.Ordinal);
        }
    }
}
