using Caisson.Machines.Full;

namespace Caisson.Control.Model;

/// <summary>A full machine as a client asks for it; what is left out is the engine's to say.</summary>
public sealed record FullMachineCreate
{
    /// <summary>Its name; empty for one of ours.</summary>
    public string Name { get => field ?? ""; init; } = "";

    /// <summary>Memory in bytes; 0 for a gigabyte.</summary>
    public long Memory { get; init; }

    /// <summary>To how much it may grow, in bytes; 0 for no growth.</summary>
    public long MemoryMax { get; init; }

    /// <summary>Processors; 0 for one.</summary>
    public int Processors { get; init; }

    /// <summary>To how many it may grow; 0 for no growth.</summary>
    public int ProcessorsMax { get; init; }

    /// <summary>QEMU's name of the processor's model; empty for the engine's choice.</summary>
    public string CpuModel { get => field ?? ""; init; } = "";

    /// <summary><c>bios</c> or <c>uefi</c>; empty for the first.</summary>
    public string Firmware { get => field ?? ""; init; } = "";

    /// <summary>With signatures checked from the firmware on.</summary>
    public bool SecureBoot { get; init; }

    /// <summary>With a TPM 2.0.</summary>
    public bool Tpm { get; init; }

    /// <summary>Host path of a kernel that is copied; empty to start from a disk.</summary>
    public string Kernel { get => field ?? ""; init; } = "";

    /// <summary>Host path of the kernel's first file system, which is copied; empty for none.</summary>
    public string Initrd { get => field ?? ""; init; } = "";

    /// <summary>The kernel's command line.</summary>
    public string CommandLine { get => field ?? ""; init; } = "";

    /// <summary>Its disks are encrypted.</summary>
    public bool Encrypt { get; init; }

    /// <summary>By which passphrase; empty for one of the engine's. It is kept sealed and never shown with the machine.</summary>
    public string Passphrase { get => field ?? ""; init; } = "";

    /// <summary>Its disks.</summary>
    public IReadOnlyList<MachineDiskRequest> Disks { get => field ?? []; init; } = [];

    /// <summary>Host paths of images for its drives, read only; an empty text is an empty drive.</summary>
    public IReadOnlyList<string> Cdroms { get => field ?? []; init; } = [];

    /// <summary>Its network interfaces; null for one in the default network.</summary>
    public IReadOnlyList<MachineNetworkRequest>? Networks { get; init; }

    /// <summary>Ports of the host by port of the machine, such as <c>80/tcp</c>.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<PortBinding>?>? Ports { get; init; }

    /// <summary>What is tried in order: <c>disk</c>, <c>cdrom</c>, <c>network</c>.</summary>
    public IReadOnlyList<string> Boot { get => field ?? []; init; } = [];

    /// <summary>What it is told at its first start; null for nothing.</summary>
    public MachineSeedRequest? Seed { get; init; }

    /// <summary>It starts with the engine.</summary>
    public bool Autostart { get; init; }

    /// <summary>Of those that start with the engine, lower numbers go first.</summary>
    public int StartOrder { get; init; }

    /// <summary>Seconds to wait after its start before those of higher numbers.</summary>
    public int StartDelaySeconds { get; init; }

    /// <summary><c>no</c>, <c>on-failure</c> or <c>always</c>; empty for the first.</summary>
    public string RestartPolicy { get => field ?? ""; init; } = "";

    /// <summary>What the user says about it.</summary>
    public string Description { get => field ?? ""; init; } = "";
}

/// <summary>What a machine is told at its first start, as cloud-init or our own machines do it.</summary>
public sealed record MachineSeedRequest
{
    /// <summary>The machine's name for itself; empty for the name that it has here.</summary>
    public string Hostname { get => field ?? ""; init; } = "";

    /// <summary>The user that keys and password are of; empty for the image's own.</summary>
    public string User { get => field ?? ""; init; } = "";

    /// <summary>Lines of <c>authorized_keys</c>.</summary>
    public IReadOnlyList<string> SshKeys { get => field ?? []; init; } = [];

    /// <summary>The password; empty for none.</summary>
    public string Password { get => field ?? ""; init; } = "";

    /// <summary>Packages to install.</summary>
    public IReadOnlyList<string> Packages { get => field ?? []; init; } = [];

    /// <summary>Lines of the shell to run.</summary>
    public IReadOnlyList<string> Commands { get => field ?? []; init; } = [];

    /// <summary>The user's own document; empty for none.</summary>
    public string UserData { get => field ?? ""; init; } = "";

    /// <summary>The user's own network-config; empty for none.</summary>
    public string NetworkConfig { get => field ?? ""; init; } = "";
}

/// <summary>A disk that is asked for: a copy of a file, or an empty one.</summary>
public sealed record MachineDiskRequest
{
    /// <summary>Its name in the machine; empty for the next of <c>disk0</c>, <c>disk1</c>….</summary>
    public string Name { get => field ?? ""; init; } = "";

    /// <summary>Absolute path, on the engine's host, of the file or block device that is copied; empty for an empty disk.</summary>
    public string Source { get => field ?? ""; init; } = "";

    /// <summary><c>raw</c> or <c>qcow2</c>; empty to look.</summary>
    public string Format { get => field ?? ""; init; } = "";

    /// <summary>Its size in bytes; with a source, 0 for the source's, and more to grow it.</summary>
    public long Bytes { get; init; }

    /// <summary><c>virtio</c> or <c>sata</c>; empty for the first.</summary>
    public string Bus { get => field ?? ""; init; } = "";

    /// <summary><c>writeback</c>, <c>none</c> or <c>unsafe</c>; empty for the first.</summary>
    public string Cache { get => field ?? ""; init; } = "";

    /// <summary>How much of it a second; null for no limit.</summary>
    public DiskRate? Rate { get; init; }
}

/// <summary>An interface that is asked for.</summary>
public sealed record MachineNetworkRequest
{
    /// <summary>The network's name or id; empty for the default one.</summary>
    public string Network { get => field ?? ""; init; } = "";

    /// <summary>Its name in the machine; empty for the next of <c>net0</c>, <c>net1</c>….</summary>
    public string Name { get => field ?? ""; init; } = "";

    /// <summary>Its hardware address; empty for one of ours, which stays.</summary>
    public string HardwareAddress { get => field ?? ""; init; } = "";

    /// <summary>Its address; empty for any.</summary>
    public string IPv4 { get => field ?? ""; init; } = "";

    /// <summary><c>virtio</c> or <c>e1000e</c>; empty for the first.</summary>
    public string Model { get => field ?? ""; init; } = "";
}

/// <summary>Changes of a machine; null members stay as they are.</summary>
public sealed record FullMachineChange
{
    /// <summary>Memory in bytes.</summary>
    public long? Memory { get; init; }

    /// <summary>To how much it may grow, in bytes.</summary>
    public long? MemoryMax { get; init; }

    /// <summary>Processors.</summary>
    public int? Processors { get; init; }

    /// <summary>To how many it may grow.</summary>
    public int? ProcessorsMax { get; init; }

    /// <summary>The processor's model.</summary>
    public string? CpuModel { get; init; }

    /// <summary>What is tried in order; an empty list for the engine's choice.</summary>
    public IReadOnlyList<string>? Boot { get; init; }

    /// <summary>The kernel's command line.</summary>
    public string? CommandLine { get; init; }

    /// <summary>Its disks are encrypted, or no longer; only while it does not run.</summary>
    public bool? Encrypt { get; init; }

    /// <summary>By which passphrase; empty for one of the engine's.</summary>
    public string Passphrase { get => field ?? ""; init; } = "";

    /// <summary>It starts with the engine.</summary>
    public bool? Autostart { get; init; }

    /// <summary>Its place in that order.</summary>
    public int? StartOrder { get; init; }

    /// <summary>Seconds to wait after its start.</summary>
    public int? StartDelaySeconds { get; init; }

    /// <summary>The restart policy.</summary>
    public string? RestartPolicy { get; init; }

    /// <summary>What the user says about it.</summary>
    public string? Description { get; init; }

    /// <summary>What is done with it at times of the clock; an empty list for nothing.</summary>
    public IReadOnlyList<MachineSchedule>? Schedules { get; init; }

    /// <summary>Limits of disks by name; one without any number takes the limits away.</summary>
    public IReadOnlyDictionary<string, DiskRate>? DiskRates { get; init; }

    /// <summary>New sizes of disks, in bytes, by name.</summary>
    public IReadOnlyDictionary<string, long>? DiskSizes { get; init; }

    /// <summary>Media of drives: host paths by the drive's name; an empty path takes the medium out.</summary>
    public IReadOnlyDictionary<string, string>? Media { get; init; }
}
