using System.Text.Json.Serialization;

using Caisson.Linux;

namespace Caisson.Machines.Kernels;

/// <summary>A kernel for machines, unpacked, with the modules that our own first process loads.</summary>
public sealed record MachineKernel
{
    /// <summary>Its release, as <c>uname -r</c> says inside; also its name here.</summary>
    public required string Release { get; init; }

    /// <summary>What it is made for, as images call it; in records of before there were others, <c>amd64</c>.</summary>
    public string Architecture { get => field ?? KernelArchitecture.X64.Name(); init; }

    /// <summary>Where it came from: a package with its version, or a file.</summary>
    public required string Source { get; init; }

    /// <summary>When it was installed.</summary>
    public required DateTimeOffset Installed { get; init; }

    /// <summary>Modules by name, in the order in which every machine loads them.</summary>
    public required IReadOnlyList<string> BootModules { get; init; }

    /// <summary>Modules that a network needs more.</summary>
    public required IReadOnlyList<string> NetworkModules { get; init; }

    /// <summary>Modules that directories of the host need more; null for a kernel that was taken in before machines had those.</summary>
    public IReadOnlyList<string>? FilesModules { get; init; }

    /// <summary>The size of the unpacked kernel in bytes.</summary>
    public required long KernelBytes { get; init; }
}

/// <summary>How kernels are written down.</summary>
[JsonSourceGenerationOptions(WriteIndented = true)]
[JsonSerializable(typeof(MachineKernel))]
internal sealed partial class KernelJson : JsonSerializerContext;
