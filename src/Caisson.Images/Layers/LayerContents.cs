namespace Caisson.Images.Layers;

/// <summary>What unpacking a layer made, and what it left out on purpose.</summary>
public sealed record LayerContents
{
    /// <summary>Entries of the archive.</summary>
    public required long Entries { get; init; }

    /// <summary>Bytes of files, as stored.</summary>
    public required long FileBytes { get; init; }

    /// <summary>Device nodes that were not made.</summary>
    public long DevicesSkipped { get; init; }

    /// <summary>Extended attributes that were not set: not allowed, or not known to the file system.</summary>
    public long XattrsDropped { get; init; }

    /// <summary>True when the layer removes everything below it: its root is opaque, which overlayfs cannot express.</summary>
    public bool HidesLower { get; init; }

    /// <summary>
    /// Directories that entries lie in but that the archive does not describe, in ascending order; empty text is the root.
    /// They take their attributes from the layers below.
    /// </summary>
    public IReadOnlyList<string> ImplicitDirectories { get; init; } = [];
}
