using System.Globalization;
using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>What a workload does is the same whether it runs behind namespaces or behind its own kernel: one table, two runtimes.</summary>
public sealed class ParityTests(Engine engine) : IClassFixture<Engine>
{
    /// <summary>The two runtimes.</summary>
    public static readonly string[] Runtimes = ["caisson", "vm"];

    /// <summary>Flags, command, input; what both runtimes answer: output, code. VOLUME and BIND stand for a volume and a directory of the host with a file in it.</summary>
    public static TheoryData<string, string[], string[], string?, string, int> Cases => new()
    {
        { "exit code", [], ["sh", "-c", "exit 7"], null, "", 7 },
        { "output", [], ["echo", "hello"], null, "hello\n", 0 },
        { "errors", [], ["sh", "-c", "echo out; echo err >&2"], null, "out\n", 0 },
        { "input", ["-i"], ["cat"], "one\ntwo\n", "one\ntwo\n", 0 },
        { "environment", ["-e", "A=b c", "-e", "PATH=/bin"], ["sh", "-c", "echo $A-$PATH"], null, "b c-/bin\n", 0 },
        { "user", ["-u", "12:34"], ["sh", "-c", "id -u; id -g"], null, "12\n34\n", 0 },
        { "more groups", ["-u", "12:34", "--group-add", "56"], ["id", "-G"], null, "34 56\n", 0 },
        { "working directory", ["-w", "/usr/new"], ["pwd"], null, "/usr/new\n", 0 },
        { "host name", ["--hostname", "web"], ["hostname"], null, "web\n", 0 },
        { "further host", ["--add-host", "far:10.9.8.7"], ["sh", "-c", "grep far /etc/hosts | tr -s '\\t ' ' '"], null, "10.9.8.7 far\n", 0 },
        { "entry point", ["--entrypoint", "echo"], ["a", "b"], null, "a b\n", 0 },
        { "first process of ours", ["--init"], ["sh", "-c", "[ $$ != 1 ] && echo second"], null, "second\n", 0 },
        { "missing program", [], ["nosuch"], null, "", 127 },
        { "killed", [], ["sh", "-c", "sh -c 'kill -9 $$'; exit $?"], null, "", 137 },
        { "first process", [], ["sh", "-c", "echo $$"], null, "1\n", 0 },
        { "writes", [], ["sh", "-c", "echo x > /file && cat /file"], null, "x\n", 0 },
        { "read-only", ["--read-only"], ["sh", "-c", "echo x > /file 2>/dev/null || echo refused"], null, "refused\n", 0 },
        { "temporary file system", ["--tmpfs", "/t:size=1m"], ["sh", "-c", "grep -c ' /t tmpfs' /proc/mounts"], null, "1\n", 0 },
        { "shared memory", ["--shm-size", "1m"], ["sh", "-c", "grep ' /dev/shm ' /proc/mounts | grep -o size=1024k"], null, "size=1024k\n", 0 },
        { "volume", ["-v", "VOLUME:/v"], ["sh", "-c", "echo kept > /v/file && cat /v/file"], null, "kept\n", 0 },
        { "volume, read-only", ["-v", "VOLUME:/v:ro"], ["sh", "-c", "echo x > /v/other 2>/dev/null || echo refused"], null, "refused\n", 0 },
        { "bind, read-only", ["-v", "BIND:/b:ro"], ["sh", "-c", "cat /b/file; echo x > /b/file 2>/dev/null || echo refused"], null, "of the host\nrefused\n", 0 },
        { "bind of a file", ["-v", "BIND/file:/etc/one"], ["sh", "-c", "cat /etc/one; stat -c %u:%g /etc/one"], null, "of the host\n0:0\n", 0 },
        { "mount of a volume", ["--mount", "type=volume,source=VOLUME,target=/v"], ["sh", "-c", "mkdir -p /v/d && ls -d /v/d"], null, "/v/d\n", 0 },
        { "mount of a tmpfs", ["--mount", "type=tmpfs,target=/t,tmpfs-size=1m"], ["sh", "-c", "grep -c ' /t tmpfs' /proc/mounts"], null, "1\n", 0 },
        { "content of the image", ["-v", "/bin"], ["sh", "-c", "ls /bin/busybox"], null, "/bin/busybox\n", 0 },
        { "owners", ["-v", "VOLUME:/v", "-u", "77:88"], ["sh", "-c", "echo x > /v/mine 2>/dev/null || echo refused; stat -c %u:%g /v"], null, "refused\n0:0\n", 0 },
        { "no new privileges", [], ["sh", "-c", "grep NoNewPrivs /proc/self/status | tr -d '\\t'"], null, "NoNewPrivs:1\n", 0 },
        { "system call filter", [], ["sh", "-c", "grep '^Seccomp:' /proc/self/status | tr -d '\\t'"], null, "Seccomp:2\n", 0 },
        { "no capabilities", ["--cap-drop", "ALL"], ["sh", "-c", "grep CapEff /proc/self/status | tr -d '\\t'"], null, "CapEff:0000000000000000\n", 0 },
        { "one capability", ["--cap-drop", "ALL", "--cap-add", "CHOWN"], ["sh", "-c", "grep CapEff /proc/self/status | tr -d '\\t'"], null, "CapEff:0000000000000001\n", 0 },
        { "limits of a process", ["--ulimit", "nofile=77:88"], ["sh", "-c", "ulimit -n; ulimit -Hn"], null, "77\n88\n", 0 },
        { "number of processes", ["--pids-limit", "20"], ["sh", "-c", "(for i in $(seq 30); do sleep 2 & done) 2>&1 | grep -q fork && echo limited"], null, "limited\n", 0 },
        { "kernel parameter", ["--sysctl", "kernel.msgmax=10000"], ["cat", "/proc/sys/kernel/msgmax"], null, "10000\n", 0 },
        { "much output", [], ["sh", "-c", "seq 20000 | tail -n 1; seq 20000 | wc -c"], null, "20000\n108894\n", 0 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_container_and_a_machine_do_the_same(string what, string[] flags, string[] command, string? input, string output, int code)
    {
        MachineTests.RequireMachines(engine);
        string bind = engine.NewDirectory(Name());
        File.WriteAllText($"{bind}/file", "of the host\n");
        foreach (string runtime in Runtimes)
        {
            string volume = Name();
            string[] filled = [.. flags.Select(flag => flag.Replace("VOLUME", volume, StringComparison.Ordinal).Replace("BIND", bind, StringComparison.Ordinal))];

            Answer answer = engine.Start(
                Path.Combine(engine.Binaries!, "caisson"), input, ["run", "--rm", "--network", "none", "--runtime", runtime, .. filled, "busybox", .. command]);
            engine.Caisson("volume", "rm", "-f", volume);

            Assert.Equal((what, runtime, output, code), (what, runtime, answer.Output, answer.Code));
        }
    }

    [Theory]
    [InlineData("caisson")]
    [InlineData("vm")]
    public void What_is_running_is_signalled_entered_logged_and_stopped(string runtime)
    {
        MachineTests.RequireMachines(engine);
        string name = Name();
        try
        {
            Assert.Equal(0, engine.Caisson("run", "-d", "--name", name, "--network", "none", "--runtime", runtime, "--stop-signal", "USR2", "-l", "a=b", "busybox", "sh", "-c",
                "trap 'echo first' USR1; trap 'echo last; exit 3' USR2; echo up; while :; do sleep 0.1; done").Code);

            Assert.Equal(("inside\n", 4), Plain(engine.Caisson("exec", "-e", "WORD=inside", name, "sh", "-c", "echo $WORD; exit 4"))); // waits for the boot
            Assert.Equal(("typed", 0), Plain(engine.CaissonWith("typed", "exec", "-i", name, "cat")));
            Assert.Equal(("9\n", 0), Plain(engine.Caisson("exec", "-u", "9", name, "id", "-u")));
            Assert.Equal(0, engine.Caisson("kill", "-s", "USR1", name).Code);
            for (int i = 0; i < 100 && !engine.Caisson("logs", name).Output.Contains("first", StringComparison.Ordinal); i++)
            {
                Thread.Sleep(100);
            }
            Assert.Equal(0, engine.Caisson("stop", name).Code);
            Assert.Equal("up\nfirst\nlast\n", engine.Caisson("logs", name).Output);
            Assert.Equal("3 b\n", engine.Caisson("inspect", "-f", "{{.State.ExitCode}} {{.Config.Labels.a}}", name).Output);
        }
        finally
        {
            engine.Caisson("rm", "-f", name);
        }
    }

    [Theory]
    [InlineData("caisson")]
    [InlineData("vm")]
    public async Task A_published_port_and_a_name_lead_to_it(string runtime)
    {
        MachineTests.RequireMachines(engine);
        Assert.SkipUnless(File.Exists("/dev/net/tun"), "needs /dev/net/tun");
        string network = Name();
        string name = Name();
        int port = Served.FreePort();
        try
        {
            Assert.Equal(0, engine.Caisson("network", "create", network).Code);
            Assert.Equal(0, engine.Caisson(
                "run", "-d", "--name", name, "--network", network, "--network-alias", "web", "-p", string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}:80"), "--runtime", runtime,
                "busybox", "sh", "-c", "mkdir /w; echo page > /w/index.html; exec httpd -f -p 80 -h /w").Code);
            const string ask = "for i in 1 2 3 4 5 6 7 8 9 10; do printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc web 80 | tail -n 1 | grep page && break; sleep 1; done";

            Assert.Equal("page\n", engine.Caisson("run", "--rm", "--network", network, "busybox", "sh", "-c", ask).Output);
            using HttpClient client = new();
            Assert.Equal("page\n", await client.GetStringAsync(new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}/")), TestContext.Current.CancellationToken));
        }
        finally
        {
            engine.Caisson("rm", "-f", name);
            engine.Caisson("network", "rm", network);
        }
    }

    [Theory]
    [InlineData("caisson")]
    [InlineData("vm")]
    public void Files_go_in_and_come_out_with_owners_modes_and_links(string runtime)
    {
        MachineTests.RequireMachines(engine);
        string name = Name();
        string here = engine.NewDirectory(name);
        Directory.CreateDirectory($"{here}/in/sub");
        File.WriteAllText($"{here}/in/sub/file", "content\n");
        File.SetUnixFileMode($"{here}/in/sub/file", (UnixFileMode)0x1A0); // 0640
        File.SetLastWriteTimeUtc($"{here}/in/sub/file", new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc));
        File.CreateSymbolicLink($"{here}/in/link", "sub/file");
        File.WriteAllBytes($"{here}/in/large", new byte[3 << 20]);
        try
        {
            Assert.Equal(0, engine.Caisson("run", "-d", "--name", name, "--network", "none", "--runtime", runtime, "--tmpfs", "/scratch", "-v", "/kept", "busybox", "sleep", "1000").Code);

            Answer into = engine.Caisson("cp", $"{here}/in", $"{name}:/tmp/there");
            Answer scratch = engine.Caisson("cp", $"{here}/in/sub/file", $"{name}:/scratch/file");
            Answer kept = engine.Caisson("cp", $"{here}/in/sub/file", $"{name}:/kept/file");
            Answer inside = engine.Caisson("exec", name, "sh", "-c", "cd /tmp/there && stat -c '%u:%g %a %Y %n' sub/file && cat link /scratch/file /kept/file && echo more >> sub/file");
            Answer back = engine.Caisson("cp", $"{name}:/tmp/there", $"{here}/out");
            Answer missing = engine.Caisson("cp", $"{name}:/no/such", $"{here}/none");

            Assert.True(into.Code == 0, into.ToString());
            Assert.True(scratch.Code == 0, scratch.ToString());
            Assert.True(kept.Code == 0, kept.ToString());
            Assert.Equal(new Answer(0, "0:0 640 981173106 sub/file\ncontent\ncontent\ncontent\n", ""), inside);
            Assert.True(back.Code == 0, back.ToString());
            Assert.Equal("content\nmore\n", File.ReadAllText($"{here}/out/link"));
            Assert.Equal(3 << 20, new FileInfo($"{here}/out/large").Length);
            Assert.NotEqual(0, missing.Code);
            Assert.Contains("/no/such", missing.Error, StringComparison.Ordinal);
        }
        finally
        {
            engine.Caisson("rm", "-f", "-v", name);
        }
    }

    [Theory]
    [InlineData("caisson")]
    [InlineData("vm")]
    public void What_it_changed_is_told_exported_and_made_an_image(string runtime)
    {
        MachineTests.RequireMachines(engine);
        string name = Name();
        string here = engine.NewDirectory(name);
        try
        {
            Assert.Equal(0, engine.Caisson(
                "run", "-d", "--name", name, "--network", "none", "--runtime", runtime, "-v", "/kept", "busybox", "sh", "-c", "mkdir /new; echo x > /new/file; rm /bin/vi; echo y > /kept/file; exec sleep 1000").Code);
            Assert.Equal(0, engine.Caisson("exec", name, "sh", "-c", "until [ -f /kept/file ]; do sleep 0.1; done").Code);

            string changes = engine.Caisson("diff", name).Output;
            Answer exported = engine.Caisson("export", "-o", $"{here}/all.tar", name);
            string listed = engine.Host("tar", "tf", $"{here}/all.tar").Output;
            Answer committed = engine.Caisson("commit", name, $"{name}:made");
            Answer anew = engine.Caisson("run", "--rm", "--network", "none", $"{name}:made", "sh", "-c", "cat /new/file; ls /bin/vi /kept/file 2>/dev/null");

            Assert.Contains("A /new/file\n", changes, StringComparison.Ordinal);
            Assert.Contains("D /bin/vi\n", changes, StringComparison.Ordinal);
            Assert.True(exported.Code == 0, exported.ToString());
            Assert.Contains("new/file\n", listed, StringComparison.Ordinal);
            Assert.DoesNotContain("kept/file", listed, StringComparison.Ordinal);
            Assert.True(committed.Code == 0, committed.ToString());
            Assert.Equal("x\n", anew.Output);
        }
        finally
        {
            engine.Caisson("rm", "-f", "-v", name);
            engine.Caisson("rmi", "-f", $"{name}:made");
        }
    }

    [Fact]
    public void A_volume_is_one_for_a_container_and_a_machine()
    {
        MachineTests.RequireMachines(engine);
        string volume = Name();
        Answer Run(string runtime, string command) => engine.Caisson("run", "--rm", "--network", "none", "--runtime", runtime, "-v", $"{volume}:/v", "busybox", "sh", "-c", command);
        try
        {
            Assert.Equal(0, Run("vm", "echo machine > /v/file; chown 5:6 /v/file; chmod 640 /v/file; ln -s file /v/link; ln /v/file /v/second; mkdir -m 2770 /v/dir; mkfifo /v/pipe; mv /v/second /v/dir/moved").Code);

            const string look = "cd /v; stat -c '%n %u:%g %a %h' file link dir dir/moved pipe; cat link; ls -a dir";
            Answer container = Run("caisson", look);
            Answer machine = Run("vm", look);
            Run("caisson", "echo container >> /v/file; rm /v/pipe");
            string both = Run("vm", "cat /v/file; ls /v").Output;

            Assert.Equal("file 5:6 640 2\nlink 0:0 777 1\ndir 0:0 2770 2\ndir/moved 5:6 640 2\npipe 0:0 644 1\nmachine\n.\n..\nmoved\n", container.Output);
            Assert.Equal(container.Output, machine.Output);
            Assert.Equal("machine\ncontainer\ndir\nfile\nlink\n", both);
        }
        finally
        {
            engine.Caisson("volume", "rm", "-f", volume);
        }
    }

    [Fact]
    public void A_machine_sees_its_own_memory_and_processors()
    {
        MachineTests.RequireMachines(engine);

        Answer answer = engine.Caisson(
            "run", "--rm", "--network", "none", "--runtime", "vm", "--memory", "256m", "--cpus", "1", "busybox", "sh", "-c", "grep MemTotal /proc/meminfo | tr -dc 0-9; echo; grep -c ^processor /proc/cpuinfo");

        string[] lines = answer.Output.Split('\n');
        Assert.InRange(int.Parse(lines[0], CultureInfo.InvariantCulture), 180 << 10, 256 << 10);
        Assert.Equal("1", lines[1]);
    }

    [Fact]
    public void The_kernel_of_one_is_the_hosts_and_of_the_other_its_own()
    {
        MachineTests.RequireMachines(engine);
        string[] told = [.. Runtimes.Select(runtime => engine.Caisson("run", "--rm", "--network", "none", "--runtime", runtime, "busybox", "uname", "-a").Output)];

        Assert.Contains(File.ReadAllText("/proc/sys/kernel/osrelease").Trim(), told[0], StringComparison.Ordinal);
        Assert.Contains(engine.Caisson("kernel", "ls", "-q").Output.Trim(), told[1], StringComparison.Ordinal);
        Assert.Contains("Debian", told[1], StringComparison.Ordinal);
    }

    private static (string Output, int Code) Plain(Answer answer) => (answer.Output, answer.Code);

    private static string Name() => string.Create(CultureInfo.InvariantCulture, $"p{Guid.NewGuid():n}");
}
