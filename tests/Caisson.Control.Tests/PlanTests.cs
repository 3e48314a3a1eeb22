using System.Text;

using Caisson.Control.Listing;
using Caisson.Control.Logs;
using Caisson.Control.Model;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Oci.Runtime;

using Xunit;

using Process = Caisson.Oci.Runtime.Process;

namespace Caisson.Control.Tests;

public sealed class PlanTests
{
    [Fact]
    public async Task The_users_words_go_over_the_images()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();

        Workload workload = await fixture.CreateAsync(config: new ContainerCreate { Cmd = ["/bin/other"], Env = ["FROM=user", "MORE=1"] });

        Assert.Equal(["/bin/other"], workload.Record.Args);
        Assert.Equal(["PATH=/bin", "FROM=user", "MORE=1"], workload.Record.Config.Env);
        Assert.Equal("test", workload.Record.Config.Labels!["origin"]);
        Assert.Equal(workload.Id[..12], workload.Record.Config.Hostname);
    }

    [Fact]
    public async Task Everything_wrong_is_said_at_once_and_nothing_is_left()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();

        ProblemsException error = await Assert.ThrowsAsync<ProblemsException>(() => fixture.CreateAsync(
            new HostConfig { Memory = 5, Binds = ["da!ta:/x"], CapAdd = ["CAP_FLY"], RestartPolicy = new Model.RestartPolicy { Name = "maybe" } },
            new ContainerCreate { WorkingDir = "here" },
            name: "wrong"));

        Assert.Equal(
            ["/HostConfig/Binds/0", "/HostConfig/CapAdd/0", "/HostConfig/Memory", "/HostConfig/RestartPolicy/Name", "/WorkingDir"],
            error.Problems.Select(problem => problem.Path).Order(StringComparer.Ordinal));
        Assert.Empty(Directory.EnumerateFileSystemEntries($"{fixture.Root}/containers"));
        await fixture.CreateAsync(name: "wrong");
    }

    [Fact]
    public async Task The_configuration_of_an_ordinary_container_is_closed()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();

        Workload workload = await fixture.StartAsync(new HostConfig { Memory = 64 << 20, NanoCpus = 500_000_000 });

        RuntimeSpec spec = fixture.Host.LastLaunch!.Spec;
        Process process = spec.Process!;
        Assert.True(process.NoNewPrivileges);
        Assert.Equal(6, process.Capabilities!.Bounding.Length);
        Assert.Empty(process.Capabilities.Ambient);
        Assert.Equal(IdRange.OfBlock(workload.Record.IdBlock!.Value).First, Assert.Single(spec.Linux!.UidMappings).HostId);
        Assert.Equal(64 << 20, spec.Linux.Resources!.Memory!.Limit);
        Assert.Equal(128 << 20, spec.Linux.Resources.Memory.Swap);
        Assert.Equal(50_000, spec.Linux.Resources.Cpu!.Quota);
        Assert.Equal(1_024, spec.Linux.Resources.PidsLimit);
        Assert.NotNull(spec.Linux.Namespace(NamespaceType.Network));
        Assert.NotNull(fixture.Host.LastLaunch.Seccomp);
        Assert.Contains("HOME=/root", process.Env);
        Assert.Contains(spec.Mounts, mount => mount.Destination == "/etc/hosts" && mount.Options.Contains("idmap"));
        List<Problem> problems = [];
        Assert.DoesNotContain(problems, _ => true);
    }

    [Fact]
    public async Task A_user_by_name_is_found_in_the_image_and_holds_no_capability()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();

        await fixture.StartAsync(config: new ContainerCreate { User = "web" });

        Process process = fixture.Host.LastLaunch!.Spec.Process!;
        Assert.Equal(101u, process.User.Uid);
        Assert.Equal(102u, process.User.Gid);
        Assert.Contains(103u, process.User.AdditionalGids);
        Assert.Empty(process.Capabilities!.Bounding);
        Assert.Contains("HOME=/srv", process.Env);
    }

    [Fact]
    public async Task A_privileged_container_is_roots_of_the_host_and_only_when_asked()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();

        Workload workload = await fixture.StartAsync(new HostConfig { Privileged = true });

        RuntimeSpec spec = fixture.Host.LastLaunch!.Spec;
        Assert.Null(workload.Record.IdBlock);
        Assert.Null(fixture.Host.LastLaunch.Seccomp);
        Assert.Empty(spec.Linux!.MaskedPaths);
        Assert.Contains("CAP_SYS_ADMIN", spec.Process!.Capabilities!.Effective);
        Assert.Null(spec.Linux.Namespace(NamespaceType.User));
    }

    [Theory]
    [InlineData("no", 1, 0, null)]
    [InlineData("always", 0, 0, 100.0)]
    [InlineData("unless-stopped", 0, 400, 800.0)]
    [InlineData("always", 0, 45_000, 60_000.0)]
    [InlineData("on-failure", 0, 0, null)]
    [InlineData("on-failure", 1, 100, 200.0)]
    public void A_restart_is_decided_by_policy_and_delays_double_up_to_a_minute(string policy, int code, int lastMs, double? expectedMs)
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        var ended = new Model.ContainerStatus { ExitCode = code, StartedAt = now.AddSeconds(-1), FinishedAt = now };

        TimeSpan? delay = RestartDecision.AfterExit(new Model.RestartPolicy { Name = policy }, ended, TimeSpan.FromMilliseconds(lastMs));

        Assert.Equal(expectedMs, delay?.TotalMilliseconds);
    }

    [Theory]
    [InlineData(0.4, "Less than a second")]
    [InlineData(1, "1 second")]
    [InlineData(45, "45 seconds")]
    [InlineData(61, "About a minute")]
    [InlineData(600, "10 minutes")]
    [InlineData(3700, "About an hour")]
    [InlineData(86_400, "24 hours")]
    [InlineData(86_400 * 5, "5 days")]
    [InlineData(86_400 * 21, "3 weeks")]
    [InlineData(86_400 * 400, "13 months")]
    public void Lengths_of_time_are_in_the_words_that_scripts_compare(double seconds, string words) =>
        Assert.Equal(words, HumanTime.Of(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void A_log_is_read_by_stream_time_and_tail()
    {
        string path = Path.GetTempFileName();
        File.WriteAllText(
            path,
            """
            2026-11-21T11:28:30.123456789Z stdout F one
            2026-11-21T11:28:31.000000000Z stderr F two
            2026-11-21T11:28:32.000000000Z stdout P thr
            2026-11-21T11:28:32.500000000Z stdout F ee
            2026-11-21T11:28:33.000000000Z stdout F 

            """);
        try
        {
            Assert.Equal("one\ntwo\nthree\n\n", Read(path, new LogQuery()));
            Assert.Equal("two\n", Read(path, new LogQuery { Stdout = false }));
            Assert.Equal("three\n\n", Read(path, new LogQuery { Tail = 2 }));
            Assert.Equal("", Read(path, new LogQuery { Tail = 0 }));
            Assert.Equal("two\nthr", Read(path, new LogQuery
            {
                Since = DateTimeOffset.Parse("2026-11-21T11:28:31Z", null),
                Until = DateTimeOffset.Parse("2026-11-21T11:28:32Z", null),
            }));
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static string Read(string path, LogQuery query)
    {
        using LogReader reader = LogReader.TryOpen(path)!;
        if (query.Tail is { } tail)
        {
            reader.SeekTail(tail, query);
        }
        var text = new StringBuilder();
        while (reader.TryRead(out LogEntry entry))
        {
            if (query.Accepts(entry))
            {
                text.Append(Encoding.UTF8.GetString(entry.Text.Span));
            }
        }
        return text.ToString();
    }
}
