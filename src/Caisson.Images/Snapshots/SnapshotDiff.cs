using Caisson.Errors;
using Caisson.Images.Layers;
using Caisson.Linux;

namespace Caisson.Images.Snapshots;

/// <summary>Compares an overlay's upper directory with the image below it.</summary>
/// <remarks>Source: overlayfs.rst, "whiteouts and opaque directories".</remarks>
internal sealed class SnapshotDiff
{
    private const int DepthMax = 512;

    private readonly RootDirectory? _image;
    private readonly List<FileChange> _changes = [];

    /// <param name="image">The image's root; null when it has no layer.</param>
    private SnapshotDiff(RootDirectory? image) => _image = image;

    /// <summary>All differences, ordered by path.</summary>
    public static IReadOnlyList<FileChange> Compute(DirectoryDescriptor upper, RootDirectory? image)
    {
        var diff = new SnapshotDiff(image);
        diff.Compare(upper, "", hidden: false, 0);
        diff._changes.Sort((a, b) => string.CompareOrdinal(a.Path, b.Path));
        return diff._changes;
    }

    /// <param name="directory">In the upper directory.</param>
    /// <param name="path">Its path, without a slash at the end.</param>
    /// <param name="hidden">True when the image's directory at the path was removed before this one was made.</param>
    /// <param name="depth">Directories above.</param>
    private void Compare(DirectoryDescriptor directory, string path, bool hidden, int depth)
    {
        if (depth > DepthMax)
        {
            throw new CaissonException(ErrorKind.ResourceExhausted, $"{path} lies deeper than {DepthMax} directories");
        }
        List<DirectoryEntry> entries = directory.Enumerate();
        foreach (DirectoryEntry name in entries)
        {
            using FileDescriptor? entry = directory.TryOpenPath(name.Name);
            if (entry is null)
            {
                continue;
            }
            string child = $"{path}/{name.Name}";
            FileStatus status = entry.Status;
            FileStatus? below = _image?.TryGetStatus(child, PathLookup.NoFollowLast | PathLookup.NoSymlinks);
            if (status is { Kind: FileKind.CharacterDevice, DeviceNode: { Major: 0, Minor: 0 } })
            {
                if (below is not null)
                {
                    _changes.Add(new FileChange(ChangeKind.Deleted, child));
                }
                continue;
            }
            _changes.Add(new FileChange(below is null ? ChangeKind.Added : ChangeKind.Changed, child));
            if (status.Kind == FileKind.Directory)
            {
                bool opaque = hidden || entry.GetExtendedAttribute(LayerXattrs.Opaque) is [(byte)'y'];
                using DirectoryDescriptor? next = LiveTree.TryEnter(directory, name.Name);
                if (next is not null)
                {
                    Compare(next, child, opaque, depth + 1);
                }
            }
        }
        if (hidden)
        {
            AddHidden(path, entries);
        }
    }

    private void AddHidden(string path, List<DirectoryEntry> entries)
    {
        if (_image?.TryGetStatus(path, PathLookup.NoFollowLast | PathLookup.NoSymlinks) is not { Kind: FileKind.Directory })
        {
            return;
        }
        HashSet<string> present = [.. entries.Select(entry => entry.Name)];
        foreach (DirectoryEntry gone in _image.Enumerate(path).Where(entry => !present.Contains(entry.Name)))
        {
            _changes.Add(new FileChange(ChangeKind.Deleted, $"{path}/{gone.Name}"));
        }
    }
}
