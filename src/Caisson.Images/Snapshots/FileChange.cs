namespace Caisson.Images.Snapshots;

/// <summary>How a path of a container differs from its image.</summary>
public enum ChangeKind
{
    /// <summary>Content or attributes changed, or something below it.</summary>
    Changed,

    /// <summary>New.</summary>
    Added,

    /// <summary>Removed.</summary>
    Deleted,
}

/// <summary>One difference of a container from its image.</summary>
/// <param name="Kind">How it differs.</param>
/// <param name="Path">Absolute within the container.</param>
public sealed record FileChange(ChangeKind Kind, string Path)
{
    /// <summary>As <c>diff</c> prints it: <c>A /tmp/x</c>.</summary>
    public override string ToString() => $"{Kind switch { ChangeKind.Added => 'A', ChangeKind.Deleted => 'D', _ => 'C' }} {Path}";
}

/// <summary>What a container has written.</summary>
/// <param name="Bytes">Sum of the lengths of its files, each inode once.</param>
/// <param name="Entries">How many entries.</param>
public readonly record struct SnapshotUsage(long Bytes, long Entries);
