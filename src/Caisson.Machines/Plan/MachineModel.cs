using System.Collections.Immutable;
using System.Globalization;

using Caisson.Linux;

namespace Caisson.Machines.Plan;

/// <summary>What machines of two architectures do not share: QEMU's model of them, and what their kernel is told.</summary>
/// <remarks>
/// Both have their devices on virtio-mmio, and both kernels are started directly. Source: QEMU docs/system/i386/microvm, docs/system/arm/virt.
/// </remarks>
internal sealed record MachineModel
{
    private const long TimeStampKhzWithout = 2_000_000;

    /// <summary>Processors that the smaller of arm64's two controllers of interrupts serves.</summary>
    private const int SmallControllerMax = 8;

    /// <summary>QEMU's name of the board, with what of it is there.</summary>
    public required string Board { get; init; }

    /// <summary>The processor's model.</summary>
    public required string Processor { get; init; }

    /// <summary>Arguments that only this model needs.</summary>
    public ImmutableArray<string> Further { get; init; } = [];

    /// <summary>Whether the kernel numbers devices from the last place to the first.</summary>
    public required bool IsNumberedBackwards { get; init; }

    /// <summary>The kernel's command line.</summary>
    public required string CommandLine { get; init; }

    /// <summary>The model for machines of <paramref name="architecture"/>.</summary>
    public static MachineModel Of(KernelArchitecture architecture, int processors, MachineFacts facts) =>
        architecture == KernelArchitecture.Arm64 ? Arm64(processors, facts) : X64(facts);

    /// <summary>QEMU's <c>microvm</c>: no PCI, no BIOS tables to walk, devices that the kernel finds by ACPI. What was measured to cost time at boot is not there.</summary>
    private static MachineModel X64(MachineFacts facts)
    {
        long khz = facts.TimeStampKhz > 0 ? facts.TimeStampKhz : TimeStampKhzWithout;
        List<string> words =
        [
            "console=ttyS0", "quiet", "reboot=t", "panic=-1", "random.trust_cpu=on", "8250.nr_uarts=1",
            "no_timer_check", "noreplace-smp", "cryptomgr.notests",
        ];
        if (!facts.HasKvm)
        {
            // This machine has no other clock by which the kernel could find this out; without it, one boot in three hangs.
            // Nothing but the machine's own programs is in its memory, and an emulated processor does not speculate.
            words.AddRange(["tsc=reliable", string.Create(CultureInfo.InvariantCulture, $"tsc_early_khz={khz}"), string.Create(CultureInfo.InvariantCulture, $"lpj={khz * 4}"), "mitigations=off", "nokaslr"]);
        }
        return new MachineModel
        {
            Board = "microvm,acpi=on,pcie=off,pit=off,pic=off,rtc=on,usb=off,auto-kernel-cmdline=off",
            // A plain model is emulated faster than all that QEMU can do, and has what distributions are built for (x86-64-v2).
            Processor = facts.HasKvm ? "host" : "Nehalem-v1,+rdrand",
            IsNumberedBackwards = true,
            CommandLine = string.Join(' ', words),
        };
    }

    /// <summary>QEMU's <c>virt</c>, whose devices the kernel finds by a device tree.</summary>
    private static MachineModel Arm64(int processors, MachineFacts facts)
    {
        List<string> words = ["console=ttyAMA0", "quiet", "panic=-1", "random.trust_cpu=on", "random.trust_bootloader=on", "cryptomgr.notests"];
        if (!facts.HasKvm)
        {
            words.AddRange(["mitigations=off", "nokaslr"]);
        }
        string controller = facts.HasKvm ? "host" : processors > SmallControllerMax ? "3" : "2";
        return new MachineModel
        {
            Board = $"virt,gic-version={controller},acpi=off",
            // A plain model again: newer ones sign pointers, which emulation pays for at each call.
            Processor = facts.HasKvm ? "host" : "cortex-a57",
            Further = ["-global", "virtio-mmio.force-legacy=false"],
            IsNumberedBackwards = false,
            CommandLine = string.Join(' ', words),
        };
    }
}
