using System.Text;
using Caisson.Containers.State;
using Caisson.Errors;
using Caisson.Oci.Runtime;
using Xunit;

namespace Caisson.Containers.Tests.State;

public sealed class RuntimeStateTests
{
    public static readonly RuntimeState Sample = new()
    {
        Id = "web",
        OciVersion = "1.2.0",
        Bundle = "/bundles/web",
        Rootfs = "/bundles/web/rootfs",
        Created = new DateTimeOffset(2026, 1, 31, 12, 0, 0, 500, TimeSpan.Zero),
        Pid = 42,
        PidStartTime = 1000,
        BootId = "boot",
        OwnerUid = 7,
        CgroupPaths = new Dictionary<string, string> { ["memory"] = "/sys/fs/cgroup/memory/web", [""] = "/sys/fs/cgroup/unified/web" },
        NamespacePaths = new Dictionary<string, string> { ["mount"] = "/proc/42/ns/mnt" },
        Resources = new LinuxResources { PidsLimit = 10 },
        Annotations = new Dictionary<string, string> { ["a"] = "b" },
    };

    [Fact]
    public void A_state_is_read_as_it_was_written()
    {
        byte[] json = RuntimeStateJson.ToUtf8(Sample with { Started = true });

        RuntimeState read = RuntimeStateJson.Read(json, "state.json");

        Assert.Equal(Encoding.UTF8.GetString(json), Encoding.UTF8.GetString(RuntimeStateJson.ToUtf8(read)));
        Assert.True(read.Started);
        Assert.Equal(Sample.Created, read.Created);
        Assert.Equal(10, read.Resources.PidsLimit);
    }

    [Fact]
    public void A_damaged_state_is_refused_with_every_fault()
    {
        var refused = Assert.Throws<ProblemsException>(() => RuntimeStateJson.Read("""{"layout":2,"pid":"x"}"""u8.ToArray(), "state.json"));

        Assert.Equal(
            ["/layout", "/pid", "/id", "/ociVersion", "/bundle", "/rootfs", "/created", "/pidStartTime", "/bootId"],
            refused.Problems.Select(problem => problem.Path));
    }

    [Theory]
    [InlineData(42, 'S', 1000, "boot", false, false, ContainerStatus.Created)]
    [InlineData(42, 'S', 1000, "boot", true, false, ContainerStatus.Running)]
    [InlineData(42, 'S', 1000, "boot", true, true, ContainerStatus.Paused)]
    [InlineData(42, 'Z', 1000, "boot", true, false, ContainerStatus.Stopped)]
    [InlineData(42, 'S', 1001, "boot", true, false, ContainerStatus.Stopped)]
    [InlineData(42, 'S', 1000, "next boot", true, false, ContainerStatus.Stopped)]
    [InlineData(0, 'S', 0, "boot", true, false, ContainerStatus.Stopped)]
    public void The_status_follows_the_process(
        int pid, char state, ulong start, string boot, bool started, bool frozen, ContainerStatus expected)
    {
        ProcessSnapshot? process = pid == 0 ? null : new ProcessSnapshot(pid, state, start);

        Assert.Equal(expected, (Sample with { Started = started }).StatusAt(process, boot, frozen));
    }

    [Fact]
    public void The_output_of_state_is_that_of_runc()
    {
        string json = Encoding.UTF8.GetString(RuntimeStateJson.ToStateOutput(Sample, ContainerStatus.Created));

        Assert.Equal(
            """
            {
              "ociVersion": "1.2.0",
              "id": "web",
              "pid": 42,
              "status": "created",
              "bundle": "/bundles/web",
              "rootfs": "/bundles/web/rootfs",
              "created": "2026-01-31T12:00:00.5Z",
              "annotations": {
                "a": "b"
              },
              "owner": ""
            }
            """,
            json);
    }

    [Theory]
    [InlineData("42 (a b) c) S 1 42 42 0 -1 4194304 99 0 0 0 0 0 0 0 20 0 1 0 315976 3133440", 42, 'S', 315976)]
    [InlineData("7 () Z 1 42 42 0 -1 4194304 99 0 0 0 0 0 0 0 20 0 1 0 5", 7, 'Z', 5)]
    public void A_stat_line_is_read_past_any_name(string line, int pid, char state, ulong start) =>
        Assert.Equal(new ProcessSnapshot(pid, state, start), ProcessSnapshot.Parse(line));

    [Theory]
    [InlineData("")]
    [InlineData("42 (a")]
    [InlineData("42 (a) S 1")]
    public void Anything_else_is_no_stat_line(string line) => Assert.Null(ProcessSnapshot.Parse(line));

    [Fact]
    public void This_process_is_alive_and_a_pid_that_cannot_be_is_not()
    {
        Assert.Equal(Environment.ProcessId, ProcessSnapshot.Read(Environment.ProcessId)!.Value.Pid);
        Assert.Null(ProcessSnapshot.Read(int.MaxValue));
    }
}
