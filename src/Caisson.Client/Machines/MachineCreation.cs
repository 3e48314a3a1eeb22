namespace Caisson.Client.Machines;

/// <summary>A full machine to be made; what is left as it is, the engine chooses.</summary>
public sealed class MachineCreation
{
    /// <summary>Its name; empty for one of the engine's.</summary>
    public string Name { get; init; } = "";

    /// <summary>Memory in bytes; 0 for a gigabyte.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>To how much it may grow, in bytes; 0 for no growth.</summary>
    public long MemoryMaxBytes { get; init; }

    /// <summary>Processors; 0 for one.</summary>
    public long Processors { get; init; }

    /// <summary>To how many it may grow; 0 for no growth.</summary>
    public long ProcessorsMax { get; init; }

    /// <summary>QEMU's name of a processor's model; empty for the engine's choice.</summary>
    public string CpuModel { get; init; } = "";

    /// <summary><c>bios</c> or <c>uefi</c>; empty for the first.</summary>
    public string Firmware { get; init; } = "";

    /// <summary>With signatures checked from the firmware on.</summary>
    public bool SecureBoot { get; init; }

    /// <summary>With a TPM 2.0.</summary>
    public bool Tpm { get; init; }

    /// <summary>Its disks are encrypted.</summary>
    public bool Encrypt { get; init; }

    /// <summary>By which passphrase; empty for one of the engine's.</summary>
    public string Passphrase { get; init; } = "";

    /// <summary>Path, on the engine's host, of a kernel; empty to start from a disk.</summary>
    public string Kernel { get; init; } = "";

    /// <summary>Path of the kernel's first file system; empty for none.</summary>
    public string Initrd { get; init; } = "";

    /// <summary>The kernel's command line.</summary>
    public string CommandLine { get; init; } = "";

    /// <summary>Its disks.</summary>
    public IReadOnlyList<MachineDisk> Disks { get; init; } = [];

    /// <summary>Paths, on the engine's host, of media for its drives; an empty text is an empty drive.</summary>
    public IReadOnlyList<string> Cdroms { get; init; } = [];

    /// <summary>Its interfaces; null for one in the default network.</summary>
    public IReadOnlyList<MachineNetwork>? Networks { get; init; }

    /// <summary>Ports of the host by port of the machine.</summary>
    public IReadOnlyList<MachinePort> Ports { get; init; } = [];

    /// <summary>What it is told at its first start; null for nothing.</summary>
    public MachineSeed? Seed { get; init; }

    /// <summary>What is tried in order: <c>disk</c>, <c>cdrom</c>, <c>network</c>.</summary>
    public IReadOnlyList<string> Boot { get; init; } = [];

    /// <summary>It starts with the engine.</summary>
    public bool Autostart { get; init; }

    /// <summary>Of those that start with the engine, lower numbers go first.</summary>
    public long StartOrder { get; init; }

    /// <summary>Seconds to wait after its start.</summary>
    public long StartDelaySeconds { get; init; }

    /// <summary><c>no</c>, <c>on-failure</c> or <c>always</c>; empty for the first.</summary>
    public string RestartPolicy { get; init; } = "";

    /// <summary>What the user says about it.</summary>
    public string Description { get; init; } = "";
}

/// <summary>A disk to be made: a copy of a file, or an empty one.</summary>
/// <param name="Source">Path, on the engine's host, of what is copied; empty for an empty disk.</param>
/// <param name="Bytes">Its size; 0 for the source's.</param>
public sealed record MachineDisk(string Source, long Bytes)
{
    /// <summary>Its name; empty for the next free one.</summary>
    public string Name { get; init; } = "";

    /// <summary><c>raw</c> or <c>qcow2</c>; empty to look.</summary>
    public string Format { get; init; } = "";

    /// <summary><c>virtio</c> or <c>sata</c>; empty for the first.</summary>
    public string Bus { get; init; } = "";

    /// <summary><c>writeback</c>, <c>none</c> or <c>unsafe</c>; empty for the first.</summary>
    public string Cache { get; init; } = "";

    /// <summary>How much of it a second; null for no limit.</summary>
    public MachineDiskRate? Rate { get; init; }
}

/// <summary>An interface to be made.</summary>
/// <param name="Network">The network; empty for the default one.</param>
public sealed record MachineNetwork(string Network)
{
    /// <summary>Its name; empty for the next free one.</summary>
    public string Name { get; init; } = "";

    /// <summary>Its hardware address; empty for one of the engine's.</summary>
    public string HardwareAddress { get; init; } = "";

    /// <summary>Its address; empty for any.</summary>
    public string IPv4 { get; init; } = "";

    /// <summary><c>virtio</c> or <c>e1000e</c>; empty for the first.</summary>
    public string Model { get; init; } = "";
}

/// <summary>A port of the host that leads to one of the machine.</summary>
/// <param name="HostAddress">Empty for the default.</param>
/// <param name="HostPort">Empty for any.</param>
/// <param name="Port">Such as <c>80/tcp</c>.</param>
public sealed record MachinePort(string HostAddress, string HostPort, string Port);
