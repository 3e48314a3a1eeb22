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

    [Fact]
    public void Snapshots_are_a_tree_of_memory_and_disk_and_any_can_be_gone_back_to_or_deleted()
    {
        string name = Make("tree");
        try
        {
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
            using (SerialConsole console = Open(name))
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
            RequireWhole(name);
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
            using (SerialConsole console = Open(name))
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
            using (SerialConsole console = Open(name))
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

    /// <summary>How often: the variable <c>CAISSON_KILLS</c>.</summary>
    [Fact]
    public async Task Killed_at_random_moments_states_are_right_and_disks_whole()
    {
        int rounds = int.TryParse(Environment.GetEnvironmentVariable("CAISSON_KILLS"), NumberStyles.None, CultureInfo.InvariantCulture, out int asked) ? asked : 6;
        var random = new Random(7);
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
                TryKill(random.Next(2) == 0 ? (await File.ReadAllTextAsync($"{engine.Run}/engine.pid", TestContext.Current.CancellationToken)).Trim() : engine.Caisson("machine", "info", "--format", "{{.Pid}}", name).Output.Trim());
                await verbs.WaitAsync(Limit, TestContext.Current.CancellationToken);

                Assert.True(Eventually(() => State(name) is "running" or "stopped" or "crashed"));
                string[] now = engine.Caisson("machine", "info", "--format", "{{.State}} {{.Pid}}", name).Output.Trim().Split(' ');
                Assert.Equal(now[0] == "running", now[1] != "0");
            }
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

    private static void Save(SerialConsole console, char value)
    {
        Assert.Equal(value, console.Keep(value));
        console.Send("w");
        console.Expect(".");
    }

    private string Make(string name)
    {
        RequireMachines();
        string disk = $"{engine.Root}/{name}.img";
        byte[] sector = Convert.FromHexString(BootSector);
        byte[] bytes = new byte[1 << 20];
        sector.CopyTo(bytes, 0);
        (bytes[510], bytes[511]) = (0x55, 0xaa);
        File.WriteAllBytes(disk, bytes);
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
