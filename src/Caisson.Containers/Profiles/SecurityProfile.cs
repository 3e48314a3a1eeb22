using System.Collections.Immutable;

namespace Caisson.Containers.Profiles;

/// <summary>A device node that a container sees.</summary>
/// <param name="Path">Inside the container.</param>
/// <param name="Major">Of the character device.</param>
/// <param name="Minor">Of the character device.</param>
/// <param name="Access">What the device rules allow: of <c>r</c>, <c>w</c>, <c>m</c>.</param>
public sealed record ProfileDevice(string Path, int Major, int Minor, string Access);

/// <summary>A resource limit of setrlimit(2).</summary>
/// <param name="Name">As the runtime spec spells it, such as <c>RLIMIT_NOFILE</c>.</param>
/// <param name="Soft">What applies.</param>
/// <param name="Hard">To what a process may raise it.</param>
public sealed record ProfileLimit(string Name, ulong Soft, ulong Hard);

/// <summary>A temporary file system that the profile mounts.</summary>
/// <param name="Path">Inside the container.</param>
/// <param name="Options">As mount(8) spells them.</param>
public sealed record ProfileTmpfs(string Path, ImmutableArray<string> Options);

/// <summary>What a container may do, as data. A profile is a base: what the user asks for is added to it and shown.</summary>
public sealed partial record SecurityProfile
{
    /// <summary>Its name on the command line.</summary>
    public required string Name { get; init; }

    /// <summary>Goes up with every change of its content; shown by <c>inspect</c>.</summary>
    public int Version { get; init; } = 1;

    /// <summary>One line: for whom it is.</summary>
    public required string Summary { get; init; }

    /// <summary>Capabilities of a process started as root: bounding, permitted and effective. Inheritable and ambient are empty.</summary>
    public required ImmutableArray<string> Capabilities { get; init; }

    /// <summary>The bounding set of a process started as another user; it holds none itself.</summary>
    public ImmutableArray<string> NonRootCapabilities { get; init; } = [];

    /// <summary>Whether setuid files and file capabilities give nothing. Source: PR_SET_NO_NEW_PRIVS(2const).</summary>
    public bool NoNewPrivileges { get; init; } = true;

    /// <summary>Whether starting as user 0 is refused.</summary>
    public bool RequiresNonRoot { get; init; }

    /// <summary>System calls; null when none is filtered.</summary>
    public SeccompProfile? Seccomp { get; init; }

    /// <summary>Whether the container has a range of 65,536 ids of its own, so that its root is nobody on the host.</summary>
    public bool UserNamespace { get; init; } = true;

    /// <summary>Paths covered by an empty file or directory; those that do not exist are passed over.</summary>
    public ImmutableArray<string> MaskedPaths { get; init; } = [];

    /// <summary>Paths mounted read-only over themselves.</summary>
    public ImmutableArray<string> ReadOnlyPaths { get; init; } = [];

    /// <summary>Whether <c>/sys</c> can be written to.</summary>
    public bool WritableSysfs { get; init; }

    /// <summary>Whether the container may divide its own cgroup further.</summary>
    public bool WritableCgroup { get; init; }

    /// <summary>Whether the root file system is read-only.</summary>
    public bool ReadOnlyRoot { get; init; }

    /// <summary>Mount options of the root file system.</summary>
    public ImmutableArray<string> RootMountOptions { get; init; } = [];

    /// <summary>Mount options added to every volume and bind unless the user says otherwise.</summary>
    public ImmutableArray<string> VolumeMountOptions { get; init; } = [];

    /// <summary>Temporary file systems mounted where the user mounts nothing.</summary>
    public ImmutableArray<ProfileTmpfs> Tmpfs { get; init; } = [];

    /// <summary>Device nodes; besides <c>/dev/pts</c>, <c>/dev/shm</c> and the console of a terminal.</summary>
    public ImmutableArray<ProfileDevice> Devices { get; init; } = [];

    /// <summary>Whether all devices of the host are there and allowed.</summary>
    public bool AllDevices { get; init; }

    /// <summary>Resource limits; others are inherited from the engine.</summary>
    public ImmutableArray<ProfileLimit> Limits { get; init; } = [];

    /// <summary>The most processes and threads (<c>pids.max</c>); 0 for no limit.</summary>
    public long PidsMax { get; init; }

    /// <summary>Kernel settings of the container's own namespaces, by name; written from inside its user namespace.</summary>
    public ImmutableSortedDictionary<string, string> Sysctls { get; init; } = ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>Whether a container gets a network though the user names none.</summary>
    public bool NetworkByDefault { get; init; } = true;

    /// <inheritdoc/>
    public override string ToString() => $"{Name} (version {Version})";
}
