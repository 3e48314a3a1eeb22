using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Plan;
using Xunit;

namespace Caisson.Machines.Tests;

public sealed class MachinePlanTests
{
    private static readonly MachineConfig Config = new()
    {
        Name = "caisson-1",
        MemoryBytes = 256 << 20,
        Processors = 2,
        KernelPath = "/boot/vmlinux",
        InitrdPath = "/boot/initrd",
        ImagePath = "/disks/image",
        DataPath = "/disks/data",
        Interfaces = ["02:00:00:00:00:01"],
    };

    private static readonly MachineFacts Facts = new() { QemuPath = "/usr/bin/qemu-system-x86_64", HasKvm = false, TimeStampKhz = 2_400_000, Processors = 4, MemoryBytes = 8L << 30 };

    private readonly List<Problem> _problems = [];

    [Fact]
    public void QEMU_is_given_a_small_machine_without_privileges()
    {
        MachinePlan plan = MachinePlan.Compile(Config, Facts, _problems);

        Assert.Empty(_problems);
        Assert.Equal("tcg", plan.Accelerator);
        Assert.Equal("256M", After(plan, "-m"));
        Assert.Equal("2", After(plan, "-smp"));
        Assert.StartsWith("microvm,", After(plan, "-machine"), StringComparison.Ordinal);
        Assert.Contains("spawn=deny", After(plan, "-sandbox"), StringComparison.Ordinal);
        Assert.Contains("elevateprivileges=deny", After(plan, "-sandbox"), StringComparison.Ordinal);
        Assert.Contains("tsc_early_khz=2400000 lpj=9600000", After(plan, "-append"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_machine_of_arm64_is_QEMUs_board_for_it_with_devices_in_the_same_order_inside()
    {
        MachineConfig config = Config with { Architecture = KernelArchitecture.Arm64, Interfaces = ["02:00:00:00:00:01", "02:00:00:00:00:02"] };

        MachinePlan plan = MachinePlan.Compile(config, Facts with { QemuPath = "/usr/bin/qemu-system-aarch64" }, _problems);

        Assert.Empty(_problems);
        Assert.StartsWith("virt,gic-version=2", After(plan, "-machine"), StringComparison.Ordinal);
        Assert.Equal("cortex-a57", After(plan, "-cpu"));
        Assert.Contains("console=ttyAMA0", After(plan, "-append"), StringComparison.Ordinal);
        Assert.DoesNotContain("tsc", After(plan, "-append"), StringComparison.Ordinal);
        Assert.Equal(["bus.4,netdev=net0", "bus.5,netdev=net1"], Interfaces(plan));
        Assert.Equal(["bus.6,netdev=net0", "bus.5,netdev=net1"], Interfaces(MachinePlan.Compile(config with { Architecture = KernelArchitecture.X64 }, Facts, _problems)));

        static string[] Interfaces(MachinePlan plan) =>
            [.. plan.Arguments.Where(argument => argument.StartsWith("virtio-net-device", StringComparison.Ordinal)).Select(argument => argument[argument.IndexOf("bus.", StringComparison.Ordinal)..argument.IndexOf(",mac", StringComparison.Ordinal)])];
    }

    [Fact]
    public void Disks_have_their_format_by_name_and_the_image_is_never_written_to()
    {
        MachinePlan plan = MachinePlan.Compile(Config, Facts, _problems);

        string[] disks = [.. plan.Arguments.Where((_, i) => i > 0 && plan.Arguments[i - 1] == "-blockdev")];
        Assert.Equal(2, disks.Length);
        Assert.All(disks, disk => Assert.StartsWith("driver=raw,", disk, StringComparison.Ordinal));
        Assert.Contains("read-only=on", disks[0], StringComparison.Ordinal);
        Assert.Contains("read-only=off", disks[1], StringComparison.Ordinal);
    }

    [Fact]
    public void With_KVM_the_processor_is_the_hosts_and_the_kernel_protects_itself()
    {
        MachinePlan plan = MachinePlan.Compile(Config, Facts with { HasKvm = true }, _problems);

        Assert.Equal("kvm", plan.Accelerator);
        Assert.Equal("host", After(plan, "-cpu"));
        Assert.DoesNotContain("mitigations=off", After(plan, "-append"), StringComparison.Ordinal);
    }

    [Fact]
    public void Everything_that_cannot_be_is_said_at_once()
    {
        MachinePlan.Compile(
            Config with { MemoryBytes = 1 << 20, Processors = 9, ImagePath = "/a,b", Interfaces = ["1", "2", "3", "4"] }, Facts, _problems);

        Assert.Equal(["/memory", "/processors", "/interfaces", "/paths"], _problems.Select(problem => problem.Path));
    }

    [Fact]
    public void A_person_can_read_it()
    {
        string text = MachinePlan.Compile(Config, Facts, _problems).Explain();

        Assert.Contains("accelerated by tcg", text, StringComparison.Ordinal);
        Assert.Contains("\n      -machine microvm", text, StringComparison.Ordinal);
        Assert.Contains("qmp_capabilities", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bogomips\t: 4800.01\n", 2_400_005)]
    [InlineData("processor : 0\nbogomips : none\n", 0)]
    [InlineData("", 0)]
    public void The_counters_frequency_is_half_of_BogoMIPS(string processors, long khz) => Assert.Equal(khz, MachineHostFacts.TimeStampKhz(processors));

    [Fact]
    public void Whether_KVM_runs_kernels_is_measured_and_the_same_each_time() => Assert.Equal(MachineHostFacts.HasKvm, MachineHostFacts.HasKvm);

    private static string After(MachinePlan plan, string option) => plan.Arguments[plan.Arguments.IndexOf(option) + 1];
}
