using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>Containers over time: health, logs, events, a first process, shared namespaces, secrets.</summary>
public sealed class LifecycleTests(Engine engine) : IClassFixture<Engine>
{
    private const string Serve = "mkdir -p /www; echo fine > /www/healthz; exec httpd -f -p 8080 -h /www";

    [Theory]
    [InlineData("--health-cmd", "test ! -e /sick")]
    [InlineData("--health-http", "http://:8080/healthz")]
    [InlineData("--health-tcp", "8080")]
    public void A_container_becomes_healthy_and_unhealthy(string option, string value)
    {
        engine.SkipUnlessPublished();
        string name = "health" + option[9..];
        engine.Caisson(
            "run", "-d", "--name", name, option, value, "--health-interval", "200ms", "--health-retries", "2", "busybox", "sh", "-c",
            Serve.Replace("exec httpd", "httpd", StringComparison.Ordinal) + " & sleep 300");

        Until(() => engine.Caisson("ps", "--format", "{{.Status}}", "--filter", $"name={name}").Output.Contains("(healthy)", StringComparison.Ordinal), name);
        engine.Caisson("exec", name, "sh", "-c", "touch /sick; rm -r /www; killall httpd");
        Until(() => engine.Caisson("inspect", "-f", "{{.State.Health.Status}}", name).Output == "unhealthy\n", name);

        Answer events = engine.Caisson("events", "--since", "1h", "--until", "0s", "--filter", $"container={name}", "--filter", "event=health_status", "--format", "{{.Action}}");
        Assert.Equal("health_status: healthy\nhealth_status: unhealthy\n", events.Output);
        engine.Caisson("rm", "-f", name);
    }

    [Fact]
    public void What_is_unhealthy_runs_again()
    {
        engine.SkipUnlessPublished();
        engine.Caisson(
            "run", "-d", "--name", "sick", "--restart-unhealthy", "--health-cmd", "false", "--health-interval", "200ms", "--health-retries", "1",
            "--stop-timeout", "0", "busybox", "sleep", "300");

        Until(() => engine.Caisson("inspect", "-f", "{{.RestartCount}}", "sick").Output.TrimEnd() is not ("" or "0"), "sick");

        engine.Caisson("rm", "-f", "sick");
    }

    [Theory]
    [InlineData("json-file")]
    [InlineData("local")]
    public void A_log_is_whole_over_full_files_and_restarts_of_the_engine(string driver)
    {
        engine.SkipUnlessPublished();
        string name = "log-" + driver;
        engine.Caisson(
            "run", "-d", "--name", name, "--log-driver", driver, "--log-opt", "max-size=20k", "--log-opt", "max-file=200", "--log-opt", "compress=true",
            "busybox", "sh", "-c", "i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done");
        engine.Caisson("wait", name);
        engine.Caisson("engine", "stop");

        string[] lines = engine.Caisson("logs", name).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        string tail = engine.Caisson("logs", "--tail", "2", name).Output;
        string directory = Path.GetDirectoryName(engine.Caisson("inspect", "-f", "{{.LogPath}}", name).Output.TrimEnd())!;
        bool isRotated = Directory.EnumerateFiles(directory).Any(file => file.Contains(".1", StringComparison.Ordinal));
        Answer cleared = engine.Caisson("logs", "--clear", name);
        string after = engine.Caisson("logs", name).Output;
        engine.Caisson("rm", "-f", name);

        Assert.Equal(Enumerable.Range(0, 5_000).Select(i => $"line {i}"), lines);
        Assert.Equal("line 4998\nline 4999\n", tail);
        Assert.True(isRotated);
        Assert.Equal((0, ""), (cleared.Code, after));
    }

    [Fact]
    public void Five_hundred_megabytes_are_logged_without_a_loss()
    {
        engine.SkipUnlessPublished();
        const long Bytes = 500L << 20;

        var watch = Stopwatch.StartNew();
        engine.Caisson("run", "--name", "much", "-d", "--log-driver", "local", "--log-opt", "max-size=1g", "--log-opt", "compress=false", "busybox", "dd", "if=/dev/zero", "bs=1M", "count=500");
        engine.Caisson("wait", "much");
        TestContext.Current.SendDiagnosticMessage($"500 MiB logged in {watch.Elapsed.TotalSeconds:0.00} s");
        string path = engine.Caisson("inspect", "-f", "{{.LogPath}}", "much").Output.TrimEnd();
        long kept = new FileInfo(path).Length;
        engine.Caisson("rm", "-f", "much");

        Assert.InRange(kept, Bytes, Bytes + (Bytes / 50));
    }

    [Fact]
    public void Clearing_while_it_runs_keeps_what_comes_later()
    {
        engine.SkipUnlessPublished();
        engine.Caisson("run", "-d", "--name", "cleared", "busybox", "sh", "-c", "echo before; while [ ! -e /go ]; do sleep 0.05; done; echo after; sleep 300");
        Until(() => engine.Caisson("logs", "cleared").Output == "before\n", "cleared");

        engine.Caisson("logs", "--clear", "cleared");
        Assert.Equal("", engine.Caisson("logs", "cleared").Output);
        engine.Caisson("exec", "cleared", "touch", "/go");

        Until(() => engine.Caisson("logs", "cleared").Output == "after\n", "cleared");
        engine.Caisson("rm", "-f", "cleared");
    }

    [Fact]
    public void An_init_reaps_passes_signals_on_and_ends_with_the_programs_code()
    {
        engine.SkipUnlessPublished();

        engine.Caisson("run", "-d", "--init", "--name", "init", "busybox", "sh", "-c", "trap 'exit 9' TERM; (sleep 0.1 &) ; while :; do sleep 0.05; done");
        Answer first = engine.Caisson("exec", "init", "cat", "/proc/1/comm");
        Until(() => !engine.Caisson("exec", "init", "sh", "-c", "cat /proc/[0-9]*/stat").Output.Contains(") Z ", StringComparison.Ordinal), "init");
        engine.Caisson("stop", "init");
        string code = engine.Caisson("inspect", "-f", "{{.State.ExitCode}}", "init").Output;
        string changed = engine.Caisson("diff", "init").Output;
        engine.Caisson("rm", "init");

        Assert.Equal("init\n", first.Output);
        Assert.Equal("9\n", code);
        Assert.DoesNotContain("init", changed, StringComparison.Ordinal);
        Assert.Equal(127, engine.Caisson("run", "--rm", "--init", "busybox", "no-such-program").Code);
    }

    [Fact]
    public void Processes_memory_and_host_name_can_be_another_containers()
    {
        engine.SkipUnlessPublished();
        engine.Caisson("run", "-d", "--name", "owner", "--ipc", "shareable", "--hostname", "theirs", "busybox", "sh", "-c", "echo shared > /dev/shm/x; sleep 300; exit 5");
        Until(() => engine.Caisson("exec", "owner", "cat", "/dev/shm/x").Output == "shared\n", "owner");

        Answer answer = engine.Caisson(
            "run", "--rm", "--pid", "container:owner", "--ipc", "container:owner", "--uts", "container:owner", "busybox", "sh", "-c",
            "hostname; cat /dev/shm/x; cat /proc/1/comm; kill $(pidof sleep)");
        Answer gone = engine.Caisson("wait", "owner");
        engine.Caisson("rm", "-f", "owner");

        Assert.Equal("theirs\nshared\nsh\n", answer.Output);
        Assert.Equal("5\n", gone.Output);
    }

    [Fact]
    public void A_secret_is_in_memory_and_in_no_answer()
    {
        engine.SkipUnlessPublished();
        engine.CaissonWith("s3cret", "secret", "create", "token", "-");
        engine.CaissonWith("server {}", "config", "create", "site", "-");

        Answer answer = engine.Caisson(
            "run", "--name", "holder", "--secret", "token,target=api,uid=7,mode=0400", "--config", "site,target=/etc/site.conf", "busybox", "sh", "-c",
            "cat /run/secrets/api; stat -c ' %u %a' /run/secrets/api; grep -c '/run/secrets tmpfs' /proc/mounts; cat /etc/site.conf; touch /run/secrets/x");
        string told = engine.Caisson("inspect", "holder").Output + engine.Caisson("secret", "inspect", "token").Output
            + engine.Caisson("events", "--since", "1h", "--until", "0s", "--format", "json").Output;
        Answer used = engine.Caisson("secret", "rm", "token");
        engine.Caisson("rm", "holder");
        Answer removed = engine.Caisson("secret", "rm", "token");
        engine.Caisson("config", "rm", "site");

        Assert.Equal("s3cret 7 400\n1\nserver {}", answer.Output);
        Assert.Contains("Read-only file system", answer.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", told, StringComparison.Ordinal);
        Assert.DoesNotContain("czNjcmV0", told, StringComparison.Ordinal);
        Assert.Equal((1, 0), (used.Code, removed.Code));
    }

    [Fact]
    public void A_committed_container_is_an_image_with_its_changes()
    {
        engine.SkipUnlessPublished();
        engine.Caisson("run", "--name", "base", "busybox", "sh", "-c", "echo new > /made; rm /etc/passwd");

        Answer image = engine.Caisson("commit", "-a", "me", "-m", "why", "-c", "CMD [\"cat\", \"/made\"]", "-c", "ENV A=b", "base", "made:1");
        string output = engine.Caisson("run", "--rm", "made:1").Output;
        Answer removed = engine.Caisson("run", "--rm", "made:1", "test", "-e", "/etc/passwd");
        string variable = engine.Caisson("run", "--rm", "made:1", "sh", "-c", "echo $A").Output;
        engine.Caisson("rm", "base");
        engine.Caisson("rmi", "made:1");

        Assert.StartsWith("sha256:", image.Output, StringComparison.Ordinal);
        Assert.Equal(("new\n", 1, "b\n"), (output, removed.Code, variable));
    }

    [Fact]
    public void Events_go_on_after_the_last_number_that_was_seen()
    {
        engine.SkipUnlessPublished();
        engine.Caisson("create", "--name", "seen", "busybox");
        string last = engine.Caisson("events", "--since", "1h", "--until", "0s", "--format", "json").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1];
        using var document = JsonDocument.Parse(last);
        long number = document.RootElement.GetProperty("sequence").GetInt64();

        engine.Caisson("rename", "seen", "seen2");
        engine.Caisson("rm", "seen2");
        string rest = engine.Caisson("events", "--since", string.Create(CultureInfo.InvariantCulture, $"seq:{number}"), "--until", "0s", "--format", "{{.Action}}").Output;

        Assert.StartsWith("rename\n", rest, StringComparison.Ordinal);
        Assert.EndsWith("destroy\n", rest, StringComparison.Ordinal);
    }

    private void Until(Func<bool> holds, string name)
    {
        // Asked once more after it held, it need not hold any longer.
        for (int i = 0; i < 200; i++)
        {
            if (holds())
            {
                return;
            }
            Thread.Sleep(100);
        }
        Assert.Fail(engine.Caisson("inspect", name).Output);
    }
}
