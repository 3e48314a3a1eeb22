namespace Caisson.Oci.Runtime;

/// <summary>A device node of the container. Source: config-linux.md, "Devices".</summary>
public sealed record LinuxDevice
{
    /// <summary>The absolute path inside.</summary>
    public required string Path { get; init; }

    /// <summary><c>c</c> or <c>u</c> (character), <c>b</c> (block) or <c>p</c> (FIFO).</summary>
    public required string Type { get; init; }

    /// <summary>The major number; 0 for a FIFO.</summary>
    public long Major { get; init; }

    /// <summary>The minor number; 0 for a FIFO.</summary>
    public long Minor { get; init; }

    /// <summary>Permission bits; callers of runc also put file type bits in, so use the low twelve. Null is the runtime's default.</summary>
    public uint? FileMode { get; init; }

    /// <summary>The owner, as an id of the container; null is its root.</summary>
    public uint? Uid { get; init; }

    /// <summary>The group, as an id of the container; null is its root.</summary>
    public uint? Gid { get; init; }
}

/// <summary>One rule on access to device nodes; later rules win. Source: config-linux.md, "Allowed Device list".</summary>
public sealed record LinuxDeviceCgroup
{
    /// <summary>Allow or deny.</summary>
    public required bool Allow { get; init; }

    /// <summary><c>a</c> (all), <c>c</c> or <c>u</c>, <c>b</c>; null is all.</summary>
    public string? Type { get; init; }

    /// <summary>The major number; null or -1 is every.</summary>
    public long? Major { get; init; }

    /// <summary>The minor number; null or -1 is every.</summary>
    public long? Minor { get; init; }

    /// <summary>Letters of <c>rwm</c>: read, write, mknod.</summary>
    public string? Access { get; init; }
}
