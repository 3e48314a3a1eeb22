using System.Collections.Immutable;
using Caisson.Linux;

namespace Caisson.Containers.Launch;

/// <summary>What a launch plan must know of the host; read once, passed as a value.</summary>
public sealed record LaunchFacts
{
    /// <summary>The absolute host path of the root filesystem, or of the empty directory on which a prepared root is put.</summary>
    public required string RootPath { get; init; }

    /// <summary>Whether the runner supplies the root as a detached mount (<see cref="LaunchInput.Root"/>) instead of <see cref="RootPath"/> being it.</summary>
    public bool IsRootSupplied { get; init; }

    /// <summary>The mount point that holds <see cref="RootPath"/>; needed only for a shared root propagation.</summary>
    public string RootMountPoint { get; init; } = "/";

    /// <summary>The container's id; names its session keyring.</summary>
    public required string Id { get; init; }

    /// <summary>Kinds of the bind mounts' sources by host path; a path not listed does not exist.</summary>
    public IReadOnlyDictionary<string, FileKind> Sources { get; init; } = ImmutableDictionary<string, FileKind>.Empty;

    /// <summary>Kinds of the bind mounts' sources that the runner supplies by descriptor (<see cref="LaunchSupplies.Binds"/>), by destination; their paths are not looked at.</summary>
    public IReadOnlyDictionary<string, FileKind> SuppliedBinds { get; init; } = ImmutableDictionary<string, FileKind>.Empty;

    /// <summary>Sources of bind mounts that the runner supplies as detached mounts instead of opening a path.</summary>
    public ImmutableArray<string> SuppliedMounts { get; init; } = [];

    /// <summary>Modes of directories of the root filesystem over which a tmpfs without a mode of its own is mounted, by destination.</summary>
    public IReadOnlyDictionary<string, int> CoveredModes { get; init; } = ImmutableDictionary<string, int>.Empty;

    /// <summary>The <c>tasks</c> files of version 1 hierarchies to which the process writes itself before anything else.</summary>
    public ImmutableArray<string> CgroupTaskFiles { get; init; } = [];

    /// <summary>The directory of the version 2 group that the process is born into; null where there is none.</summary>
    public string? UnifiedCgroup { get; init; }

    /// <summary>What a mount of type <c>cgroup</c> shows: name below the destination, host directory, controllers; version 1 hierarchies.</summary>
    public ImmutableArray<CgroupView> CgroupViews { get; init; } = [];

    /// <summary>Whether the host has version 2 alone, so that a mount of type <c>cgroup</c> is one of <c>cgroup2</c>.</summary>
    public bool IsCgroupUnified { get; init; }

    /// <summary>The highest capability number the kernel knows.</summary>
    public int LastCapability { get; init; } = 40;

    /// <summary>The capabilities that this process can pass on, as bits; those of a new user namespace are not among them, they are all.</summary>
    public ulong GrantableCapabilities { get; init; } = ulong.MaxValue;

    /// <summary>Whether AppArmor is enabled in the kernel.</summary>
    public bool HasAppArmor { get; init; }

    /// <summary>Whether SELinux is enabled in the kernel.</summary>
    public bool HasSelinux { get; init; }

    /// <summary>How many descriptors from 3 on the program inherits.</summary>
    public int PreservedDescriptors { get; init; }

    /// <summary>Whether the program's standard descriptors are supplied by the runner instead of inherited as they are.</summary>
    public bool SuppliesStdio { get; init; }

    /// <summary>Whether the program waits for a byte on a gate (<c>start</c>) before it is executed.</summary>
    public bool HasStartGate { get; init; }
}

/// <summary>One cgroup hierarchy as a container sees it.</summary>
/// <param name="Name">Its directory below <c>/sys/fs/cgroup</c>, such as <c>cpu,cpuacct</c>.</param>
/// <param name="HostDirectory">The container's own cgroup on the host.</param>
/// <param name="Options">Mount options that select it: controllers or <c>none,name=systemd</c>; empty for version 2.</param>
/// <param name="IsV2">The unified hierarchy.</param>
public sealed record CgroupView(string Name, string HostDirectory, ImmutableArray<string> Options, bool IsV2);
