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
