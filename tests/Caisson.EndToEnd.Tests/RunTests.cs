using System.Globalization;
using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>Real images through the real binaries: command line, engine, keeper, monitor, kernel.</summary>
public sealed class RunTests(Engine engine) : IClassFixture<Engine>
{
    [Theory]
    [InlineData(0, "true")]
    [InlineData(7, "sh", "-c", "exit 7")]
    [InlineData(137, "sh", "-c", "sh -c 'kill -9 $$'; exit $?")]
    [InlineData(127, "no-such-program")]
    [InlineData(126, "/etc/passwd")]
    public void The_exit_code_is_the_programs_or_says_why_there_is_none(int expected, params string[] command)
    {
        engine.SkipUnlessPublished();

        var answer = engine.Caisson(["run", "--rm", "busybox", .. command]);

        Assert.True(expected == answer.Code, answer.ToString());
    }

    [Fact]
    public void A_killed_container_ends_with_128_and_the_signal()
    {
        engine.SkipUnlessPublished();
        engine.Caisson("run", "-d", "--name", "killed", "busybox", "sleep", "300");

        engine.Caisson("kill", "killed");
        var code = engine.Caisson("wait", "killed");
        engine.Caisson("rm", "killed");

        Assert.Equal("137\n", code.Output);
    }

    [Fact]
    public void Output_and_errors_arrive_on_their_own_streams()
    {
        engine.SkipUnlessPublished();

        var answer = engine.Caisson("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2");

        Assert.Equal(new Answer(0, "out\n", "err\n"), answer);
    }

    [Fact]
    public void Input_flows_until_its_end()
    {
        engine.SkipUnlessPublished();
        string input = string.Concat(Enumerable.Range(0, 200_000).Select(i => $"line {i}\n"));

        var answer = engine.CaissonWith(input, "run", "-i", "--rm", "busybox", "cat");

        Assert.Equal(0, answer.Code);
        Assert.Equal(input.Length, answer.Output.Length);
    }

    [Fact]
    public void The_default_profile_confines_root()
    {
        engine.SkipUnlessPublished();

        var answer = engine.Caisson(
            "run", "--rm", "busybox", "sh", "-c", "cat /proc/self/uid_map; grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status");

        string[] lines = answer.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        string[] map = lines[0].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("0", map[0]);
        Assert.NotEqual("0", map[1]);
        Assert.Equal("65536", map[2]);
        Assert.Contains("NoNewPrivs:\t1", lines);
        Assert.Contains("Seccomp:\t2", lines);
        Assert.Contains("CapEff:\t00000000000000eb", lines); // CHOWN DAC_OVERRIDE FOWNER KILL SETGID SETUID
    }

    [Fact]
    public void A_detached_container_can_be_asked_entered_read_stopped_and_removed()
    {
        engine.SkipUnlessPublished();

        var id = engine.Caisson("run", "-d", "--name", "life", "busybox", "sh", "-c", "echo started; trap 'exit 5' TERM; while :; do sleep 1; done");
        var inside = engine.Caisson("exec", "life", "sh", "-c", "echo in; exit 3");
        var listed = engine.Caisson("ps", "--format", "{{.Names}} {{.Image}}");
        var stopped = engine.Caisson("stop", "life");
        var waited = engine.Caisson("wait", "life");
        var log = engine.Caisson("logs", "life");
        var removed = engine.Caisson("rm", "life");

        Assert.Equal(65, id.Output.Length);
        Assert.Equal(new Answer(3, "in\n", ""), inside);
        Assert.Contains("life busybox", listed.Output, StringComparison.Ordinal);
        Assert.Equal(0, stopped.Code);
        Assert.Equal("5\n", waited.Output);
        Assert.Equal("started\n", log.Output);
        Assert.Equal(0, removed.Code);
        Assert.NotEqual(0, engine.Caisson("inspect", "life").Code);
    }

    [Fact]
    public void The_docker_command_line_does_the_same()
    {
        engine.SkipUnlessPublished();
        Assert.SkipUnless(Engine.HasDocker, "needs the docker command line");

        var run = engine.Docker("run", "--rm", "busybox", "sh", "-c", "echo hello; exit 4");
        var version = engine.Docker("version", "--format", "{{.Server.APIVersion}}");

        Assert.Equal(new Answer(4, "hello\n", ""), run);
        Assert.Equal(0, version.Code);
    }

    [Fact]
    public void An_engine_killed_without_warning_loses_no_container()
    {
        engine.SkipUnlessPublished();
        engine.Caisson("run", "-d", "--name", "survivor", "busybox", "sh", "-c", "sleep 1; echo alive; exec sleep 300");
        int before = int.Parse(engine.Caisson("inspect", "--format", "{{.State.Pid}}", "survivor").Output, CultureInfo.InvariantCulture);

        engine.Kill();
        var state = engine.Caisson("inspect", "--format", "{{.State.Running}} {{.State.Pid}}", "survivor");
        var inside = engine.Caisson("exec", "survivor", "echo", "still here");
        var removed = engine.Caisson("rm", "-f", "survivor");

        Assert.Equal(new Answer(0, $"true {before}\n", ""), state);
        Assert.Equal(new Answer(0, "still here\n", ""), inside);
        Assert.Equal(0, removed.Code);
        Assert.False(Directory.Exists($"/proc/{before}"));
    }

    [Theory]
    [InlineData(125, "run", "--rm", "no-such-image", "true")]
    [InlineData(125, "run", "--no-such-flag", "busybox")]
    public void What_the_engine_refuses_is_125_with_a_reason(int expected, params string[] command)
    {
        engine.SkipUnlessPublished();

        var answer = engine.Caisson(command);

        Assert.Equal(expected, answer.Code);
        Assert.NotEmpty(answer.Error);
    }

    [Fact]
    public void Limits_hold()
    {
        engine.SkipUnlessPublished();

        var answer = engine.Caisson("run", "--rm", "--pids-limit", "5", "busybox", "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; wait");

        Assert.Contains("fork", answer.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_bind_mount_is_the_hosts_directory_and_read_only_when_asked()
    {
        engine.SkipUnlessPublished();
        string shared = Directory.CreateTempSubdirectory("caisson-bind-").FullName;
        try
        {
            File.WriteAllText($"{shared}/greeting", "hello\n");

            var read = engine.Caisson("run", "--rm", "-v", $"{shared}:/data:ro", "busybox", "sh", "-c", "cat /data/greeting; touch /data/x || echo refused");

            Assert.Equal("hello\nrefused\n", read.Output);
        }
        finally
        {
            Directory.Delete(shared, recursive: true);
        }
    }

    [Fact]
    public void Explain_prints_the_whole_plan_and_runs_nothing()
    {
        engine.SkipUnlessPublished();

        var plan = engine.Caisson("explain", "run", "busybox", "true");

        Assert.Equal(0, plan.Code);
        Assert.Contains("pivot_root", plan.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("busybox", engine.Caisson("ps", "-a").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Inspect_says_what_the_users_flags_give_up()
    {
        engine.SkipUnlessPublished();
        engine.Caisson("create", "--name", "plain", "--network", "none", "busybox", "true");
        engine.Caisson("create", "--name", "weaker", "--network", "host", "--cap-add", "NET_ADMIN", "--security-opt", "seccomp=unconfined", "busybox", "true");

        var plain = engine.Caisson("inspect", "--format", "{{json .SecurityWeaknesses}}", "plain");
        var weaker = engine.Caisson("inspect", "--format", "{{json .SecurityWeaknesses}}", "weaker");
        engine.Caisson("rm", "plain", "weaker");

        Assert.Equal("[]\n", plain.Output);
        Assert.Contains("processes started as root hold CAP_NET_ADMIN", weaker.Output, StringComparison.Ordinal);
        Assert.Contains("system calls are not filtered", weaker.Output, StringComparison.Ordinal);
        Assert.Contains("the network is the host's", weaker.Output.Replace("\\u0027", "'", StringComparison.Ordinal), StringComparison.Ordinal);
    }
}
