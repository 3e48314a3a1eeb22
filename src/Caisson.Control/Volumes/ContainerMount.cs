using Caisson.Control.Model;

namespace Caisson.Control.Volumes;

/// <summary>Something that is mounted in a container, whatever the form it was asked for in. Immutable.</summary>
public sealed record ContainerMount
{
    /// <summary><c>bind</c>, <c>volume</c>, <c>tmpfs</c> or <c>image</c>.</summary>
    public required string Type { get; init; }

    /// <summary>The path on the host of a bind, or the id of an image; empty for others.</summary>
    public string Source { get => field ?? ""; init; } = "";

    /// <summary>The volume's name; empty for others.</summary>
    public string Volume { get => field ?? ""; init; } = "";

    /// <summary>The part of the volume that is mounted, as a path inside it; empty for all.</summary>
    public string Subpath { get => field ?? ""; init; } = "";

    /// <summary>The path inside, absolute.</summary>
    public required string Target { get; init; }

    /// <summary>Cannot be written.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>What is mounted below a read-only bind stays as writable as it is on the host.</summary>
    public bool ReadOnlyNonRecursive { get; init; }

    /// <summary>The options as the user wrote them.</summary>
    public string Mode { get => field ?? ""; init; } = "";

    /// <summary>Propagation of a bind; empty is <c>rprivate</c>.</summary>
    public string Propagation { get => field ?? ""; init; } = "";

    /// <summary>A bind without the mounts below its source.</summary>
    public bool NonRecursive { get; init; }

    /// <summary>The source is made, as a directory, when it is not there.</summary>
    public bool CreateSource { get; init; }

    /// <summary>Mount options of a tmpfs.</summary>
    public IReadOnlyList<string> Options { get => field ?? []; init; }

    /// <summary>Whose files the container sees, as <see cref="BindOptions.IdMap"/> writes it; empty for the container's own ids.</summary>
    public string IdMap { get => field ?? ""; init; } = "";

    /// <summary>Chain ids of an image's layers, lowest first: they stay as long as the container does.</summary>
    public IReadOnlyList<string> Layers { get => field ?? []; init; }

    /// <summary>What the image has at the path is not copied to a new volume.</summary>
    public bool NoCopy { get; init; }

    /// <summary>Nobody named the volume: it goes with the container when the user says so.</summary>
    public bool IsAnonymous { get; init; }

    /// <summary>The volume as it is to be made when it is not there; null once it is.</summary>
    public VolumeCreate? Wish { get; init; }
}
