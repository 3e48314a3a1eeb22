using Caisson.Errors;
using Caisson.Images.Layers.Tar;
using Caisson.Linux;
using Caisson.Oci;

namespace Caisson.Images.Snapshots;

/// <summary>A container's root filesystem: the image's layers and a writable directory on top.</summary>
/// <remarks>A value; what it speaks of lives until <see cref="SnapshotStore.Remove"/>.</remarks>
public sealed class Snapshot
{
    private readonly string _directory;
    private readonly IReadOnlyList<string> _layers;
    private readonly string _empty;

    internal Snapshot(string id, string directory, string empty, SnapshotRecord record, IReadOnlyList<string> layers)
    {
        Id = id;
        _directory = directory;
        _empty = empty;
        _layers = layers;
        Record = record;
    }

    /// <summary>The container's id.</summary>
    public string Id { get; }

    /// <summary>Which image it stands on.</summary>
    public SnapshotRecord Record { get; }

    /// <summary>The id of that image.</summary>
    public Digest Image => Record.Image;

    /// <summary>Host paths of the layers' roots, top first; one empty directory for an image without layers.</summary>
    public IReadOnlyList<string> LowerDirectories => _layers.Count > 0 ? _layers : [_empty];

    /// <summary>The host path of what the container writes to.</summary>
    public string UpperDirectory => Path.Join(_directory, "upper");

    /// <summary>The host path of overlayfs's own work.</summary>
    public string WorkDirectory => Path.Join(_directory, "work");

    /// <summary>The root filesystem as a detached mount, for one container at a time; the caller disposes it.</summary>
    /// <param name="owners">
    /// A user namespace through whose map the files' owners are shown, so that 0 on disk is the container's root; null for
    /// none. See <see cref="OverlayMount.CreateIdmapped"/> for what it does to this process.
    /// </param>
    /// <param name="attributes">Of the mount.</param>
    /// <exception cref="CaissonException">The kernel refuses; with what the overlay driver says.</exception>
    public MountTree OpenMount(UserNamespace? owners = null, MountAttributes attributes = 0)
    {
        using DirectoryDescriptor directory = HostFiles.OpenDirectory(_directory);
        return Stack(LowerDirectories, new OverlayWritable(directory), owners, attributes);
    }

    /// <summary>What the container sees, as a read-only mount that may be open beside the container's own; the caller disposes it.</summary>
    public MountTree OpenView() => Stack([UpperDirectory, .. LowerDirectories], null, null, MountAttributes.ReadOnly);

    /// <summary>What the image has, without what the container wrote, as a read-only mount; the caller disposes it.</summary>
    public MountTree OpenImageView() => Stack(LowerDirectories, null, null, MountAttributes.ReadOnly);

    /// <summary>How the container differs from its image, ordered by path.</summary>
    public IReadOnlyList<FileChange> Diff()
    {
        using DirectoryDescriptor upper = HostFiles.OpenDirectory(UpperDirectory);
        using MountTree image = Stack(LowerDirectories, null, null, MountAttributes.ReadOnly);
        using RootDirectory root = RootDirectory.From(image);
        return SnapshotDiff.Compute(upper, root);
    }

    /// <summary>Whether the container has written anything.</summary>
    public bool HasChanges => Directory.EnumerateFileSystemEntries(UpperDirectory).Any();

    /// <summary>How much the container has written.</summary>
    public SnapshotUsage Measure()
    {
        using DirectoryDescriptor upper = HostFiles.OpenDirectory(UpperDirectory);
        HashSet<ulong> seen = [];
        long bytes = 0;
        long entries = 0;
        Add(upper, 0);
        return new SnapshotUsage(bytes, entries);

        void Add(DirectoryDescriptor directory, int depth)
        {
            foreach (DirectoryEntry name in directory.Enumerate())
            {
                using FileDescriptor? entry = directory.TryOpenPath(name.Name);
                if (entry?.Status is not { } status)
                {
                    continue;
                }
                entries++;
                if (status.Kind == FileKind.Regular && (status.Links == 1 || seen.Add(status.Inode)))
                {
                    bytes += status.Size;
                }
                if (status.Kind == FileKind.Directory && depth < 512)
                {
                    using DirectoryDescriptor? next = LiveTree.TryEnter(directory, name.Name);
                    if (next is not null)
                    {
                        Add(next, depth + 1);
                    }
                }
            }
        }
    }

    /// <summary>Writes the whole root filesystem as a tar archive, deterministic for equal content.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.ResourceExhausted"/>: deeper than 512 directories.</exception>
    public void Export(Stream output, CancellationToken cancellation = default)
    {
        using MountTree view = OpenView();
        using DirectoryDescriptor root = view.OpenRoot();
        WriteTree(root, output, asLayer: false, cancellation);
    }

    /// <summary>Writes what the container changed as a layer's archive: removals are whiteouts. Deterministic for equal content.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.ResourceExhausted"/>: deeper than 512 directories.</exception>
    public void WriteLayer(Stream output, CancellationToken cancellation = default)
    {
        using DirectoryDescriptor upper = HostFiles.OpenDirectory(UpperDirectory);
        WriteTree(upper, output, asLayer: true, cancellation);
    }

    internal static MountTree Stack(
        IReadOnlyList<string> lower, OverlayWritable? writable, UserNamespace? owners, MountAttributes attributes)
    {
        List<DirectoryDescriptor> layers = [];
        try
        {
            foreach (string path in lower)
            {
                layers.Add(HostFiles.OpenDirectory(path));
            }
            var options = new OverlayOptions { Attributes = attributes };
            return owners is null
                ? OverlayMount.Create(layers, writable, options)
                : OverlayMount.CreateIdmapped(layers, writable, owners, options);
        }
        finally
        {
            layers.ForEach(layer => layer.Dispose());
        }
    }

    internal static void WriteTree(DirectoryDescriptor root, Stream output, bool asLayer, CancellationToken cancellation, bool isStill = false)
    {
        var writer = new TarWriter(output);
        new TreeArchive(writer, asLayer, isStill, cancellation).Write(root);
        writer.Finish();
    }
}
