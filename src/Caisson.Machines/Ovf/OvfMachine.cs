namespace Caisson.Machines.Ovf;

/// <summary>A machine as an OVF package describes it, in words that every hypervisor has. Source: DMTF DSP0243, DSP8023.</summary>
public sealed record OvfMachine
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>What its maker says about it.</summary>
    public string Description { get; init; } = "";

    /// <summary>How many processors it has.</summary>
    public int Processors { get; init; } = 1;

    /// <summary>Its memory in bytes.</summary>
    public long MemoryBytes { get; init; } = 1L << 30;

    /// <summary>It starts by UEFI, not by a BIOS.</summary>
    public bool IsUefi { get; init; }

    /// <summary>Its disks, in the order of their places.</summary>
    public IReadOnlyList<OvfDisk> Disks { get; init; } = [];

    /// <summary>Its network interfaces.</summary>
    public IReadOnlyList<OvfInterface> Interfaces { get; init; } = [];

    /// <summary>What the description has and a machine here does not get, for people.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}

/// <summary>A disk of a package.</summary>
/// <param name="CapacityBytes">The size that the machine sees.</param>
/// <param name="FileName">The package's file with its content; empty for a disk without any.</param>
/// <param name="IsPacked">The file is packed by gzip.</param>
/// <param name="FileBytes">The file's size as the description says it; null when it does not.</param>
public sealed record OvfDisk(long CapacityBytes, string FileName, bool IsPacked = false, long? FileBytes = null);

/// <summary>A network interface of a package.</summary>
/// <param name="Network">The network's name there.</param>
/// <param name="Model">Such as <c>E1000</c> or <c>VmxNet3</c>; empty when it is not said.</param>
/// <param name="HardwareAddress">Empty when it is not said.</param>
public sealed record OvfInterface(string Network, string Model = "", string HardwareAddress = "");
