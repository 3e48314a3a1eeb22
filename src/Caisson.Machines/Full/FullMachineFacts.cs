using Caisson.Errors;
using Caisson.Machines.Plan;

namespace Caisson.Machines.Full;

/// <summary>What the plan of a full machine must know of the host.</summary>
public sealed record FullMachineFacts
{
    private const string FirmwareDirectory = "/usr/share/OVMF";

    /// <summary>The QEMU to run.</summary>
    public required string QemuPath { get; init; }

    /// <summary>Whether this host's KVM runs kernels.</summary>
    public required bool HasKvm { get; init; }

    /// <summary>How many processors the host has.</summary>
    public required int Processors { get; init; }

    /// <summary>The host's memory in bytes.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>Whether OVMF is installed.</summary>
    public required bool HasUefi { get; init; }

    /// <summary>The TPM's program; null where it is not installed.</summary>
    public string? TpmPath { get; init; }

    /// <summary>OVMF's code.</summary>
    /// <param name="secure">With the check of signatures, which needs system management mode.</param>
    public static string CodePath(bool secure) => $"{FirmwareDirectory}/{(secure ? "OVMF_CODE_4M.secboot.fd" : "OVMF_CODE_4M.fd")}";

    /// <summary>OVMF's variables as they are at first.</summary>
    /// <param name="secure">With keys enrolled.</param>
    public static string VariablesPath(bool secure) => $"{FirmwareDirectory}/{(secure ? "OVMF_VARS_4M.ms.fd" : "OVMF_VARS_4M.fd")}";

    /// <summary>Reads them.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: QEMU is not installed.</exception>
    public static FullMachineFacts Read(int processors, long memoryBytes)
    {
        MachineFacts host = MachineHostFacts.Read(processors, memoryBytes);
        return new FullMachineFacts
        {
            QemuPath = host.QemuPath,
            HasKvm = host.HasKvm,
            Processors = processors,
            MemoryBytes = memoryBytes,
            HasUefi = File.Exists(CodePath(secure: false)) && File.Exists(VariablesPath(secure: false)) && File.Exists(CodePath(secure: true)) && File.Exists(VariablesPath(secure: true)),
            TpmPath = File.Exists("/usr/bin/swtpm") ? "/usr/bin/swtpm" : null,
        };
    }
}
