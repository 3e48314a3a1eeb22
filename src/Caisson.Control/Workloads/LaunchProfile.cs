using System.Collections.Immutable;

using Caisson.Errors;

namespace Caisson.Control.Workloads;

/// <summary>How much a container may do, before what a user adds and takes away.</summary>
public sealed record LaunchProfile
{
    /// <summary>Its name, as in <c>--security-opt profile=NAME</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Capabilities of a program that runs as root.</summary>
    public ImmutableArray<string> Capabilities { get; init; } = [];

    /// <summary>The program and its children gain no privileges by execve(2).</summary>
    public bool NoNewPrivileges { get; init; } = true;

    /// <summary>The container has user ids of its own.</summary>
    public bool OwnIds { get; init; } = true;

    /// <summary>The system call filter, the runtime specification's <c>seccomp</c> object as JSON; empty for none.</summary>
    public ReadOnlyMemory<byte> Seccomp { get; init; }

    /// <summary>Paths that cannot be read.</summary>
    public ImmutableArray<string> MaskedPaths { get; init; } = [];

    /// <summary>Paths that cannot be written.</summary>
    public ImmutableArray<string> ReadonlyPaths { get; init; } = [];

    /// <summary>The root filesystem cannot be written.</summary>
    public bool ReadonlyRoot { get; init; }

    /// <summary>The most tasks; null for no limit.</summary>
    public long? PidsLimit { get; init; } = 1_024;
}

/// <summary>The profiles that containers can be run with, by name.</summary>
public sealed class LaunchProfiles
{
    private readonly Dictionary<string, LaunchProfile> _profiles;

    /// <summary>Knows <paramref name="profiles"/>; among them must be <c>default</c> and <c>privileged</c>.</summary>
    public LaunchProfiles(IEnumerable<LaunchProfile> profiles) => _profiles = profiles.ToDictionary(profile => profile.Name);

    /// <summary>The profile <paramref name="name"/>.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: there is none; the message lists those there are.</exception>
    public LaunchProfile Find(string name) => _profiles.TryGetValue(name, out LaunchProfile? profile)
        ? profile
        : throw new CaissonException(
            ErrorKind.InvalidArgument, $"no security profile is called '{name}'; there are {string.Join(", ", _profiles.Keys.Order(StringComparer.Ordinal))}");
}
