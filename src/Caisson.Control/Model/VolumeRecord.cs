namespace Caisson.Control.Model;

/// <summary>A volume as it was asked for, and what was made of it. Immutable; a change is a new record.</summary>
public sealed record VolumeRecord
{
    /// <summary>The label of a volume that nobody named.</summary>
    public const string AnonymousLabel = "com.docker.volume.anonymous";

    /// <summary>Unique among volumes; letters, digits, <c>_</c>, <c>.</c> and <c>-</c>.</summary>
    public required string Name { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>Settings of the driver by name, as given.</summary>
    public IReadOnlyDictionary<string, string> Options { get => field ?? new Dictionary<string, string>(); init; }

    /// <summary>Free text by key.</summary>
    public IReadOnlyDictionary<string, string> Labels { get => field ?? new Dictionary<string, string>(); init; }

    /// <summary>Where its files are.</summary>
    public VolumeStorage Storage { get; init; }

    /// <summary>The most it holds, in bytes; 0 for no limit.</summary>
    public long SizeBytes { get; init; }

    /// <summary>Copies of earlier states, oldest first.</summary>
    public IReadOnlyList<VolumeSnapshot> Snapshots { get => field ?? []; init => field = value is { Count: > 0 } ? value : []; } = [];

    /// <summary>Whether nobody named it.</summary>
    public bool IsAnonymous => Labels.ContainsKey(AnonymousLabel);
}

/// <summary>Where a volume's files are.</summary>
public enum VolumeStorage
{
    /// <summary>In a directory of the engine's own file system.</summary>
    Directory,

    /// <summary>In an ext4 file system of its own, in a sparse file: this is what limits the size.</summary>
    Image,

    /// <summary>On what the driver's options say, which is mounted while somebody uses it.</summary>
    Mount,
}

/// <summary>A copy of a volume at one time.</summary>
public sealed record VolumeSnapshot
{
    /// <summary>Unique among the volume's.</summary>
    public required string Name { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>How: <c>reflink</c> (shares the blocks of unchanged files), <c>copy</c>, or <c>reflink and copy</c>.</summary>
    public required string Method { get; init; }

    /// <summary>Bytes of its files.</summary>
    public long Bytes { get; init; }
}
