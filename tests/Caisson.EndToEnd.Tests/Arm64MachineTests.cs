using System.Globalization;
using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>Images of arm64 as machines on a host that is none: another kernel, another first process, the same commands.</summary>
public sealed class Arm64MachineTests(Engine engine) : IClassFixture<Engine>
{
    private const string Image = "arm-busybox";

    private static readonly Lock Preparing = new();
    private static readonly string[] Applets = ["cat", "echo", "httpd", "id", "ls", "mkdir", "nc", "nslookup", "ps", "sh", "sleep", "stty", "tail", "touch", "true", "tty", "uname"];

    [Fact]
    public void An_image_of_arm64_is_a_machine_here()
    {
        Prepare();

        Assert.Equal(("aarch64\n", 0), Run("uname", "-m"));
        Assert.Equal(("typed", 7), Plain(engine.CaissonWith("typed", "run", "--rm", "-i", "--platform", "linux/arm64", "--network", "none", "--runtime", "vm", Image, "sh", "-c", "cat; exit 7")));
    }

    [Fact]
    public void It_is_confined_inside_as_any_machine_is()
    {
        Prepare();

        (string output, int code) = Plain(engine.Caisson(
            "run", "--rm", "--init", "-u", "1000:1000", "--cap-drop", "all", "--platform", "linux/arm64", "--network", "none", "--runtime", "vm", Image,
            "sh", "-c", "id -u; cat /proc/1/comm; while read key value; do case $key in CapBnd:|NoNewPrivs:|Seccomp:) echo $key $value; esac; done < /proc/self/status; nosuch"));

        Assert.Equal(127, code);
        Assert.Equal("1000\ninit\nCapBnd: 0000000000000000\nNoNewPrivs: 1\nSeccomp: 2\n", output);
    }

    [Fact]
    public void It_is_used_as_any_machine_is_while_it_runs()
    {
        Prepare();
        string name = Name();
        string shared = engine.NewDirectory(name);
        File.SetUnixFileMode(shared, (UnixFileMode)0x1FF);
        File.WriteAllText($"{shared}/from-outside", "outside\n");
        try
        {
            Assert.Equal(0, engine.Caisson(
                "run", "-d", "--name", name, "--platform", "linux/arm64", "--network", "none", "-v", $"{shared}:/shared", "--runtime", "vm", Image,
                "sh", "-c", "trap 'echo asked; exit 3' TERM; echo up; while :; do sleep 0.1; done").Code);

            Assert.Equal(("inside\n", 4), Plain(engine.Caisson("exec", name, "sh", "-c", "echo inside; exit 4"))); // waits for the boot
            Assert.Equal(("outside\n", 0), Plain(engine.Caisson("exec", name, "sh", "-c", "cat /shared/from-outside; echo inside > /shared/from-inside")));
            Assert.Equal("inside\n", File.ReadAllText($"{shared}/from-inside"));
            Assert.NotEqual(0, engine.Caisson("cp", $"{shared}/from-outside", $"{name}:/copied").Code);
            Assert.Contains("use a volume", engine.Caisson("diff", name).Error, StringComparison.Ordinal);
            Assert.Equal(0, engine.Caisson("exec", name, "touch", "/kept").Code);
            Assert.Equal(200_000, engine.Caisson("exec", name, "sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo 123456789; i=$((i+1)); done").Output.Length);
            engine.Kill(); // the machine goes on without an engine
            Assert.Equal(("aarch64\n", 0), Plain(engine.Caisson("exec", name, "uname", "-m")));
            Assert.Equal(0, engine.Caisson("stop", name).Code);
            Assert.Equal("up\nasked\n", engine.Caisson("logs", name).Output);
            Assert.Equal("3", engine.Caisson("inspect", "-f", "{{.State.ExitCode}}", name).Output.Trim());
            Assert.Equal(0, engine.Caisson("start", name).Code);
            Assert.Equal(0, engine.Caisson("exec", name, "ls", "/kept").Code);
        }
        finally
        {
            engine.Caisson("rm", "-f", name);
        }
    }

    [Fact]
    public void It_is_in_the_network_of_containers_and_has_a_terminal()
    {
        Prepare();
        Assert.SkipUnless(File.Exists("/dev/net/tun"), "needs /dev/net/tun");
        string name = Name();
        try
        {
            Assert.Equal(0, engine.Caisson("network", "create", name).Code);
            Assert.Equal(0, engine.Caisson(
                "run", "-d", "--name", name, "--platform", "linux/arm64", "--network", name, "--runtime", "vm", Image,
                "sh", "-c", "mkdir /w; echo from $(uname -m) > /w/index.html; exec httpd -f -p 80 -h /w").Code);

            Assert.Equal(0, engine.Caisson("exec", name, "true").Code); // waits for the boot
            string asked = engine.Caisson(
                "run", "--rm", "--network", name, "busybox", "sh", "-c", $"for i in 1 2 3 4 5 6 7 8 9 10; do wget -q -O - http://{name}/ && break; sleep 1; done").Output;

            Assert.Equal("from aarch64\n", asked);
            Assert.Contains("Name:", engine.Caisson("exec", name, "nslookup", name).Output, StringComparison.Ordinal);
            using TerminalSession session = engine.InTerminal("caisson", 33, 77, "exec", "-it", name, "sh", "-c", "sleep 0.3; stty size; tty");
            session.WaitFor("33 77");
            session.WaitFor("/dev/pts/0");
        }
        finally
        {
            engine.Caisson("rm", "-f", name);
            engine.Caisson("network", "rm", name);
        }
    }

    [Fact]
    public void The_plan_of_such_a_machine_is_its_own()
    {
        Prepare();

        string plan = engine.Caisson("explain", "run", "--platform", "linux/arm64", "--network", "none", "--runtime", "vm", Image, "uname", "-m").Output;

        Assert.Contains("qemu-system-aarch64, accelerated by tcg", plan, StringComparison.Ordinal);
        Assert.Contains("-machine virt", plan, StringComparison.Ordinal);
        Assert.Contains("arm64", engine.Caisson("kernel", "ls", "--format", "{{.Architecture}}").Output, StringComparison.Ordinal);
    }

    private (string Output, int Code) Run(params string[] command) =>
        Plain(engine.Caisson(["run", "--rm", "--platform", "linux/arm64", "--network", "none", "--runtime", "vm", Image, .. command]));

    /// <summary>Skips the test where such machines cannot run; makes the image and installs the kernel once, and sees that without it the command that does so is named.</summary>
    private void Prepare()
    {
        engine.SkipUnlessPublished();
        Assert.SkipUnless(Engine.Has("qemu-system-aarch64"), "needs QEMU for arm64 (Debian: qemu-system-arm)");
        Assert.SkipUnless(Engine.Has("mkfs.erofs"), "needs mkfs.erofs (Debian: erofs-utils)");
        Assert.SkipUnless(Engine.Has("apt-get") && Engine.Has("dpkg-deb"), "needs apt, which has Debian's packages for arm64");
        lock (Preparing)
        {
            if (engine.Caisson("image", "inspect", Image).Code == 0)
            {
                return;
            }
            string archive = MakeImage();
            Answer imported = engine.Caisson("import", "--platform", "linux/arm64", archive, Image);
            Assert.True(imported.Code == 0, imported.ToString());

            Assert.Contains("caisson kernel install --arch arm64", engine.Caisson(
                "run", "--rm", "--platform", "linux/arm64", "--network", "none", "--runtime", "vm", Image, "true").Error, StringComparison.Ordinal);
            Answer installed = engine.Caisson("kernel", "install", "--arch", "arm64");
            Assert.SkipUnless(installed.Code == 0, $"needs Debian's kernel for clouds of arm64: {installed.Error}");
        }
    }

    /// <summary>A root file system of Debian's static busybox for arm64, as an archive.</summary>
    private string MakeImage()
    {
        string home = engine.NewDirectory("arm64-packages");
        Directory.CreateDirectory($"{home}/state/lists/partial");
        Directory.CreateDirectory($"{home}/cache/archives/partial");
        File.WriteAllText($"{home}/status", "");
        File.WriteAllText(
            $"{home}/settings",
            $$"""
            APT::Architecture "arm64";
            APT::Architectures { "arm64"; };
            APT::Sandbox::User "root";
            Acquire::Languages "none";
            Dir::State "{{home}}/state";
            Dir::State::status "{{home}}/status";
            Dir::Cache "{{home}}/cache";

            """);
        Answer answer = engine.Host(
            "sh", "-ec", $"cd {home}; apt-get -q -c settings update >&2; apt-get -q -c settings download busybox-static >&2; dpkg-deb -x *.deb tree; mkdir root root/bin; cp tree/bin/busybox root/bin || cp tree/usr/bin/busybox root/bin; "
                + $"for applet in {string.Join(' ', Applets)}; do ln -s busybox root/bin/$applet; done; mkdir -m 1777 root/tmp; tar -C root -cf root.tar .");
        Assert.SkipUnless(answer.Code == 0, $"needs Debian's busybox-static for arm64: {answer.Error}");
        return $"{home}/root.tar";
    }

    private static (string Output, int Code) Plain(Answer answer) => (answer.Output, answer.Code);

    private static string Name() => string.Create(CultureInfo.InvariantCulture, $"a{Guid.NewGuid():n}");
}
