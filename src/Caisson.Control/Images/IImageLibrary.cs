using Caisson.Control.Workloads;
using Caisson.Linux;
using Caisson.Oci;

namespace Caisson.Control.Images;

/// <summary>The images of this machine and the root filesystems made of them, as the engine needs them.</summary>
/// <remarks>Safe for concurrent use.</remarks>
public interface IImageLibrary
{
    /// <summary>Every image, newest first.</summary>
    IReadOnlyList<LocalImage> List();

    /// <summary>The image of a name, a name with digest, an id, or the beginning of an id; null when there is none.</summary>
    /// <exception cref="Caisson.Errors.CaissonException">The beginning of an id fits several.</exception>
    LocalImage? Find(string reference);

    /// <summary>Gives the image <paramref name="imageId"/> the name <paramref name="reference"/>, taking it from another.</summary>
    void Tag(string imageId, Reference reference);

    /// <summary>Takes a name away.</summary>
    void Untag(Reference reference);

    /// <summary>Deletes an image without names, and what nobody else needs of it.</summary>
    /// <returns>Bytes freed.</returns>
    long Delete(string imageId);

    /// <summary>Reads an archive as <c>docker save</c> writes it, or an OCI layout.</summary>
    /// <param name="archive">The tar, plain or compressed.</param>
    /// <param name="cancellationToken">Abandons it; layers already complete stay until the next prune.</param>
    /// <returns>The images in it.</returns>
    Task<IReadOnlyList<LoadedImage>> LoadAsync(Stream archive, CancellationToken cancellationToken);

    /// <summary>Writes images as one archive that <see cref="LoadAsync"/> and Docker read.</summary>
    Task SaveAsync(IReadOnlyList<string> references, Stream archive, CancellationToken cancellationToken);

    /// <summary>Makes an image of one layer from a plain root filesystem archive.</summary>
    Task<LocalImage> ImportAsync(Stream archive, ImageImport import, CancellationToken cancellationToken);

    /// <summary>Makes an image out of programs of this machine.</summary>
    /// <param name="reference">Its name.</param>
    /// <param name="include">Programs and files; empty for a default set.</param>
    /// <param name="progress">Told what is being done, one line at a time.</param>
    /// <param name="cancellationToken">Abandons it.</param>
    Task<LocalImage> BootstrapAsync(Reference reference, IReadOnlyList<string> include, Action<string> progress, CancellationToken cancellationToken);

    /// <summary>Prepares the writable layer of a container over an image, unpacking what is not unpacked.</summary>
    Task CreateSnapshotAsync(string containerId, string imageId, CancellationToken cancellationToken);

    /// <summary>Mounts a container's root filesystem, detached; the caller disposes it.</summary>
    /// <param name="containerId">A container with a snapshot.</param>
    /// <param name="ids">The ids that its 65,536 ids are on the host; null for the host's own.</param>
    MountTree Mount(string containerId, IdRange? ids);

    /// <summary>Deletes a container's writable layer; no error when there is none.</summary>
    void RemoveSnapshot(string containerId);

    /// <summary>Ids of containers that have a writable layer.</summary>
    IReadOnlyList<string> Snapshots();

    /// <summary>What a container has changed against its image, ordered by path.</summary>
    IReadOnlyList<FilesystemChange> Changes(string containerId);

    /// <summary>Bytes in a container's writable layer.</summary>
    long SnapshotBytes(string containerId);

    /// <summary>Bytes of all layers, each counted once.</summary>
    long LayersBytes();
}

/// <summary>An image of this machine.</summary>
public sealed record LocalImage
{
    /// <summary><c>sha256:…</c>, the digest of the configuration.</summary>
    public required string Id { get; init; }

    /// <summary>Names with tags as people write them, such as <c>busybox:latest</c>.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>Names with digests.</summary>
    public IReadOnlyList<string> Digests { get; init; } = [];

    /// <summary>The configuration.</summary>
    public required ImageConfig Config { get; init; }

    /// <summary>Bytes of its layers, unpacked.</summary>
    public long SizeBytes { get; init; }

    /// <summary>When it last got a name here; null when never.</summary>
    public DateTimeOffset? TaggedAt { get; init; }
}

/// <summary>An image that came out of an archive.</summary>
/// <param name="Id">The image's id.</param>
/// <param name="Tags">Names the archive gave it; empty when none.</param>
public sealed record LoadedImage(string Id, IReadOnlyList<string> Tags);

/// <summary>How to make an image of a root filesystem.</summary>
public sealed record ImageImport
{
    /// <summary>Its name; null for none.</summary>
    public Reference? Reference { get; init; }

    /// <summary>What the history says.</summary>
    public string Message { get; init; } = "";

    /// <summary>How to run it.</summary>
    public ExecutionConfig Config { get; init; } = new();
}

/// <summary>One path that a container has changed.</summary>
/// <param name="Path">Absolute, inside.</param>
/// <param name="Kind">What happened to it.</param>
public readonly record struct FilesystemChange(string Path, ChangeKind Kind);

/// <summary>What happened to a path, with Docker's numbers.</summary>
public enum ChangeKind
{
    /// <summary>It is in both and differs.</summary>
    Modified = 0,

    /// <summary>The image does not have it.</summary>
    Added = 1,

    /// <summary>The container does not have it.</summary>
    Deleted = 2,
}
