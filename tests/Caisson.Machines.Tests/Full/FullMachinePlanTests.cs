using System.Text.Json;

using Caisson.Errors;
using Caisson.Machines.Full;
using Xunit;

namespace Caisson.Machines.Tests.Full;

public sealed class FullMachinePlanTests
{
    private static readonly string Id = new('a', 64);

    private static readonly FullMachineFacts Facts = new()
    {
        QemuPath = "/usr/bin/qemu-system-x86_64",
        HasKvm = false,
        Processors = 4,
        MemoryBytes = 8L << 30,
        HasUefi = true,
        TpmPath = "/usr/bin/swtpm",
    };

    private static readonly FullMachineConfig Config = new()
    {
        MemoryBytes = 256 << 20,
        Processors = 1,
        Disks = [new FullDisk { Name = "disk0", Bytes = 1 << 30 }],
        Drives = [new FullDrive { Name = "cd0", Path = "/srv/x.iso" }],
        Interfaces = [new FullInterface { Name = "net0", Port = 1 }],
    };

    private readonly List<Problem> _problems = [];

    [Fact]
    public void QEMU_begins_stopped_without_a_network_of_its_own_and_without_new_programs()
    {
        FullMachinePlan plan = FullMachinePlan.Compile(Id, "deb", Config, Facts, _problems);

        Assert.Empty(_problems);
        Assert.Contains("-S", plan.Arguments);
        Assert.Contains("-nodefaults", plan.Arguments);
        Assert.Contains("spawn=deny", After(plan, "-sandbox"), StringComparison.Ordinal);
        Assert.DoesNotContain("-netdev", plan.Arguments);
        Assert.Equal(["system_reset", "cont"], plan.Conversation.Select(step => step.Command));
    }

    [Fact]
    public void Every_file_of_a_disk_has_its_format_by_name_and_the_last_has_nothing_below_it()
    {
        FullMachineConfig config = Config with { Disks = [new FullDisk { Name = "disk0", Bytes = 1 << 30, Backing = ["b1/disk0", "b2/root"] }] };

        FullMachinePlan plan = FullMachinePlan.Compile(Id, "deb", config, Facts, _problems);

        using JsonDocument node = JsonDocument.Parse(After(plan, "-blockdev"));
        JsonElement top = node.RootElement;
        JsonElement middle = top.GetProperty("backing");
        JsonElement last = middle.GetProperty("backing");
        Assert.All((JsonElement[])[top, middle, last], one => Assert.Equal("qcow2", one.GetProperty("driver").GetString()));
        Assert.Equal("/machine/disks/disk0.qcow2", top.GetProperty("file").GetProperty("filename").GetString());
        Assert.Equal("/machine/bases/b2/root.qcow2", last.GetProperty("file").GetProperty("filename").GetString());
        Assert.True(middle.GetProperty("read-only").GetBoolean());
        Assert.Equal(JsonValueKind.Null, last.GetProperty("backing").ValueKind);
    }

    [Fact]
    public void The_order_of_starting_is_the_disks_then_the_drives_unless_it_is_said()
    {
        string[] usual = Devices(FullMachinePlan.Compile(Id, "deb", Config, Facts, _problems));
        string[] other = Devices(FullMachinePlan.Compile(Id, "deb", Config with { Boot = ["cdrom", "disk"] }, Facts, _problems));

        Assert.Contains("\"bootindex\":1", usual.Single(device => device.Contains("virtio-blk", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Contains("\"bootindex\":2", usual.Single(device => device.Contains("ide-cd", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Contains("\"bootindex\":1", other.Single(device => device.Contains("ide-cd", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    public void UEFI_has_variables_that_snapshots_keep_and_secure_boot_needs_them_guarded()
    {
        FullMachineConfig config = Config with { Firmware = MachineFirmware.Uefi, SecureBoot = true };

        FullMachinePlan plan = FullMachinePlan.Compile(Id, "deb", config, Facts, _problems);

        Assert.Contains("pflash1=vars", After(plan, "-machine"), StringComparison.Ordinal);
        Assert.Contains("smm=on", After(plan, "-machine"), StringComparison.Ordinal);
        Assert.Contains("driver=cfi.pflash01,property=secure,value=on", plan.Arguments);
        Assert.Equal(["disk0", "vars"], FullMachinePlan.SnapshotNodes(config));
    }

    [Fact]
    public void What_cannot_be_is_said_at_once_and_all_of_it()
    {
        FullMachineConfig config = Config with
        {
            MemoryBytes = 3 << 20,
            Processors = 0,
            CpuModel = "host;rm",
            Firmware = MachineFirmware.Uefi,
            Tpm = true,
            Boot = ["floppy"],
            Disks = [new FullDisk { Name = "../x", Bus = "scsi", Cache = "much" }],
        };

        FullMachinePlan.Compile(Id, "deb", config, Facts with { HasUefi = false, TpmPath = null }, _problems);

        Assert.Equal(
            ["/boot", "/cpuModel", "/disks/../x", "/disks/../x/bus", "/disks/../x/cache", "/firmware", "/memory", "/memory", "/processors", "/tpm"],
            _problems.Select(problem => problem.Path).Order(StringComparer.Ordinal));
        Assert.Contains("apt-get install ovmf", string.Join(' ', _problems), StringComparison.Ordinal);
        Assert.Contains("apt-get install swtpm", string.Join(' ', _problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Ports_are_given_from_the_lowest_and_end()
    {
        FullMachineConfig full = Config with { Disks = [.. Enumerable.Range(0, FullMachinePlan.PortsMax).Select(port => new FullDisk { Name = $"disk{port}", Port = port })] };

        Assert.Equal(2, FullMachinePlan.FreePort(Config));
        Assert.Null(FullMachinePlan.FreePort(full));
        Assert.Equal(1, FullMachinePlan.FreeSataPort(Config));
    }

    private static string After(FullMachinePlan plan, string option) => plan.Arguments[plan.Arguments.IndexOf(option) + 1];

    private static string[] Devices(FullMachinePlan plan) => [.. plan.Arguments.Where((_, i) => i > 0 && plan.Arguments[i - 1] == "-device")];
}
