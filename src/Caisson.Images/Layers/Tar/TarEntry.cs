namespace Caisson.Images.Layers.Tar;

/// <summary>What an entry of an archive makes.</summary>
public enum TarEntryType
{
    /// <summary>A regular file, sparse or not.</summary>
    File,

    /// <summary>Another name of an earlier file; <see cref="TarEntry.LinkName"/> is its name from the archive's root.</summary>
    HardLink,

    /// <summary>A symbolic link; <see cref="TarEntry.LinkName"/> is its text.</summary>
    SymbolicLink,

    /// <summary>A character device.</summary>
    CharacterDevice,

    /// <summary>A block device.</summary>
    BlockDevice,

    /// <summary>A directory.</summary>
    Directory,

    /// <summary>A named pipe.</summary>
    Fifo,
}

/// <summary>A run of bytes of a sparse file that is stored; what lies between is zero.</summary>
/// <param name="Offset">Where in the file, in bytes.</param>
/// <param name="Length">How many bytes.</param>
public readonly record struct TarSegment(long Offset, long Length);

/// <summary>An extended attribute.</summary>
/// <param name="Name">With its namespace: <c>user.comment</c>.</param>
/// <param name="Value">Raw bytes.</param>
public sealed record TarXattr(string Name, byte[] Value);

/// <summary>The header of one entry, with every extension (pax, GNU, base-256) already applied.</summary>
public sealed record TarEntry
{
    /// <summary>What it makes.</summary>
    public required TarEntryType Type { get; init; }

    /// <summary>The path as the archive has it: unchecked, may start with <c>/</c> or hold <c>..</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The target of a link; empty otherwise.</summary>
    public string LinkName { get; init; } = "";

    /// <summary>Permission bits with set-id and sticky bits: 0 to 07777.</summary>
    public required int Mode { get; init; }

    /// <summary>Owner, 0 to 2³²−2.</summary>
    public uint Uid { get; init; }

    /// <summary>Group, 0 to 2³²−2.</summary>
    public uint Gid { get; init; }

    /// <summary>Time of the last change of content, seconds since 1970; may be negative.</summary>
    public long MtimeSeconds { get; init; }

    /// <summary>The part of the second, in nanoseconds.</summary>
    public int MtimeNs { get; init; }

    /// <summary>The length of the file in bytes, holes included; zero for other types.</summary>
    public long Size { get; init; }

    /// <summary>The bytes that the archive stores for it; less than <see cref="Size"/> for a sparse file.</summary>
    public long StoredSize { get; init; }

    /// <summary>Where the stored bytes belong, in ascending order; null for a file that is stored whole.</summary>
    public IReadOnlyList<TarSegment>? Segments { get; init; }

    /// <summary>Major number of a device.</summary>
    public uint DeviceMajor { get; init; }

    /// <summary>Minor number of a device.</summary>
    public uint DeviceMinor { get; init; }

    /// <summary>Extended attributes in the archive's order, each name once; unfiltered.</summary>
    public IReadOnlyList<TarXattr> Xattrs { get; init; } = [];
}
