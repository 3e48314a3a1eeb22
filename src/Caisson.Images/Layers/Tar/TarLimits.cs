namespace Caisson.Images.Layers.Tar;

/// <summary>How much an archive may ask for before it is refused.</summary>
public sealed record TarLimits
{
    /// <summary>Entries of an archive.</summary>
    public long EntriesMax { get; init; } = 4_000_000;

    /// <summary>Bytes of the uncompressed archive.</summary>
    public long ArchiveBytesMax { get; init; } = 256L << 30;

    /// <summary>Length of one file in bytes, holes included.</summary>
    public long FileBytesMax { get; init; } = 1L << 40;

    /// <summary>Bytes of a name or a link's target. Linux: PATH_MAX.</summary>
    public int PathBytesMax { get; init; } = 4096;

    /// <summary>Directories above an entry.</summary>
    public int DepthMax { get; init; } = 255;

    /// <summary>Bytes of one pax header.</summary>
    public int PaxBytesMax { get; init; } = 1 << 20;

    /// <summary>Bytes of one extended attribute. Linux: XATTR_SIZE_MAX.</summary>
    public int XattrBytesMax { get; init; } = 64 << 10;

    /// <summary>Runs of data of one sparse file.</summary>
    public int SegmentsMax { get; init; } = 1 << 20;

    /// <summary>
    /// How many times its compressed size an archive may be, beyond its first GiB. Deflate cannot exceed 1,032; zstd can.
    /// </summary>
    public int RatioMax { get; init; } = 1100;

    /// <summary>The limits for images from anywhere.</summary>
    public static TarLimits Default { get; } = new();
}
