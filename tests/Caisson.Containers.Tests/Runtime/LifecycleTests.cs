using System.Text.Json.Nodes;
using Caisson.Linux;
using Xunit;

namespace Caisson.Containers.Tests.Runtime;

public sealed class LifecycleTests
{
    [Fact]
    public void A_container_runs_and_its_exit_code_comes_back()
    {
        using var bundle = new Bundle();

        var outcome = bundle.Shell("echo hello; exit 7").RunContainer();

        Assert.Equal("hello\n", outcome.Output);
        Assert.Equal(7, outcome.Code);
    }

    [Fact]
    public void A_container_goes_through_created_running_and_stopped()
    {
        using var bundle = new Bundle();
        bundle.Shell("trap 'exit 3' TERM; while :; do sleep 0.05; done");
        string id = bundle.NewId();

        Assert.Equal(0, bundle.Create(id, "--pid-file", bundle.PathOf("pid")).Code);
        Assert.Equal("created", bundle.StatusOf(id));
        Assert.Equal(bundle.PidOf(id).ToString(System.Globalization.CultureInfo.InvariantCulture), File.ReadAllText(bundle.PathOf("pid")));
        Assert.Equal(0, bundle.Run("start", id).Code);
        Assert.Equal("running", bundle.StatusOf(id));
        Assert.Contains("that is not stopped", bundle.Run("delete", id).Errors, StringComparison.Ordinal);
        Assert.Equal(0, bundle.Run("kill", id, "KILL").Code);
        bundle.WaitStopped(id);
        Assert.Contains("container not running", bundle.Run("kill", id, "TERM").Errors, StringComparison.Ordinal);
        Assert.Equal(0, bundle.Run("delete", id).Code);
        Assert.Contains("container does not exist", bundle.Run("state", id).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_left_behind()
    {
        using var bundle = new Bundle();
        string before = File.ReadAllText("/proc/self/mountinfo");
        string id = bundle.NewId();

        Assert.Equal(0, bundle.RunContainer(id).Code);

        Assert.Empty(bundle.Cgroups());
        Assert.DoesNotContain(Directory.GetDirectories(bundle.PathOf("run")), path => !Path.GetFileName(path).StartsWith('.'));
        Assert.DoesNotContain(Path.GetFileName(bundle.Root[..^7]), File.ReadAllText("/proc/self/mountinfo"), StringComparison.Ordinal);
        Assert.NotEmpty(before);
    }

    [Fact]
    public void A_failed_creation_leaves_nothing_behind()
    {
        using var bundle = new Bundle();

        var outcome = bundle.Program("nosuch").RunContainer();

        Assert.Equal(1, outcome.Code);
        Assert.Contains("exec: \"nosuch\": executable file not found in $PATH", outcome.Errors, StringComparison.Ordinal);
        Assert.Empty(bundle.Cgroups());
    }

    [Fact]
    public void A_further_process_is_in_the_same_namespaces()
    {
        using var bundle = new Bundle();
        string id = bundle.NewId();
        bundle.Program("sleep", "1000");
        bundle.Create(id);
        bundle.Run("start", id);

        var outcome = bundle.Run("exec", "-e", "A=b", "--cwd", "/etc", "-u", "5:6", id, "/bin/sh", "-c", "readlink /proc/self/ns/mnt; id -u; id -g; pwd; echo $A; exit 4");

        string own = new FileInfo($"/proc/{bundle.PidOf(id)}/ns/mnt").LinkTarget!;
        Assert.Equal($"{own}\n5\n6\n/etc\nb\n", outcome.Output);
        Assert.Equal(4, outcome.Code);
        Assert.Contains("executable file not found in $PATH", bundle.Run("exec", id, "nosuch").Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_paused_container_takes_no_further_process_until_it_is_resumed()
    {
        using var bundle = new Bundle();
        string id = bundle.NewId();
        bundle.Program("sleep", "1000");
        bundle.Create(id);
        bundle.Run("start", id);

        Assert.Equal(0, bundle.Run("pause", id).Code);
        Assert.Equal("paused", bundle.StatusOf(id));
        Assert.NotEqual(0, bundle.Run("exec", id, "true").Code);
        Assert.Equal(0, bundle.Run("resume", id).Code);
        Assert.Equal(0, bundle.Run("exec", id, "true").Code);
    }

    [Fact]
    public void Limits_hold_and_can_be_changed()
    {
        using var bundle = new Bundle();
        string id = bundle.NewId();
        bundle.Config["linux"]!["resources"]!["pids"] = JsonNode.Parse("""{"limit":40}""");
        bundle.Program("sleep", "1000");
        bundle.Create(id);

        Assert.Contains(bundle.Cgroups(), cgroup => File.Exists($"{cgroup}/it/pids.max") && File.ReadAllText($"{cgroup}/it/pids.max") == "40\n");
        Assert.Equal(0, bundle.Run("update", "--pids-limit", "30", id).Code);
        Assert.Contains(bundle.Cgroups(), cgroup => File.Exists($"{cgroup}/it/pids.max") && File.ReadAllText($"{cgroup}/it/pids.max") == "30\n");
    }

    [Fact]
    public void A_fault_of_the_configuration_is_named_by_its_place()
    {
        using var bundle = new Bundle();
        bundle.Config["process"]!["cwd"] = "relative";

        var outcome = bundle.RunContainer();

        Assert.Contains("/process/cwd", outcome.Errors, StringComparison.Ordinal);
        Assert.Single(outcome.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void An_error_is_in_the_log_as_engines_read_it()
    {
        using var bundle = new Bundle();

        bundle.Run("--log", bundle.PathOf("log"), "--log-format", "json", "state", "nosuch");

        var line = JsonNode.Parse(File.ReadAllText(bundle.PathOf("log")))!;
        Assert.Equal("error", (string?)line["level"]);
        Assert.Contains("container does not exist", (string?)line["msg"], StringComparison.Ordinal);
        Assert.NotNull(line["time"]);
    }

    [Fact]
    public void A_user_namespace_maps_roots_files()
    {
        using var bundle = new Bundle();
        bundle.Config["linux"]!["namespaces"]!.AsArray().Add(JsonNode.Parse("""{"type":"user"}"""));
        bundle.Config["linux"]!["uidMappings"] = JsonNode.Parse("""[{"containerID":0,"hostID":100000,"size":65536}]""");
        bundle.Config["linux"]!["gidMappings"] = JsonNode.Parse("""[{"containerID":0,"hostID":100000,"size":65536}]""");
        bundle.Shell("id -u; grep -c 100000 /proc/self/uid_map");

        var outcome = bundle.RunContainer();

        Assert.Equal("0\n1\n", outcome.Output);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(100_000u)]
    public void A_user_namespaces_root_may_lie_below_a_directory_closed_to_all_but_one_of_both_roots(uint owner)
    {
        using var bundle = new Bundle();
        string closed = Directory.CreateDirectory(bundle.PathOf("closed"), (UnixFileMode)0x1C0).FullName;
        Directory.Move(bundle.Root, $"{closed}/rootfs");
        using (var directory = HostFiles.OpenDirectory(closed))
        {
            directory.ChangeOwner(owner, owner);
        }
        bundle.Config["root"]!["path"] = "closed/rootfs";
        bundle.Config["linux"]!["namespaces"]!.AsArray().Add(JsonNode.Parse("""{"type":"user"}"""));
        bundle.Config["linux"]!["uidMappings"] = JsonNode.Parse("""[{"containerID":0,"hostID":100000,"size":65536}]""");
        bundle.Config["linux"]!["gidMappings"] = JsonNode.Parse("""[{"containerID":0,"hostID":100000,"size":65536}]""");
        bundle.Shell("id -u");

        var outcome = bundle.RunContainer();

        Assert.Equal("0\n", outcome.Output);
    }

    [Fact]
    public void A_container_at_its_limit_of_processes_can_still_be_entered()
    {
        using var bundle = new Bundle();
        string id = bundle.NewId();
        bundle.Config["linux"]!["resources"]!["pids"] = JsonNode.Parse("""{"limit":1}""");
        bundle.Program("sleep", "1000");
        bundle.Create(id);
        bundle.Run("start", id);

        var outcome = bundle.Run("exec", id, "/bin/sh", "-c", "read -r line </proc/self/cgroup; echo $line; exit 4");

        Assert.Equal(4, outcome.Code);
        Assert.Contains(bundle.CgroupsPath, outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_directory_is_no_program()
    {
        using var bundle = new Bundle();
        bundle.Program("/etc");

        var outcome = bundle.Create(bundle.NewId());

        Assert.Contains("exec: \"/etc\": permission denied", outcome.Errors, StringComparison.Ordinal);
    }
}
