using System.Collections.Immutable;

namespace Caisson.Oci.Runtime;

/// <summary>One mount beyond the root. Source: config.md, "Mounts" and "Linux mount options".</summary>
public sealed record Mount
{
    /// <summary>Where, inside the container. Should be absolute; a relative one is taken from <c>/</c>, as runc does.</summary>
    public required string Destination { get; init; }

    /// <summary>The filesystem type, as in <c>/proc/filesystems</c>; null or ignored for bind mounts.</summary>
    public string? Type { get; init; }

    /// <summary>A device name, or the host's path of a bind mount, absolute or relative to the bundle.</summary>
    public string? Source { get; init; }

    /// <summary>Options as for <c>mount -o</c>: flags of the mount and data for the filesystem driver, mixed.</summary>
    public ImmutableArray<string> Options { get; init; } = [];

    /// <summary>How the source's user ids appear; given together with <see cref="GidMappings"/> or not at all.</summary>
    public ImmutableArray<IdMapping> UidMappings { get; init; } = [];

    /// <summary>How the source's group ids appear; given together with <see cref="UidMappings"/> or not at all.</summary>
    public ImmutableArray<IdMapping> GidMappings { get; init; } = [];
}

/// <summary>A run of ids inside and what they are outside. Source: config-linux.md, "User namespace mappings".</summary>
/// <param name="ContainerId">The first id inside.</param>
/// <param name="HostId">The id outside that <paramref name="ContainerId"/> is.</param>
/// <param name="Size">How many ids; at least 1.</param>
public readonly record struct IdMapping(uint ContainerId, uint HostId, uint Size);
