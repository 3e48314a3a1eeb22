using System.Globalization;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Kvm;

namespace Caisson.Machines.Plan;

/// <summary>Finds out what a machine's plan must know of the host.</summary>
public static class MachineHostFacts
{
    private static readonly string[] QemuPaths = ["/usr/bin/qemu-system-x86_64", "/usr/local/bin/qemu-system-x86_64"];

    /// <summary>How long the loop takes at most where a processor runs it: a hundred times what it needs, a tenth of what emulation needs.</summary>
    private static readonly TimeSpan NativeMax = TimeSpan.FromMilliseconds(2);

    private static readonly Lazy<bool> Kvm = new(() => RingZeroLoop.TryMeasure() is { } taken && taken < NativeMax);

    /// <summary>Whether KVM runs kernels here; measured once.</summary>
    public static bool HasKvm => Kvm.Value;

    /// <summary>Reads them.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: QEMU is not installed.</exception>
    public static MachineFacts Read(int processors, long memoryBytes) => new()
    {
        QemuPath = QemuPaths.FirstOrDefault(File.Exists)
            ?? throw new CaissonException(ErrorKind.FailedPrecondition, "machines need QEMU, which is not installed on this host; install it (Debian: apt-get install qemu-system-x86)"),
        HasKvm = HasKvm,
        TimeStampKhz = TimeStampKhz(HostFiles.TryReadText("/proc/cpuinfo") ?? ""),
        Processors = processors,
        MemoryBytes = memoryBytes,
    };

    /// <summary>Half of the kernel's BogoMIPS, which it takes from the counter's frequency where it knows that. Source: kernel init/calibrate.c.</summary>
    internal static long TimeStampKhz(string processors)
    {
        string? line = processors.Split('\n').FirstOrDefault(line => line.StartsWith("bogomips", StringComparison.Ordinal));
        return line is not null && double.TryParse(line.AsSpan(line.IndexOf(':') + 1).Trim(), CultureInfo.InvariantCulture, out double mips) && mips is > 100 and < 100_000
            ? (long)Math.Round(mips * 500)
            : 0;
    }
}
