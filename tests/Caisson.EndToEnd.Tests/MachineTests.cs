using System.Diagnostics;
using System.Globalization;

using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>Workloads as machines: their life, their templates, their networks. What they do as containers do is in <see cref="ParityTests"/>.</summary>
public sealed class MachineTests(Engine engine) : IClassFixture<Engine>
{
    private static readonly Lock Installing = new();

    [Fact]
    public void A_machine_that_runs_is_used_as_a_container_is()
    {
        RequireMachines(engine);
        string name = Name();
        try
        {
            Assert.Equal(0, engine.Caisson("run", "-d", "--name", name, "--network", "none", "--runtime", "vm", "busybox", "sh", "-c", "trap 'echo asked; exit 3' TERM; echo up; while :; do sleep 0.1; done").Code);

            Assert.Equal(("inside\n", 4), Plain(engine.Caisson("exec", name, "sh", "-c", "echo inside; exit 4"))); // waits for the boot
            Assert.Equal(("typed", 0), Plain(engine.CaissonWith("typed", "exec", "-i", name, "cat")));
            Assert.Equal(127, engine.Caisson("exec", name, "nosuch").Code);
            Assert.Equal(0, engine.Caisson("exec", name, "touch", "/kept").Code);
            using (Process watching = engine.Begin("exec", name, "sh", "-c", "while :; do echo many words; done"))
            {
                Assert.Equal("many words", watching.StandardOutput.ReadLine());
                watching.Kill(); // whoever watches goes away; the machine does not
                watching.WaitForExit();
            }
            Assert.Equal(("still\n", 0), Plain(engine.Caisson("exec", name, "echo", "still")));
            Assert.Equal(0, engine.Caisson("pause", name).Code);
            Assert.Equal(0, engine.Caisson("unpause", name).Code);
            engine.Kill(); // the machine goes on without an engine
            Assert.Equal(("again\n", 0), Plain(engine.Caisson("exec", name, "echo", "again")));
            Assert.Equal(0, engine.Caisson("stop", name).Code);
            Assert.Equal("up\nasked\n", engine.Caisson("logs", name).Output);
            Assert.Equal("3", engine.Caisson("inspect", "-f", "{{.State.ExitCode}}", name).Output.Trim());
            Assert.Equal(0, engine.Caisson("start", name).Code);
            Assert.Equal(0, engine.Caisson("exec", name, "ls", "/kept").Code);
            Assert.Equal(0, engine.Caisson("kill", name).Code);
            Assert.Equal("137", engine.Caisson("wait", name).Output.Trim());
        }
        finally
        {
            engine.Caisson("rm", "-f", name);
        }
        Assert.DoesNotContain(Directory.GetDirectories("/proc"), process => File.Exists($"{process}/cmdline") && ReadCommand(process).Contains(name, StringComparison.Ordinal));
    }

    [Fact]
    public void Machines_of_one_template_share_no_random_numbers_no_boot_and_no_address()
    {
        RequireMachines(engine);
        string network = Name();
        string templates = $"{engine.Root}/machines/templates";
        const string tell = "cat /proc/sys/kernel/random/boot_id; head -c 16 /dev/urandom | od -An -tx1; grep . /sys/class/net/eth0/address; hostname; date +%s";
        try
        {
            Assert.Equal(0, engine.Caisson("network", "create", network).Code);
            Assert.Equal(0, engine.Caisson("run", "--rm", "--network", "none", "--runtime", "vm", "busybox", "true").Code);
            for (int i = 0; i < 3_000 && !Directory.EnumerateFiles(templates, "template.json", SearchOption.AllDirectories).Any(); i++)
            {
                Thread.Sleep(100);
            }
            Assert.NotEmpty(Directory.EnumerateFiles(templates, "template.json", SearchOption.AllDirectories));

            string[][] told = [.. Enumerable.Range(0, 3).Select(_ =>
            {
                Answer answer = engine.Caisson("run", "--rm", "--network", network, "--runtime", "vm", "busybox", "sh", "-c", tell);
                Assert.Equal((0, ""), (answer.Code, answer.Error)); // a machine that had to boot would say so
                return answer.Output.TrimEnd().Split('\n');
            })];

            for (int line = 0; line < 4; line++)
            {
                Assert.Equal(3, told.Select(one => one[line]).Distinct().Count());
            }
            Assert.All(told, one => Assert.InRange(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - long.Parse(one[4], CultureInfo.InvariantCulture), -5, 600));
        }
        finally
        {
            engine.Caisson("network", "rm", network);
        }
    }

    [Fact]
    public void A_terminal_in_a_machine_has_the_size_of_the_one_outside()
    {
        RequireMachines(engine);
        using TerminalSession session = engine.InTerminal("caisson", 33, 77, "run", "--rm", "-it", "--network", "none", "--runtime", "vm", "busybox", "sh", "-c", "sleep 0.3; stty size; tty");

        session.WaitFor("33 77");
        session.WaitFor("/dev/pts/0");
    }

    [Fact]
    public void A_machine_is_in_the_network_of_containers()
    {
        RequireMachines(engine);
        Assert.SkipUnless(File.Exists("/dev/net/tun"), "needs /dev/net/tun");
        string network = Name();
        string machine = Name();
        string container = Name();
        const string serve = "mkdir /w; echo from $HOSTNAME > /w/index.html; exec httpd -f -p 80 -h /w";
        string Ask(string host) => $"for i in 1 2 3 4 5 6 7 8 9 10; do printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc {host} 80 | tail -n 1 | grep from && break; sleep 1; done";
        try
        {
            Assert.Equal(0, engine.Caisson("network", "create", network).Code);
            Assert.Equal(0, engine.Caisson("run", "-d", "--name", machine, "--hostname", "machine", "--network", network, "--runtime", "vm", "busybox", "sh", "-c", serve).Code);
            Assert.Equal(0, engine.Caisson("run", "-d", "--name", container, "--hostname", "container", "--network", network, "busybox", "sh", "-c", serve).Code);
            string Address(string name) => engine.Caisson("inspect", "-f", $"{{{{(index .NetworkSettings.Networks \"{network}\").IPAddress}}}}", name).Output.Trim();

            Assert.Equal("from container\n", engine.Caisson("exec", machine, "sh", "-c", Ask(Address(container))).Output);
            Assert.Equal("from machine\n", engine.Caisson("exec", container, "sh", "-c", Ask(Address(machine))).Output);
            Assert.Contains(Address(container), engine.Caisson("exec", machine, "nslookup", container).Output, StringComparison.Ordinal);
            Assert.Contains(Address(machine), engine.Caisson("exec", container, "nslookup", machine).Output, StringComparison.Ordinal);
        }
        finally
        {
            engine.Caisson("rm", "-f", machine, container);
            engine.Caisson("network", "rm", network);
        }
    }

    [Fact]
    public void What_a_machine_cannot_have_is_refused_by_name()
    {
        RequireMachines(engine);

        Answer answer = engine.Caisson("run", "--rm", "--runtime", "vm", "--pid", "host", "--network", "host", "busybox", "true");

        Assert.NotEqual(0, answer.Code);
        Assert.Contains("a machine has processes of its own", answer.Error, StringComparison.Ordinal);
        Assert.Contains("a machine has a network of its own", answer.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_plan_of_a_machine_can_be_read()
    {
        RequireMachines(engine);

        string plan = engine.Caisson("explain", "run", "--network", "none", "--runtime", "vm", "busybox", "true").Output;

        Assert.Contains("-machine microvm", plan, StringComparison.Ordinal);
        Assert.Contains("qmp_capabilities", plan, StringComparison.Ordinal);
        Assert.Contains("inside the machine:", plan, StringComparison.Ordinal);
        Assert.Contains("around the machine:", plan, StringComparison.Ordinal);
    }

    /// <summary>Skips the test where machines cannot run, and installs the kernel once.</summary>
    internal static void RequireMachines(Engine engine)
    {
        engine.SkipUnlessPublished();
        Assert.SkipUnless(Engine.Has("qemu-system-x86_64"), "needs QEMU (Debian: qemu-system-x86)");
        Assert.SkipUnless(Engine.Has("mkfs.erofs"), "needs mkfs.erofs (Debian: erofs-utils)");
        lock (Installing)
        {
            if (engine.Caisson("kernel", "ls", "-q").Output.Trim().Length == 0)
            {
                Answer installed = engine.Caisson("kernel", "install");
                Assert.SkipUnless(installed.Code == 0, $"needs Debian's kernel for clouds: {installed.Error}");
            }
        }
    }

    private static (string Output, int Code) Plain(Answer answer) => (answer.Output, answer.Code);

    private static string Name() => string.Create(CultureInfo.InvariantCulture, $"m{Guid.NewGuid():n}");

    private static string ReadCommand(string process)
    {
        try
        {
            return File.ReadAllText($"{process}/cmdline");
        }
        catch (IOException)
        {
            return ""; // it ended meanwhile
        }
    }
}
