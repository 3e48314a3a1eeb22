using Xunit;

namespace Caisson.Cli.Tests.Commands;

/// <summary>What the commands for full machines send and print.</summary>
public sealed class MachineCommandTests
{
    private const string Machine = """
        {"Id":"53b3c1d2e4f5aabbccddeeff00112233","Name":"deb","State":"running","Error":"","Created":"2026-01-02T03:04:05Z","StartedAt":"2026-01-02T03:04:06Z","Pid":7,
        "Accelerator":"tcg","Processors":2,"ProcessorsMax":4,"Memory":1073741824,"MemoryMax":2147483648,"Firmware":"uefi","SecureBoot":true,"Tpm":true,"RestartPolicy":"no","Autostart":true,
        "Disks":[{"Name":"disk0","Size":21474836480,"Used":1048576,"Bus":"virtio","Cache":"writeback","Backing":["aabbccddeeff0011/disk0"]}],"Drives":[{"Name":"cd0","Path":""}],
        "Interfaces":[{"Name":"net0","Network":"bridge","HardwareAddress":"02:00:00:00:00:01","IPv4":"172.17.0.2","IPv6":"","Ports":["127.0.0.1:80->80/tcp"]}],
        "Snapshots":[{"Name":"one","Parent":"","Created":"2026-01-02T03:04:05Z","Memory":true,"Description":"clean"},{"Name":"two","Parent":"one","Created":"2026-01-02T03:04:05Z","Memory":false,"Description":""},
        {"Name":"three","Parent":"one","Created":"2026-01-02T03:04:05Z","Memory":true,"Description":""},{"Name":"four","Parent":"two","Created":"2026-01-02T03:04:05Z","Memory":true,"Description":""}],
        "CurrentSnapshot":"three","VncPath":""}
        """;

    [Theory]
    [InlineData("POST /v1.43/caisson/machines/deb/start ", "machine", "start", "deb")]
    [InlineData("POST /v1.43/caisson/machines/deb/stop?force=1 ", "machine", "stop", "-f", "deb")]
    [InlineData("POST /v1.43/caisson/machines/deb/stop?timeout=5 ", "machine", "stop", "--timeout", "5", "deb")]
    [InlineData("POST /v1.43/caisson/machines/deb/reboot ", "machine", "reboot", "deb")]
    [InlineData("POST /v1.43/caisson/machines/deb/pause ", "machine", "pause", "deb")]
    [InlineData("POST /v1.43/caisson/machines/deb/resume ", "machine", "resume", "deb")]
    [InlineData("DELETE /v1.43/caisson/machines/deb?force=1 ", "machine", "rm", "-f", "deb")]
    [InlineData("POST /v1.43/caisson/machines/deb/rename?name=web ", "machine", "rename", "deb", "web")]
    [InlineData("POST /v1.43/caisson/machines/deb/clone?name=web&linked=1 ", "machine", "clone", "--linked", "deb", "web")]
    [InlineData("POST /v1.43/caisson/machines/deb/template?undo=1 ", "machine", "template", "--undo", "deb")]
    [InlineData("POST /v1.43/caisson/machines/deb/snapshots?name=a&description=b ", "machine", "snapshot", "--description", "b", "deb", "a")]
    [InlineData("DELETE /v1.43/caisson/machines/deb/snapshots/a ", "machine", "snapshot", "--delete", "deb", "a")]
    [InlineData("POST /v1.43/caisson/machines/deb/restore?name=a ", "machine", "restore", "deb", "a")]
    [InlineData("POST /v1.43/caisson/machines/deb/detach?device=disk1&delete=1 ", "machine", "detach", "--delete", "deb", "disk1")]
    [InlineData("""{"Disk":{"Bytes":1073741824,"Name":"data"}}""", "machine", "attach", "--disk", "1g,name=data", "deb")]
    [InlineData("""{"Network":{"Network":"back","IPv4":"10.0.0.5"}}""", "machine", "attach", "--network", "back,ip=10.0.0.5", "deb")]
    [InlineData("""{"Memory":4294967296,"Processors":4,"Autostart":true,"DiskSizes":{"disk0":42949672960},"Media":{"cd0":""}}""",
        "machine", "set", "--memory", "4g", "--cpus", "4", "--autostart", "yes", "--disk-size", "disk0=40g", "--cdrom", "cd0=", "deb")]
    [InlineData(
        """[{"Verb":"stop","When":"0 18 * * 1-5","Keep":0},{"Verb":"snapshot","When":"@daily","Keep":7}],"DiskRates":{"disk0":{"Bytes":10485760,"ReadBytes":0,"WriteBytes":0,"Requests":500,""",
        "machine", "set", "--schedule", "stop 0 18 * * 1-5", "--schedule", "snapshot:7 @daily", "--disk-rate", "disk0=bps:10m,iops:500", "deb")]
    [InlineData("""{"Cmd":["uname","-a"],"Env":["A=b"]}""", "machine", "exec", "-e", "A=b", "deb", "uname", "-a")]
    [InlineData(
        """{"Name":"deb","Memory":2147483648,"Processors":2,"Firmware":"uefi","Disks":[{"Source":"/d.qcow2","Bytes":21474836480,"Bus":"sata"},{"Bytes":1048576}],"Cdroms":["/i.iso"],"Networks":[{"Network":"back"}],"Ports":{"80/tcp":[{"HostPort":"8080"}]},"Boot":["cdrom","disk"],"RestartPolicy":"always"}""",
        "machine", "create", "-m", "2g", "--cpus", "2", "--firmware", "uefi", "--disk", "/d.qcow2,size=20g,bus=sata", "--disk", "1m", "--cdrom", "/i.iso", "--network", "back", "-p", "8080:80",
        "--boot", "cdrom,disk", "--restart", "always", "deb")]
    public void The_engine_is_sent_what_was_asked_for(string expected, params string[] words)
    {
        using var server = OutputTests.Answering(Machine);
        var command = new CommandRunner();

        int exitCode = command.Run(server, words);

        Assert.True(exitCode == 0, command.Error);
        Assert.Contains(expected, server.Requests[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Machines_are_listed() => Golden("machine-list.txt", $"[{Machine}]", "machine", "list");

    [Fact]
    public void A_machine_is_described() => Golden("machine-info.txt", Machine, "machine", "info", "deb");

    [Fact]
    public void Snapshots_are_a_tree() => Golden("machine-snapshots.txt", Machine, "machine", "snapshots", "deb");

    [Theory]
    [InlineData("help-machine.txt", "machine")]
    [InlineData("help-machine-create.txt", "help", "machine", "create")]
    public void Help_says_everything(string file, params string[] words)
    {
        var command = new CommandRunner();

        command.Run(words);

        GoldenFile.Match(file, command.Output);
    }

    [Theory]
    [InlineData("there is no option speed", "--disk", "1g,speed=9")]
    [InlineData("'x' is not written as name=value", "--disk", "1g,x")]
    [InlineData("there is no option vlan", "--network", "back,vlan=9")]
    public void What_is_said_of_a_device_wrongly_is_refused(string complaint, params string[] words)
    {
        var command = new CommandRunner();

        int exitCode = command.Run(["machine", "create", .. words]);

        Assert.NotEqual(0, exitCode);
        Assert.Contains(complaint, command.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void What_waits_for_the_next_start_is_said()
    {
        using var server = OutputTests.Answering("""{"Warnings":["processors: it has 1 until its next start"]}""");
        var command = new CommandRunner();

        command.Run(server, "machine", "set", "--cpus", "2", "deb");

        Assert.Equal("processors: it has 1 until its next start\n", command.Error);
    }

    private static void Golden(string file, string answer, params string[] words)
    {
        using var server = OutputTests.Answering(answer);
        var command = new CommandRunner();

        command.Run(server, words);

        GoldenFile.Match(file, command.Output);
    }
}
