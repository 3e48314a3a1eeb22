namespace Caisson.Machines.Full;

/// <summary>What a machine begins with before its operating system.</summary>
public enum MachineFirmware
{
    /// <summary>SeaBIOS.</summary>
    Bios,

    /// <summary>OVMF, with variables of its own for each machine.</summary>
    Uefi,
}

/// <summary>The hardware of a full machine: one with an operating system of its own, on disks of its own. Immutable; kept in the state store.</summary>
/// <remarks>Devices keep their names and places, so that a snapshot of memory finds them again.</remarks>
public sealed record FullMachineConfig
{
    /// <summary>Memory in bytes, a multiple of two megabytes: what the machine has when it starts.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>To how much it may grow while it runs, in bytes; 0 for no growth.</summary>
    public long MemoryMaxBytes { get; init; }

    /// <summary>How many processors it has.</summary>
    public int Processors { get; init; }

    /// <summary>To how many it may grow while it runs; 0 for no growth.</summary>
    public int ProcessorsMax { get; init; }

    /// <summary>QEMU's name of the processor's model; empty for the host's under KVM, and for one of distributions' baseline without.</summary>
    public string CpuModel { get => field ?? ""; init; } = "";

    /// <summary>What it begins with.</summary>
    public MachineFirmware Firmware { get; init; }

    /// <summary>The firmware starts only what is signed with the keys that distributions and Microsoft use.</summary>
    public bool SecureBoot { get; init; }

    /// <summary>It has a TPM 2.0, whose state belongs to it.</summary>
    public bool Tpm { get; init; }

    /// <summary>It starts a kernel of its directory instead of a disk's.</summary>
    public bool HasKernel { get; init; }

    /// <summary>With the kernel goes a first file system.</summary>
    public bool HasInitrd { get; init; }

    /// <summary>The kernel's command line; only with <see cref="HasKernel"/>.</summary>
    public string CommandLine { get => field ?? ""; init; } = "";

    /// <summary>It has a small disk, read only, that tells it who it is when it starts for the first time.</summary>
    public bool HasSeed { get; init; }

    /// <summary>All its disks are encrypted, by LUKS within qcow2 and one passphrase, which QEMU gets by a pipe.</summary>
    public bool IsEncrypted { get; init; }

    /// <summary>Its disks; the first is what it starts from.</summary>
    public IReadOnlyList<FullDisk> Disks { get => field ?? []; init; } = [];

    /// <summary>Its drives for media that are read only.</summary>
    public IReadOnlyList<FullDrive> Drives { get => field ?? []; init; } = [];

    /// <summary>Its network interfaces.</summary>
    public IReadOnlyList<FullInterface> Interfaces { get => field ?? []; init; } = [];

    /// <summary>What is tried in order: <c>disk</c>, <c>cdrom</c>, <c>network</c>; empty for that order without the network.</summary>
    public IReadOnlyList<string> Boot { get => field ?? []; init; } = [];
}

/// <summary>A disk of a machine: a qcow2 file of its directory.</summary>
public sealed record FullDisk
{
    /// <summary>Unique in the machine, also the file's name and the disk's serial number: <c>disk0</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The size that the machine sees, in bytes.</summary>
    public long Bytes { get; init; }

    /// <summary><c>virtio</c> or <c>sata</c>.</summary>
    public string Bus { get => field ?? ""; init; } = "virtio";

    /// <summary>Its port: of PCI Express for <c>virtio</c>, of the controller for <c>sata</c>.</summary>
    public int Port { get; init; }

    /// <summary><c>writeback</c> (the guest's flushes decide, empty is the same), <c>none</c> (past the host's memory), or <c>unsafe</c> (flushes are not waited for).</summary>
    public string Cache { get => field ?? ""; init; } = "";

    /// <summary>How much of it a second; null for no limit.</summary>
    public DiskRate? Rate { get; init; }

    /// <summary>The disks below this one, the nearest first, as <c>ID/NAME</c> of templates; none for a disk that stands alone.</summary>
    public IReadOnlyList<string> Backing { get => field ?? []; init; } = [];
}

/// <summary>How much a machine reads from and writes to a disk in a second; 0 is no limit. A limit of both together goes with none of its halves.</summary>
public sealed record DiskRate
{
    /// <summary>Bytes, read and written together.</summary>
    public long Bytes { get; init; }

    /// <summary>Bytes read.</summary>
    public long ReadBytes { get; init; }

    /// <summary>Bytes written.</summary>
    public long WriteBytes { get; init; }

    /// <summary>Requests of both kinds.</summary>
    public long Requests { get; init; }

    /// <summary>Requests that read.</summary>
    public long ReadRequests { get; init; }

    /// <summary>Requests that write.</summary>
    public long WriteRequests { get; init; }

    /// <summary>Whether it limits nothing.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public bool IsNone => Bytes == 0 && ReadBytes == 0 && WriteBytes == 0 && Requests == 0 && ReadRequests == 0 && WriteRequests == 0;

    /// <summary>What is wrong with it; null when nothing is.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public string? Mistake => Bytes < 0 || ReadBytes < 0 || WriteBytes < 0 || Requests < 0 || ReadRequests < 0 || WriteRequests < 0 ? "a limit is not negative"
        : Bytes > 0 && (ReadBytes > 0 || WriteBytes > 0) || (Requests > 0 && (ReadRequests > 0 || WriteRequests > 0)) ? "a limit of reads and writes together goes with none of either alone"
        : null;
}

/// <summary>A drive for media that are read only.</summary>
public sealed record FullDrive
{
    /// <summary>Unique in the machine: <c>cd0</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The host path of the image that is in it; empty for none.</summary>
    public string Path { get => field ?? ""; init; } = "";

    /// <summary>Its port of the SATA controller.</summary>
    public int Port { get; init; }
}

/// <summary>A network interface of a machine.</summary>
public sealed record FullInterface
{
    /// <summary>Unique in the machine: <c>net0</c>.</summary>
    public required string Name { get; init; }

    /// <summary><c>virtio</c> or <c>e1000e</c>.</summary>
    public string Model { get => field ?? ""; init; } = "virtio";

    /// <summary>Its port of PCI Express.</summary>
    public int Port { get; init; }
}
