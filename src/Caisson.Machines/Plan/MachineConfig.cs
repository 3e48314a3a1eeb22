using System.Collections.Immutable;

using Caisson.Linux;

namespace Caisson.Machines.Plan;

/// <summary>How a machine comes to life.</summary>
public enum MachineStart
{
    /// <summary>Its kernel boots.</summary>
    Boot = 0,

    /// <summary>Its kernel boots in memory that is a file, and what runs then becomes a template.</summary>
    Template = 1,

    /// <summary>It goes on where a template stopped, in memory of its own that begins as the template's.</summary>
    Restore = 2,
}

/// <summary>What a machine is to have. Paths are those that QEMU sees.</summary>
public sealed record MachineConfig
{
    /// <summary>Plain letters and digits; shown by <c>ps</c>.</summary>
    public required string Name { get; init; }

    /// <summary>What its kernel and its programs are made for.</summary>
    public KernelArchitecture Architecture { get; init; } = KernelArchitectures.Own;

    /// <summary>How it comes to life. What is the same in every machine of a shape is all that matters for a template.</summary>
    public MachineStart Start { get; init; }

    /// <summary>The file of a template's memory; needed unless the machine boots.</summary>
    public string MemoryPath { get; init; } = "";

    /// <summary>Memory in bytes, a multiple of a megabyte.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>How many processors.</summary>
    public required int Processors { get; init; }

    /// <summary>The unpacked kernel.</summary>
    public required string KernelPath { get; init; }

    /// <summary>Its first file system.</summary>
    public required string InitrdPath { get; init; }

    /// <summary>The disk with the image's files; never written to, so any number of machines share it.</summary>
    public required string ImagePath { get; init; }

    /// <summary>The disk for what is written; null for memory.</summary>
    public string? DataPath { get; init; }

    /// <summary>Whether that disk is another than what its template has mounted; only matters for a machine that goes on from one.</summary>
    public bool DataIsUsed { get; init; }

    /// <summary>Whether directories of the host are served to it.</summary>
    public bool HasShares { get; init; }

    /// <summary>Hardware addresses of its network interfaces, such as <c>02:00:00:00:00:01</c>, in order.</summary>
    public ImmutableArray<string> Interfaces { get; init; } = [];
}

/// <summary>What a machine's plan must know of the host.</summary>
public sealed record MachineFacts
{
    /// <summary>The QEMU to run, which is one for each architecture.</summary>
    public required string QemuPath { get; init; }

    /// <summary>Whether this host's KVM runs kernels, shown by a loop in ring 0 and not by a device that opens.</summary>
    public required bool HasKvm { get; init; }

    /// <summary>The frequency of the processor's time stamp counter in kilohertz; 0 where it is not known.</summary>
    public required long TimeStampKhz { get; init; }

    /// <summary>How many processors the host has.</summary>
    public required int Processors { get; init; }

    /// <summary>The host's memory in bytes.</summary>
    public required long MemoryBytes { get; init; }
}
