using System.Diagnostics;
using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>Podman, dockerd and containerd with our runtime below them.</summary>
public sealed class OtherEnginesTests : IClassFixture<Engine>, IDisposable
{
    private readonly Engine _engine;
    private readonly string _home;
    private readonly string _parent;
    private readonly string _archive;
    private readonly HashSet<string> _hierarchies = [.. Directory.EnumerateDirectories("/sys/fs/cgroup")];
    private Process? _daemon;
    private string[] _command = [];

    public OtherEnginesTests(Engine engine)
    {
        engine.SkipUnlessPublished();
        _engine = engine;
        string name = Path.GetRandomFileName();
        _home = engine.NewDirectory(name);
        File.SetUnixFileMode(_home, (UnixFileMode)0x1ED);
        _parent = $"/caisson-e2e-{name}";
        _archive = $"{_home}/busybox.tar";
        Assert.Equal(0, engine.Caisson("image", "save", "-o", _archive, "busybox").Code);
    }

    private string Runtime => Path.Combine(_engine.Binaries!, "caisson-runtime");

    [Fact]
    public void Podman_runs_its_containers_with_our_runtime()
    {
        Assert.SkipUnless(Engine.Has("podman"), "needs podman");
        _command =
        [
            "podman", "--root", $"{_home}/root", "--runroot", $"{_home}/run", "--tmpdir", $"{_home}/tmp", "--storage-driver", "vfs",
            "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", RuntimeWithRoot(),
        ];
        Assert.Equal(0, By("load", "-i", _archive).Code);

        // Podman asks for more open files than a host without CAP_SYS_RESOURCE may give.
        Life("run", "--ulimit", "nofile=1024:2048", "--ulimit", "nproc=4096:4096", "--network", "none", "--cgroup-parent", _parent);

        var mapped = By(
            "run", "--rm", "--ulimit", "nofile=1024:2048", "--ulimit", "nproc=4096:4096", "--network", "none", "--cgroup-parent", _parent,
            "--uidmap", "0:200000:65536", "--gidmap", "0:200000:65536", "busybox", "cat", "/proc/self/uid_map");
        Assert.True(mapped.Code == 0 && mapped.Output.Contains("200000", StringComparison.Ordinal), mapped.ToString());
    }

    /// <summary>Podman's own --runtime-flag is not there when it cleans up after a container, so the root is a matter of the command.</summary>
    private string RuntimeWithRoot()
    {
        string command = $"{_home}/caisson-runtime";
        File.WriteAllText(command, $"#!/bin/sh\nexec {Runtime} --root {_home}/state \"$@\"\n");
        File.SetUnixFileMode(command, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        return command;
    }

    [Fact]
    public void Dockerd_runs_its_containers_with_our_runtime()
    {
        Assert.SkipUnless(Engine.Has("dockerd") && Engine.HasDocker, "needs dockerd and docker");
        string socket = $"unix://{_home}/d.sock";
        Start(
            "unshare", "--net", "--mount", "dockerd", "--data-root", $"{_home}/data", "--exec-root", $"{_home}/exec", "-H", socket, "-p", $"{_home}/pid",
            "--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver", "vfs", "--cgroup-parent", _parent,
            "--add-runtime", $"caisson={Runtime}", "--default-runtime", "caisson");
        _command = ["docker", "-H", socket];
        WaitUntilReady("version");
        Assert.Equal(0, By("load", "-i", _archive).Code);

        Life("run", "--network", "none");
    }

    [Fact]
    public void Containerd_runs_its_tasks_with_our_runtime()
    {
        Assert.SkipUnless(Engine.Has("containerd") && Engine.Has("ctr"), "needs containerd and ctr");
        File.WriteAllText(
            $"{_home}/config.toml",
            $"""
            version = 2
            root = "{_home}/root"
            state = "{_home}/state"
            disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
            [grpc]
            address = "{_home}/c.sock"
            """);
        Start("unshare", "--mount", "containerd", "-c", $"{_home}/config.toml");
        _command = ["ctr", "-a", $"{_home}/c.sock"];
        WaitUntilReady("version");
        const string Image = "docker.io/library/busybox:latest";
        string id = _parent[1..];
        string[] ours = ["--runc-binary", Runtime, "--snapshotter", "native", "--cgroup", $"{_parent}/it"];
        Assert.Equal(0, By("image", "import", _archive).Code);

        var ran = By(["run", "--rm", .. ours, Image, $"{id}-1", "sh", "-c", "echo hello; exit 7"]);
        var detached = By(["run", "-d", .. ours, Image, id, "sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.1; done"]);
        var inside = By("task", "exec", "--exec-id", "one", id, "sh", "-c", "echo in; exit 3");
        var paused = By("task", "pause", id);
        var list = By("task", "ls");
        var resumed = By("task", "resume", id);
        By("task", "kill", "-s", "SIGTERM", id);
        Until(() => By("task", "ls").Output.Contains("STOPPED", StringComparison.Ordinal));
        var removed = By("task", "rm", id);
        By("container", "rm", id);

        Assert.Equal(new Answer(7, "hello\n", ""), ran);
        Assert.True(detached.Code == 0, detached.ToString());
        Assert.Equal((3, "in\n"), (inside.Code, inside.Output));
        Assert.True(paused.Code == 0 && resumed.Code == 0, $"{paused}{resumed}");
        Assert.Contains("PAUSED", list.Output, StringComparison.Ordinal);
        Assert.Contains("exit code 5", removed.Error, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        if (_daemon is { } daemon)
        {
            // With unshare in between, which becomes the daemon: it ends as its manager would end it.
            _engine.Host("kill", "-TERM", daemon.Id.ToString(System.Globalization.CultureInfo.InvariantCulture));
            daemon.WaitForExit();
            daemon.Dispose();
        }
        else if (_command is ["podman", ..])
        {
            By("rm", "-fa", "-t", "0");
        }
        foreach (string controller in Directory.EnumerateDirectories("/sys/fs/cgroup").Append("/sys/fs/cgroup"))
        {
            RemoveCgroups(controller + _parent);
        }
        // Where a hierarchy is not mounted, podman makes plain directories of its name.
        foreach (string made in Directory.EnumerateDirectories("/sys/fs/cgroup").Where(path => !_hierarchies.Contains(path) && !Directory.EnumerateFileSystemEntries(path).Any()))
        {
            Directory.Delete(made);
        }
    }

    private static void RemoveCgroups(string path)
    {
        if (!Directory.Exists(path))
        {
            return;
        }
        foreach (string below in Directory.EnumerateDirectories(path))
        {
            RemoveCgroups(below);
        }
        foreach (string file in Directory.EnumerateFiles(path))
        {
            try
            {
                File.Delete(file); // in a plain directory; the files of a cgroup go with it
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                break;
            }
        }
        // What just ended in it may take a moment to leave.
        Until(() =>
        {
            try
            {
                Directory.Delete(path);
                return true;
            }
            catch (IOException)
            {
                return !Directory.Exists(path);
            }
        });
    }

    private static void Until(Func<bool> condition)
    {
        for (int i = 0; !condition(); i++)
        {
            Assert.True(i < 300, "what was waited for did not come");
            Thread.Sleep(100);
        }
    }

    private Answer By(params string[] arguments) => _engine.Host(_command[0], [.. _command[1..], .. arguments]);

    private void Start(params string[] command)
    {
        // Its output goes to a file: what it starts may outlive it and would hold a pipe.
        _daemon = Process.Start(new ProcessStartInfo("sh", ["-c", $"exec \"$@\" >{_home}/log 2>&1 </dev/null", "sh", .. command]))!;
    }

    private void WaitUntilReady(string question)
    {
        for (int i = 0; By(question).Code != 0; i++)
        {
            Assert.True(i < 300 && !_daemon!.HasExited, File.ReadAllText($"{_home}/log"));
            Thread.Sleep(200);
        }
    }

    /// <summary>A container's life by docker's commands, which podman has too.</summary>
    private void Life(params string[] run)
    {
        var codes = By([.. run, "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 7"]);
        var missing = By([.. run, "--rm", "busybox", "no-such-program"]);
        var directory = By([.. run, "--rm", "busybox", "/etc"]);
        var started = By([.. run, "-d", "--name", "life", "--memory", "64m", "--pids-limit", "20", "busybox", "sh", "-c", "echo started; trap 'exit 5' TERM; while :; do sleep 0.1; done"]);
        var inside = By("exec", "life", "sh", "-c", "echo in; exit 3");
        var user = By("exec", "-u", "33", "-w", "/tmp", "-e", "A=b", "life", "sh", "-c", "id -u; pwd; echo $A");
        var limits = By("exec", "life", "sh", "-c", "for i in $(seq 30); do sleep 3 & done; wait");
        var paused = By("pause", "life");
        var resumed = By("unpause", "life");
        var log = By("logs", "life");
        var stopped = By("stop", "life");
        var code = By("inspect", "--format", "{{.State.ExitCode}}", "life");
        var again = By("start", "life");
        var killed = By("kill", "life");
        var waited = By("wait", "life");
        var removed = By("rm", "life");
        var memory = By([.. run, "--rm", "--memory", "16m", "busybox", "sh", "-c", "tail /dev/zero"]);
        using TerminalSession terminal = new(new(33, 77), [], [.. _command, .. run, "-it", "--rm", "busybox", "sh"]);
        terminal.WaitFor("/ # ");
        terminal.Type("until [ \"$(stty size)\" = '33 77' ]; do sleep 0.1; done; echo is $(stty size)\r");
        terminal.WaitFor("\nis 33 77\r\n");
        terminal.Type("exit 9\r");

        Assert.Equal(9, terminal.WaitExit());
        Assert.Equal(new Answer(7, "out\n", "err\n"), codes);
        Assert.True(missing.Code == 127, missing.ToString());
        Assert.True(directory.Code == 126, directory.ToString());
        Assert.True(started.Code == 0, started.ToString());
        Assert.Equal((3, "in\n"), (inside.Code, inside.Output));
        Assert.Equal((0, "33\n/tmp\nb\n"), (user.Code, user.Output));
        Assert.Contains("can't fork", limits.Error, StringComparison.Ordinal);
        Assert.True(paused.Code == 0 && resumed.Code == 0, $"{paused}{resumed}");
        Assert.Equal("started\n", log.Output);
        Assert.True(stopped.Code == 0, stopped.ToString());
        Assert.Equal("5\n", code.Output);
        Assert.True(again.Code == 0 && killed.Code == 0, $"{again}{killed}");
        Assert.Equal("137\n", waited.Output);
        Assert.True(removed.Code == 0, removed.ToString());
        Assert.Equal(137, memory.Code);
    }
}
