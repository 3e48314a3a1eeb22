using System.Diagnostics;
using System.Globalization;
using System.Text;
using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>Machines with an operating system of their own: their whole life, against QEMU and with nothing simulated but the operating system, which is one sector.</summary>
public sealed class FullMachineTests(Engine engine) : IClassFixture<Engine>
{
    /// <summary>
    /// An operating system in 144 bytes, started by the BIOS. It says <c>ready</c> on the serial port and obeys single letters there: <c>s</c> and a character keeps that in memory,
    /// <c>m</c> says what is in memory, <c>w</c> writes that to the second sector of the disk, <c>d</c> says what is in that sector.
    /// </summary>
    private const string BootSector =
        "31c08ed88ec08ed0bc007cfb8816877cbe897cac84c07405e85700ebf6e857003c73740e3c6d74123c7774163c647424ebebe84200a2887ceb13a0887ce83200ebdba0887ca2007eb403e81400b02e"
        + "e82000ebc9b402e80800a0007ee81300ebbcb001bb007eb90200b6008a16877ccd13c3baf803eec3bafd03eca8017503f4ebf5baf803ecc3003072656164790a00";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly List<string> _made = [];

    [Fact]
    public void A_machine_is_made_started_held_and_stopped_and_leaves_nothing()
    {
        string name = Make("life");
        try
        {
            Caisson("machine", "start", name);
            using (SerialConsole console = Open(name))
            {
                console.Expect("ready");
                Assert.Equal("running", State(name));
                Caisson("machine", "pause", name);
                Assert.Equal("paused", State(name));
                Caisson("machine", "resume", name);
                Assert.Equal('7', console.Keep('7'));
            }
            Assert.Contains("ready", Caisson("machine", "console", "--history", name).Output, StringComparison.Ordinal);
            Answer picture = Caisson("machine", "screenshot", name, $"{engine.Root}/{name}.png");
            Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], File.ReadAllBytes(picture.Output.Trim())[..4]);
            Caisson("machine", "stop", "--timeout", "1", name);
            Assert.Equal("stopped", State(name));
        }
        finally
        {
            Clean();
        }
        Assert.Empty(Directory.GetDirectories($"{engine.Root}/machines"));
        Assert.DoesNotContain(Directory.GetDirectories($"{engine.Run}/containers"), _ => true);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Snapshots_are_a_tree_of_memory_and_disk_and_any_can_be_gone_back_to_or_deleted(bool isEncrypted)
    {
        string name = Make(isEncrypted ? "sealed" : "tree");
        try
        {
            if (isEncrypted)
            {
                Caisson("machine", "set", "--encrypt", "yes", name);
            }
            Caisson("machine", "start", name);
            using (SerialConsole console = Open(name))
            {
                console.Expect("ready");
                Save(console, '1');
                Caisson("machine", "snapshot", name, "one");
                Save(console, '2');
                Caisson("machine", "snapshot", name, "two");
                Save(console, '3');
                Caisson("machine", "restore", name, "one");
                Assert.Equal(('1', '1'), (console.Ask('m'), console.Ask('d')));
                Save(console, '4');
                Caisson("machine", "snapshot", name, "branch");
                Caisson("machine", "snapshot", "--delete", name, "one");
                Caisson("machine", "restore", name, "two");
                Assert.Equal(('2', '2'), (console.Ask('m'), console.Ask('d')));
            }
            Assert.Equal("two\nbranch\n", Caisson("machine", "snapshots", "-q", name).Output);
            Caisson("machine", "stop", "--force", name);
            Caisson("machine", "restore", name, "branch");
            using (SerialConsole console = OpenNow(name))
            {
                Assert.Equal(('4', '4'), (console.Ask('m'), console.Ask('d')));
            }
            Caisson("machine", "stop", "--force", name);
            Caisson("machine", "snapshot", name, "cold");
            Caisson("machine", "restore", name, "cold");
            Assert.Equal("stopped", State(name));
            Caisson("machine", "start", name);
            using (SerialConsole console = Open(name))
            {
                console.Expect("ready");
                Assert.Equal('4', console.Ask('d'));
            }
            if (!isEncrypted)
            {
                RequireWhole(name);
            }
            foreach (string snapshot in (string[])["two", "branch", "cold"])
            {
                Caisson("machine", "snapshot", "--delete", name, snapshot);
            }
            Assert.Equal(["disk0.qcow2"], Directory.GetFiles($"{engine.Root}/machines/{Caisson("machine", "info", "--format", "{{.Id}}", name).Output.Trim()}/disks").Select(Path.GetFileName));
        }
        finally
        {
            Clean();
        }
    }

    [Fact]
    public void Clones_go_their_own_way_and_a_template_stays_while_one_stands_on_it()
    {
        string name = Make("origin");
        try
        {
            Caisson("machine", "start", name);
            using (SerialConsole console = Open(name))
            {
                console.Expect("ready");
                Save(console, 'a');
                Caisson("machine", "clone", name, Named("whole"));
                Save(console, 'b');
            }
            Caisson("machine", "start", "whole");
            using (SerialConsole console = Open("whole"))
            {
                console.Expect("ready");
                Assert.Equal('a', console.Ask('d'));
            }
            Caisson("machine", "stop", "--force", name);
            Caisson("machine", "template", name);
            Caisson("machine", "clone", "--linked", "--start", name, Named("linked"));
            using (SerialConsole console = Open("linked"))
            {
                console.Expect("ready");
                Assert.Equal('b', console.Ask('d'));
                Save(console, 'c');
                Assert.Equal('c', console.Ask('d'));
            }
            Assert.Contains("it is a template", engine.Caisson("machine", "start", name).Error, StringComparison.Ordinal);
            Assert.Contains("linked clones stand on its disks (linked)", engine.Caisson("machine", "delete", name).Error, StringComparison.Ordinal);
            Caisson("machine", "rename", "linked", Named("other"));
            Assert.Equal("running", State("other"));
            Caisson("machine", "delete", "-f", "other");
            Caisson("machine", "template", "--undo", name);
            Caisson("machine", "start", name);
            using (SerialConsole console = Open(name))
            {
                console.Expect("ready");
                Assert.Equal('b', console.Ask('d'));
            }
        }
        finally
        {
            Clean();
        }
    }

    [Fact]
    public void A_machine_goes_on_when_the_engine_is_killed_and_has_crashed_when_QEMU_is()
    {
        string name = Make("robust");
        try
        {
            Caisson("machine", "start", name);
            using (SerialConsole console = Open(name))
            {
                console.Expect("ready");
                Save(console, 'x');
            }
            string pid = Pid(name);
            engine.Kill();
            Assert.Equal("running", State(name));
            Assert.Equal(pid, Pid(name));
            using (SerialConsole console = OpenNow(name))
            {
                Assert.Equal('x', console.Ask('m'));
            }
            Caisson("machine", "snapshot", name, "kept");

            Kill(Pid(name));
            Assert.True(Eventually(() => State(name) == "crashed"));
            Assert.Contains("SIGKILL", Caisson("machine", "list", "--format", "{{.Error}}").Output, StringComparison.Ordinal);
            RequireWhole(name);
            Caisson("machine", "set", "--restart", "on-failure", name);
            Caisson("machine", "restore", name, "kept");
            using (SerialConsole console = OpenNow(name))
            {
                Assert.Equal('x', console.Ask('m'));
            }
            string second = Pid(name);
            Kill(second);
            Assert.True(Eventually(() => State(name) == "running" && Pid(name) != second));
        }
        finally
        {
            Clean();
        }
    }

    /// <summary>How often engine and QEMU are killed, in turn: the variable <c>CAISSON_KILLS</c>; at which moments: <c>CAISSON_SEED</c>.</summary>
    [Fact]
    public async Task Killed_at_random_moments_states_are_right_and_disks_whole()
    {
        int rounds = Variable("CAISSON_KILLS", 6);
        var random = new Random(Variable("CAISSON_SEED", 7));
        Dictionary<string, int> seen = [];
        string name = Make("chaos");
        try
        {
            for (int round = 0; round < rounds; round++)
            {
                string snapshot = $"s{round}x";
                Task verbs = Task.Run(() =>
                {
                    engine.Caisson("machine", "start", name);
                    engine.Caisson("machine", "snapshot", name, snapshot);
                    engine.Caisson("machine", "restore", name);
                    engine.Caisson("machine", "snapshot", "--delete", name, snapshot);
                }, TestContext.Current.CancellationToken);
                await Task.Delay(random.Next(50, 2_500), TestContext.Current.CancellationToken);
                TryKill(round % 2 == 0 ? (await File.ReadAllTextAsync($"{engine.Run}/engine.pid", TestContext.Current.CancellationToken)).Trim() : engine.Caisson("machine", "info", "--format", "{{.Pid}}", name).Output.Trim());
                await verbs.WaitAsync(Limit, TestContext.Current.CancellationToken);

                Assert.True(Eventually(() => State(name) is "running" or "stopped" or "crashed"), $"round {round}: {engine.Caisson("machine", "info", name)}");
                string[] now = engine.Caisson("machine", "info", "--format", "{{.State}} {{.Pid}}", name).Output.Trim().Split(' ');
                Assert.Equal(now[0] == "running", now[1] != "0");
                string state = $"{(round % 2 == 0 ? "engine" : "QEMU")} killed, then {State(name)}";
                seen[state] = seen.GetValueOrDefault(state) + 1;
            }
            TestContext.Current.TestOutputHelper?.WriteLine(string.Join("; ", seen.OrderBy(one => one.Key).Select(one => $"{one.Key}: {one.Value}")));
            Caisson("machine", "stop", "--force", name);
            RequireWhole(name);
            Caisson("machine", "start", name);
            using SerialConsole console = Open(name);
            console.Expect("ready");
        }
        finally
        {
            Clean();
        }
    }

    [Fact]
    public void UEFI_has_its_variables_in_snapshots_and_a_TPM_where_asked()
    {
        Assert.SkipUnless(File.Exists("/usr/share/OVMF/OVMF_CODE_4M.fd"), "needs OVMF (apt-get install ovmf)");
        RequireMachines();
        string[] tpm = File.Exists("/usr/bin/swtpm") ? ["--tpm"] : [];
        try
        {
            Caisson(["machine", "create", "--firmware", "uefi", .. tpm, "--disk", "64m", "--no-network", "-m", "256m", "--start", Named("uefi")]);
            using (SerialConsole console = Open("uefi"))
            {
                console.Expect("Shell");
            }
            Caisson("machine", "snapshot", "uefi", "first");
            Caisson("machine", "snapshot", "uefi", "middle");
            Caisson("machine", "snapshot", "uefi", "last");
            Caisson("machine", "restore", "uefi", "first");
            Assert.Equal("running", State("uefi"));
            Caisson("machine", "snapshot", "--delete", "uefi", "middle");
            Caisson("machine", "restore", "uefi", "last");
            Caisson("machine", "stop", "--force", "uefi");
            Caisson("machine", "restore", "uefi", "first");
            Assert.Equal("running", State("uefi"));
            RequireWhole("uefi");
        }
        finally
        {
            Clean();
        }
    }

    [Fact]
    public void A_machine_is_replicated_on_schedule_also_after_the_engine_was_killed_and_recovered_from_any_point()
    {
        string name = Make("copied");
        string place = engine.NewDirectory("replica");
        try
        {
            Caisson("machine", "start", name);
            using (SerialConsole console = Open(name))
            {
                console.Expect("ready");
                Save(console, 'a');
                Caisson("machine", "replicate", "--every", "5s", "--keep", "3", "--now", name, place);
                Save(console, 'b');
            }
            string first = Point(name);
            Assert.True(Eventually(() => Point(name) != first));
            engine.Kill();
            string second = Point(name);
            Assert.True(Eventually(() => Point(name) != second));
            Assert.Equal("", Caisson("machine", "info", "--format", "{{.Replication.Error}}", name).Output.Trim());
            Assert.Contains(Directory.GetFiles(place, "*.qcow2"), file => new FileInfo(file).Length < 1 << 20);
            Assert.True(Eventually(() => Directory.GetFiles(place, "*.qcow2").Length is >= 3 and <= 6 && !File.Exists($"{place}/{first}-disk0.qcow2")));
            Caisson("machine", "replicate", "--stop", name);
            Caisson("machine", "recover", "--verify", place);
            Caisson("machine", "recover", "--name", Named("replica"), place);
            Caisson("machine", "start", "replica");
            using (SerialConsole console = Open("replica"))
            {
                console.Expect("ready");
                Assert.Equal('b', console.Ask('d'));
            }
        }
        finally
        {
            Clean();
        }
    }

    [Fact]
    public void A_machine_does_what_its_schedules_say_also_after_the_engine_was_killed()
    {
        string name = Make("punctual");
        try
        {
            Caisson("machine", "start", name);
            Answer wrong = engine.Caisson("machine", "set", "--schedule", "stop 0 25 * * *", "--schedule", "sing @daily", name);
            Assert.Contains("'25' is no hour, 0 to 23", wrong.Error, StringComparison.Ordinal);
            Assert.Contains("'sing' is none of start, stop, reboot, snapshot", wrong.Error, StringComparison.Ordinal);
            Caisson("machine", "set", "--schedule", "snapshot:2 @every 1s", name);
            Assert.True(Eventually(() => Snapshots(name).Length == 2));
            string[] first = Snapshots(name);
            engine.Kill();
            Assert.True(Eventually(() => Snapshots(name) is { Length: 2 } now && !now.Intersect(first).Any()));

            Caisson("machine", "stop", "--force", name);
            Caisson("machine", "set", "--schedule", "start @every 1s", name);
            Assert.True(Eventually(() => State(name) == "running"));
            Caisson("machine", "set", "--schedule", "none", name);
            Caisson("machine", "stop", "--force", name);
            Assert.DoesNotContain("Schedule:", Caisson("machine", "info", name).Output, StringComparison.Ordinal);
        }
        finally
        {
            Clean();
        }
    }

    [Fact]
    public void A_machine_whose_engine_is_gone_runs_at_another_one_and_at_its_own_no_more()
    {
        string name = Make("survivor");
        string place = engine.NewDirectory("survivor");
        using Engine other = Engine.InOwnNetwork();
        try
        {
            Caisson("machine", "start", name);
            using (SerialConsole console = Open(name))
            {
                console.Expect("ready");
                Save(console, 'h');
            }
            Assert.Contains("nobody holds the lease", other.Caisson("machine", "standby", "--fence", "none", FilledWith(name)).Error, StringComparison.Ordinal);
            Caisson("machine", "replicate", "--ha", "--every", "5s", "--now", name, place);
            Assert.Contains("which is here", engine.Caisson("machine", "standby", "--fence", "none", place).Error, StringComparison.Ordinal);
            string proof = $"{place}.fenced";
            // What would switch the host off: until it does, nobody runs the machine twice.
            other.Caisson("machine", "standby", "--fence", $"test -e {proof} && kill -9 {Pid(name)} && echo $CAISSON_MACHINE > {proof}", place);
            Assert.Equal("watched", Watched());

            engine.Kill();
            Assert.True(Eventually(() => Watched() == "lost"));
            Assert.True(Eventually(() => other.Caisson("machine", "standby", "--format", "{{.Error}}").Output.Contains("the fence ended with code 1", StringComparison.Ordinal)));
            Assert.Equal("", other.Caisson("machine", "list", "-q").Output);
            File.WriteAllText(proof, "");
            Assert.True(Eventually(() => other.Caisson("machine", "info", "--format", "{{.State}}", name).Output.Trim() == "running"));
            Assert.Equal($"{name}\n", File.ReadAllText(proof));
            using (SerialConsole console = new(other.Begin("machine", "console", "--tail", "0", name)))
            {
                Assert.Equal('h', console.Ask('d'));
            }

            Assert.True(Eventually(() => engine.Caisson("machine", "info", "--format", "{{.TakenOverBy}}", name).Output.Trim().Length > 0));
            Assert.Contains("it was taken over", engine.Caisson("machine", "start", name).Error, StringComparison.Ordinal);
            Assert.NotEqual("running", State(name));

            // The way back: what is left here goes, and this engine stands by.
            Caisson("machine", "delete", "-f", name);
            Caisson("machine", "standby", "--fence", "none", place);
            Caisson("machine", "standby", "--stop", place);
        }
        finally
        {
            Clean();
            other.Caisson("machine", "delete", "-f", name);
        }

        string Watched() => other.Caisson("machine", "standby", "--format", "{{.State}}").Output.Trim();

        string FilledWith(string machine)
        {
            string copies = engine.NewDirectory("without");
            Caisson("machine", "backup", machine, $"{copies}/all");
            return $"{copies}/all";
        }
    }

    [Fact]
    public void A_machine_that_cannot_renew_its_lease_is_ended_and_goes_on_when_it_can()
    {
        string name = Make("holder");
        string place = $"{engine.NewDirectory("holder")}/copies";
        try
        {
            Caisson("machine", "start", name);
            Caisson("machine", "replicate", "--ha", "--every", "1h", "--now", name, place);
            Directory.Move(place, place + ".away");

            Assert.True(Eventually(() => State(name) == "stopped"));
            Assert.Contains("could not be renewed", Caisson("machine", "info", name).Output, StringComparison.Ordinal);
            Directory.Move(place + ".away", place);
            Assert.True(Eventually(() => State(name) == "running"));
        }
        finally
        {
            Clean();
        }
    }

    [Fact]
    public void A_machine_moves_to_another_engine_and_stays_when_its_own_is_killed_meanwhile()
    {
        string name = Make("mover", 192 << 20);
        using Engine other = Engine.InOwnNetwork();
        try
        {
            Caisson("machine", "start", name);
            using (SerialConsole console = Open(name))
            {
                console.Expect("ready");
                Save(console, 'k');
            }
            string pid = Pid(name);
            using (Process moving = engine.Begin("machine", "migrate", name, $"unix://{other.Run}/docker.sock"))
            {
                string? line;
                while ((line = moving.StandardError.ReadLine()) is not null && !line.StartsWith("copying", StringComparison.Ordinal))
                {
                }
                Assert.NotNull(line);
                engine.Kill();
                moving.WaitForExit();
            }
            Assert.Equal(("running", pid), (State(name), Pid(name)));
            Assert.True(Eventually(() => other.Caisson("machine", "list", "-q").Output.Length == 0));
            using (SerialConsole console = OpenNow(name))
            {
                Assert.Equal('k', console.Ask('m'));
            }

            Caisson("machine", "migrate", name, $"unix://{other.Run}/docker.sock");
            Assert.Equal("", Caisson("machine", "list", "-q").Output);
            Assert.Equal("running", other.Caisson("machine", "info", "--format", "{{.State}}", name).Output.Trim());
            using (SerialConsole console = new(other.Begin("machine", "console", "--tail", "0", name)))
            {
                Assert.Equal(('k', 'k'), (console.Ask('m'), console.Ask('d')));
            }
        }
        finally
        {
            Clean();
            other.Caisson("machine", "delete", "-f", name);
        }
    }

    [Fact]
    public void What_cannot_be_is_said_and_nothing_stays()
    {
        RequireMachines();
        string home = Directory.CreateTempSubdirectory("caisson-bad-").FullName;
        try
        {
            File.WriteAllBytes($"{home}/base.qcow2", []);
            Run("qemu-img", "create", "-q", "-f", "qcow2", $"{home}/ok.qcow2", "1m");
            Run("qemu-img", "create", "-q", "-f", "qcow2", "-u", "-F", "raw", "-b", "/etc/shadow", $"{home}/backed.qcow2", "1m");
            (string[] Arguments, string Says)[] cases =
            [
                (["--disk", $"{home}/none.img"], "there is no file"),
                (["--disk", $"{home}/backed.qcow2"], "lies over another file"),
                (["--disk", $"{home}/ok.qcow2,size=64k"], "do not fit"),
                (["--disk", "10x"], "invalid"),
                (["--network", "nosuch"], "nosuch"),
                (["--memory", "1m"], "at least 16m"),
                (["--firmware", "efi"], "none of bios, uefi"),
                (["--secure-boot"], "secure boot is of UEFI"),
                (["--initrd", $"{home}/ok.qcow2"], "go with a kernel"),
                (["--kernel", $"{home}/none"], "no such file"),
                (["--cdrom", $"{home}/none.iso"], "there is no file"),
                (["--restart", "sometimes"], "none of no, on-failure, always"),
            ];
            foreach ((string[] arguments, string says) in cases)
            {
                Answer answer = engine.Caisson(["machine", "create", .. arguments, "bad"]);

                Assert.NotEqual(0, answer.Code);
                Assert.Contains(says, answer.Error, StringComparison.Ordinal);
            }
            Caisson("machine", "create", "--no-network", Named("taken"));
            Assert.Contains("there is a machine called taken", engine.Caisson("machine", "create", "taken").Error, StringComparison.Ordinal);
            Assert.Contains("did you mean 'taken'", engine.Caisson("machine", "start", "takn").Error, StringComparison.Ordinal);
            Assert.Contains("does not run", engine.Caisson("machine", "exec", "taken", "true").Error, StringComparison.Ordinal);
            Caisson("machine", "set", "--cpu-model", "nosuch", "taken");
            Assert.Contains("nosuch", engine.Caisson("machine", "start", "taken").Error, StringComparison.Ordinal);
            Assert.Equal("stopped", State("taken"));
        }
        finally
        {
            Clean();
            Directory.Delete(home, recursive: true);
        }
        Assert.Empty(Directory.GetDirectories($"{engine.Root}/machines"));
    }

    private static int Variable(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value : otherwise;

    private static void Save(SerialConsole console, char value)
    {
        Assert.Equal(value, console.Keep(value));
        console.Send("w");
        console.Expect(".");
    }

    private string[] Snapshots(string name) => engine.Caisson("machine", "info", "--format", "{{range .Snapshots}}{{.Name}} {{end}}", name).Output.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private string Point(string name) => engine.Caisson("machine", "info", "--format", "{{.Replication.Point}}", name).Output.Trim();

    /// <summary>Makes a machine that starts the boot sector.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="bytes">The size of its disk, which is full of what cannot be compressed.</param>
    private string Make(string name, int bytes = 1 << 20)
    {
        RequireMachines();
        string disk = $"{engine.Root}/{name}.img";
        byte[] sector = Convert.FromHexString(BootSector);
        byte[] content = new byte[bytes];
        new Random(1).NextBytes(content.AsSpan(1_024));
        sector.CopyTo(content, 0);
        (content[510], content[511]) = (0x55, 0xaa);
        File.WriteAllBytes(disk, content);
        Caisson("machine", "create", "--disk", disk, "-m", "32m", Named(name));
        File.Delete(disk);
        return name;
    }

    private string Named(string name)
    {
        _made.Add(name);
        return name;
    }

    private void Clean()
    {
        foreach (string name in _made.AsEnumerable().Reverse())
        {
            engine.Caisson("machine", "delete", "-f", name);
        }
    }

    private Answer Caisson(params string[] arguments)
    {
        Answer answer = engine.Caisson(arguments);
        Assert.True(answer.Code == 0, $"{string.Join(' ', arguments)}: {answer.Error}");
        return answer;
    }

    private string State(string name) => engine.Caisson("machine", "info", "--format", "{{.State}}", name).Output.Trim();

    private string Pid(string name) => engine.Caisson("machine", "info", "--format", "{{.Pid}}", name).Output.Trim();

    private void RequireMachines()
    {
        engine.SkipUnlessPublished();
        Assert.SkipUnless(File.Exists("/usr/bin/qemu-system-x86_64") && File.Exists("/usr/bin/qemu-img"), "needs QEMU (apt-get install qemu-system-x86 qemu-utils)");
    }

    /// <summary>A second reader finds no fault in the machine's disks.</summary>
    private void RequireWhole(string name)
    {
        engine.Caisson("machine", "stop", "--force", name);
        string id = engine.Caisson("machine", "info", "--format", "{{.Id}}", name).Output.Trim();
        foreach (string disk in Directory.GetFiles($"{engine.Root}/machines/{id}/disks"))
        {
            using Process check = Process.Start(new ProcessStartInfo("qemu-img", ["check", "-q", "-f", "qcow2", disk]) { UseShellExecute = false })!;
            check.WaitForExit();
            Assert.True(check.ExitCode is 0 or 3, $"{disk}: qemu-img check says {check.ExitCode}"); // 3: room that nobody uses, which a kill may leave
        }
    }

    private static void Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false })!;
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    private static void Kill(string pid) => Run("kill", "-9", pid);

    private static void TryKill(string pid)
    {
        if (pid is not ("" or "0"))
        {
            using Process process = Process.Start(new ProcessStartInfo("kill", ["-9", pid]) { UseShellExecute = false, RedirectStandardError = true })!;
            process.WaitForExit();
        }
    }

    private static bool Eventually(Func<bool> holds)
    {
        for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < Limit; Thread.Sleep(50))
        {
            if (holds())
            {
                return true;
            }
        }
        return false;
    }

    private SerialConsole Open(string name) => new(engine.Begin("machine", "console", "--tail", "50", name));

    /// <summary>The console without what it said before.</summary>
    private SerialConsole OpenNow(string name) => new(engine.Begin("machine", "console", "--tail", "0", name));

    /// <summary>The serial console of a machine, by the command line.</summary>
    private sealed class SerialConsole : IDisposable
    {
        private readonly Process _process;
        private readonly StringBuilder _said = new();
        private int _read;

        public SerialConsole(Process process)
        {
            _process = process;
            new Thread(Listen) { IsBackground = true }.Start();
        }

        public void Send(string keys)
        {
            _process.StandardInput.Write(keys);
            _process.StandardInput.Flush();
        }

        /// <summary>Waits until the machine has said something.</summary>
        public void Expect(string text)
        {
            lock (_said)
            {
                for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < Limit; Monitor.Wait(_said, 100))
                {
                    int at = _said.ToString().IndexOf(text, _read, StringComparison.Ordinal);
                    if (at >= 0)
                    {
                        _read = at + text.Length;
                        return;
                    }
                }
                Assert.Fail($"the machine did not say '{text}'; it said: {_said}");
            }
        }

        /// <summary>Asks with one letter, and gives the answer.</summary>
        public char Ask(char letter)
        {
            while (true)
            {
                Drain();
                Send(letter.ToString());
                lock (_said)
                {
                    for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < Limit && _said.Length == _read;)
                    {
                        Monitor.Wait(_said, 100);
                    }
                    Assert.True(_said.Length > _read, $"the machine does not answer '{letter}'; it said: {_said}");
                    if (_said[_read++] is not 'r' and var answer)
                    {
                        return answer;
                    }
                }
                // It says only now that it is ready: what was read before was said by an earlier run.
            }
        }

        /// <summary>Has the machine keep a character in memory, and gives what it then has there.</summary>
        public char Keep(char value)
        {
            Drain();
            Send($"s{value}");
            Expect(".");
            return Ask('m');
        }

        private void Listen()
        {
            int one;
            while ((one = _process.StandardOutput.Read()) >= 0)
            {
                lock (_said)
                {
                    _said.Append((char)one);
                    Monitor.PulseAll(_said);
                }
            }
        }

        public void Dispose()
        {
            _process.Kill();
            _process.WaitForExit();
            _process.Dispose();
        }

        /// <summary>What was said before is no answer.</summary>
        private void Drain()
        {
            Thread.Sleep(150);
            lock (_said)
            {
                _read = _said.Length;
            }
        }
    }
}
