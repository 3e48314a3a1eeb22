using System.Globalization;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Kvm;

namespace Caisson.Machines.Plan;

/// <summary>Finds out what a machine's plan must know of the host.</summary>
public static class MachineHostFacts
{
    private static readonly string[] QemuDirectories = ["/usr/bin", "/usr/local/bin"];

    /// <summary>How long the loop takes at most where a processor runs it: a hundred times what it needs, a tenth of what emulation needs.</summary>
    private static readonly TimeSpan NativeMax = TimeSpan.FromMilliseconds(2);

    private static readonly Lazy<bool> Kvm = new(() => RingZeroLoop.TryMeasure() is { } taken && taken < NativeMax);

    /// <summary>Whether KVM runs kernels of this host's own architecture here; measured once.</summary>
    public static bool HasKvm => Kvm.Value;

    /// <summary>Whether KVM runs kernels of <paramref name="architecture"/> here.</summary>
    public static bool HasKvmFor(KernelArchitecture architecture) => architecture == KernelArchitectures.Own && HasKvm;

    /// <summary>Reads them.</summary>
    /// <param name="processors">How many the host has.</param>
    /// <param name="memoryBytes">The host's memory.</param>
    /// <param name="architecture">Of the machine.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: QEMU for it is not installed.</exception>
    public static MachineFacts Read(int processors, long memoryBytes, KernelArchitecture architecture = KernelArchitectures.Own) => new()
    {
        QemuPath = FindQemu(architecture),
        HasKvm = HasKvmFor(architecture),
        TimeStampKhz = TimeStampKhz(HostFiles.TryReadText("/proc/cpuinfo") ?? ""),
        Processors = processors,
        MemoryBytes = memoryBytes,
    };

    private static string FindQemu(KernelArchitecture architecture)
    {
        bool isArm = architecture == KernelArchitecture.Arm64;
        return QemuDirectories.Select(directory => $"{directory}/qemu-system-{architecture.MachineName()}").FirstOrDefault(File.Exists)
            ?? throw new CaissonException(
                ErrorKind.FailedPrecondition,
                $"machines{(isArm ? " of arm64" : "")} need QEMU{(isArm ? " for it" : "")}, which is not installed on this host; install it (Debian: apt-get install qemu-system-{(isArm ? "arm" : "x86")})");
    }

    /// <summary>Half of the kernel's BogoMIPS, which it takes from the counter's frequency where it knows that. Source: kernel init/calibrate.c.</summary>
    internal static long TimeStampKhz(string processors)
    {
        string? line = processors.Split('\n').FirstOrDefault(line => line.StartsWith("bogomips", StringComparison.Ordinal));
        return line is not null && double.TryParse(line.AsSpan(line.IndexOf(':') + 1).Trim(), CultureInfo.InvariantCulture, out double mips) && mips is > 100 and < 100_000
            ? (long)Math.Round(mips * 500)
            : 0;
    }
}
