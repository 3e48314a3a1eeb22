using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Control.Builds;

/// <summary>Copies nodes into a root filesystem. Every path there is opened by the kernel within it; nothing that exists is written through.</summary>
/// <remarks>Not for several threads.</remarks>
internal sealed class TreeCopier
{
    private const int DepthMax = 512;

    private readonly RootDirectory _target;
    private readonly RootDirectory? _upper;
    private readonly (uint UserId, uint GroupId)? _owner;
    private readonly string? _mode;
    private readonly Func<string, bool>? _ignores;
    private readonly CancellationToken _cancellation;
    private readonly byte[] _buffer = new byte[128 * 1024];
    private string? _made;

    /// <param name="target">The root.</param>
    /// <param name="upper">
    /// What of an overlay's root is written to, when <paramref name="target"/> is one that nobody else has: what is in directories that are new is written
    /// there at once, past the overlay, which asks every layer for every name. Null for a root that is no overlay.
    /// </param>
    /// <param name="owner">Of the copies; null for the sources' own.</param>
    /// <param name="mode">Of the copies, as <c>--chmod</c>; null for the sources' own.</param>
    /// <param name="ignores">What is left out, by its path in the source; null for nothing.</param>
    /// <param name="cancellation">Ends the work.</param>
    public TreeCopier(
        RootDirectory target, RootDirectory? upper, (uint UserId, uint GroupId)? owner, string? mode, Func<string, bool>? ignores, CancellationToken cancellation)
    {
        _target = target;
        _upper = upper;
        _owner = owner;
        _mode = mode;
        _ignores = ignores;
        _cancellation = cancellation;
    }

    /// <summary>Makes a directory with those above it, all of the owner.</summary>
    public void MakeDirectory(string path)
    {
        _made = _target.TryGetStatus(path) is null ? path : null;
        _target.CreateDirectories(path, 0x1ED, _owner ?? (0, 0)).Dispose();
    }

    /// <summary>Whether there is a directory, links followed.</summary>
    public bool IsDirectory(string path) => _target.TryGetStatus(path)?.Kind == FileKind.Directory;

    /// <summary>Copies what is in a directory into another.</summary>
    /// <param name="source">A directory.</param>
    /// <param name="path">Its path in the source, for what is left out.</param>
    /// <param name="destination">Made as needed.</param>
    public void CopyContents(TreeNode source, string path, string destination)
    {
        bool isNew = _target.TryGetStatus(destination) is null;
        bool isEmpty = isNew || _made == destination;
        _made = null;
        using DirectoryDescriptor directory = _target.CreateDirectories(destination, 0x1ED, _owner ?? (0, 0));
        using DirectoryDescriptor? direct = isEmpty ? TryOpenUpper(directory) : null;
        if (direct is not null)
        {
            CopyNew(source, path, direct, 0);
        }
        else
        {
            CopyChildren(source, path, directory, 0);
        }
        if (isNew && source.Name.Length > 0)
        {
            Describe(directory, source);
        }
    }

    /// <summary>Copies a file, or a directory with its own name.</summary>
    /// <param name="source">Anything.</param>
    /// <param name="path">Its path in the source.</param>
    /// <param name="destination">The new path; directories above it are made as needed.</param>
    public void CopyTo(TreeNode source, string path, string destination)
    {
        _made = null;
        int slash = destination.LastIndexOf('/');
        using DirectoryDescriptor parent = _target.CreateDirectories(slash <= 0 ? "/" : destination[..slash], 0x1ED, _owner ?? (0, 0));
        Copy(source, path, parent, destination[(slash + 1)..], 0);
    }

    private void CopyChildren(TreeNode source, string path, DirectoryDescriptor directory, int depth)
    {
        foreach (TreeNode child in source.Children())
        {
            Copy(child, path.Length == 0 ? child.Name : $"{path}/{child.Name}", directory, child.Name, depth + 1);
        }
    }

    private void Copy(TreeNode source, string path, DirectoryDescriptor parent, string name, int depth)
    {
        _cancellation.ThrowIfCancellationRequested();
        if (depth > DepthMax)
        {
            throw new CaissonException(ErrorKind.ResourceExhausted, $"{path} lies deeper than {DepthMax} directories");
        }
        if (_ignores?.Invoke(path) == true && source.Kind != FileKind.Directory)
        {
            return;
        }
        if (source.Kind == FileKind.Directory)
        {
            CopyDirectory(source, path, parent, name, depth);
            return;
        }
        MakeRoom(parent, name, path);
        if (source.Kind == FileKind.Regular)
        {
            using FileDescriptor file = parent.CreateFile(name, 0x180);
            source.CopyContent(file, _buffer, _cancellation);
            Describe(file, source);
            return;
        }
        Place(source, parent, name);
    }

    /// <summary>Makes what is neither a directory nor a regular file; the name is free.</summary>
    private void Place(TreeNode source, DirectoryDescriptor parent, string name)
    {
        switch (source.Kind)
        {
            case FileKind.Symlink:
                parent.CreateSymlink(name, source.Link);
                break;
            case FileKind.Fifo or FileKind.CharacterDevice or FileKind.BlockDevice:
                parent.CreateNode(name, source.Kind, 0x180, source.Device);
                break;
            default:
                return; // a socket is nothing without who listens
        }
        using FileDescriptor? made = parent.TryOpenPath(name);
        if (made is not null)
        {
            Describe(made, source);
        }
    }

    private void CopyDirectory(TreeNode source, string path, DirectoryDescriptor parent, string name, int depth)
    {
        DirectoryDescriptor directory;
        bool isNew = true;
        using (FileDescriptor? existing = parent.TryOpenPath(name))
        {
            switch (existing?.Status.Kind)
            {
                case null:
                    if (_ignores?.Invoke(path) == true && !HasWanted(source, path))
                    {
                        return;
                    }
                    directory = parent.CreateDirectory(name, 0x1ED);
                    break;
                case FileKind.Directory:
                    directory = parent.OpenDirectory(name);
                    isNew = false;
                    break;
                default:
                    throw new CaissonException(ErrorKind.InvalidArgument, $"cannot copy the directory '{path}' over '{name}', which is no directory");
            }
        }
        using (directory)
        {
            using DirectoryDescriptor? direct = isNew ? TryOpenUpper(directory) : null;
            if (direct is not null)
            {
                CopyNew(source, path, direct, depth);
            }
            else
            {
                CopyChildren(source, path, directory, depth);
            }
            if (isNew)
            {
                Describe(directory, source);
            }
        }
    }

    /// <summary>The directory that an overlay keeps a new one of its own in; null when there is none, or it is not certain which.</summary>
    private DirectoryDescriptor? TryOpenUpper(DirectoryDescriptor directory)
    {
        if (_upper is null || new FileInfo(directory.ProcPath).LinkTarget is not { } path || !path.StartsWith('/'))
        {
            return null;
        }
        using FileDescriptor? found = _upper.TryOpenPath(path, PathLookup.NoFollowLast | PathLookup.NoSymlinks);
        return found?.Status is { Kind: FileKind.Directory } status && status.Inode == directory.Status.Inode
            ? _upper.OpenDirectory(path, PathLookup.NoFollowLast | PathLookup.NoSymlinks)
            : null;
    }

    /// <summary>Copies what is in a directory into one that is empty and nobody looks at: no name can be taken.</summary>
    private void CopyNew(TreeNode source, string prefix, DirectoryDescriptor directory, int depth)
    {
        if (depth > DepthMax)
        {
            throw new CaissonException(ErrorKind.ResourceExhausted, $"{prefix} lies deeper than {DepthMax} directories");
        }
        foreach (TreeNode child in source.Children())
        {
            _cancellation.ThrowIfCancellationRequested();
            string path = prefix.Length == 0 ? child.Name : $"{prefix}/{child.Name}";
            if (child.Kind == FileKind.Directory)
            {
                if (_ignores?.Invoke(path) == true && !HasWanted(child, path))
                {
                    continue;
                }
                using DirectoryDescriptor made = directory.CreateDirectory(child.Name, 0x1ED);
                CopyNew(child, path, made, depth + 1);
                Describe(made, child);
            }
            else if (_ignores?.Invoke(path) != true)
            {
                if (child.Kind == FileKind.Regular)
                {
                    CopyNewFile(child, directory);
                }
                else
                {
                    Place(child, directory, child.Name);
                }
            }
        }
    }

    /// <summary>A file of root's own is made as it shall be, so that only its time is left to set.</summary>
    private void CopyNewFile(TreeNode source, DirectoryDescriptor directory)
    {
        bool isPlain = (_owner ?? (source.UserId, source.GroupId)) == (0, 0) && source.Attributes().Count == 0;
        using FileDescriptor file = directory.CreateFile(source.Name, isPlain ? ModeOf(source) : 0x180);
        source.CopyContent(file, _buffer, _cancellation);
        if (isPlain)
        {
            file.ChangeTimes(null, source.Modified);
        }
        else
        {
            Describe(file, source);
        }
    }

    private int ModeOf(TreeNode source) => _mode is null ? source.Mode : CopyMode.Apply(_mode, source.Mode, source.Kind == FileKind.Directory);

    /// <summary>Whether something below a directory that is left out is not.</summary>
    private bool HasWanted(TreeNode source, string path) => source.Children().Any(child =>
        !_ignores!($"{path}/{child.Name}") || (child.Kind == FileKind.Directory && HasWanted(child, $"{path}/{child.Name}")));

    private static void MakeRoom(DirectoryDescriptor parent, string name, string path)
    {
        using FileDescriptor? existing = parent.TryOpenPath(name);
        if (existing is null)
        {
            return;
        }
        if (existing.Status.Kind == FileKind.Directory)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"cannot copy '{path}' over '{name}', which is a directory");
        }
        parent.Unlink(name);
    }

    /// <summary>A change of owner takes set-id bits away, so the mode comes after it, and the times last.</summary>
    private void Describe(FileDescriptor made, TreeNode source)
    {
        (uint user, uint group) = _owner ?? (source.UserId, source.GroupId);
        made.ChangeOwner(user, group);
        foreach ((string name, byte[] value) in source.Attributes())
        {
            try
            {
                made.SetExtendedAttribute(name, value);
            }
            catch (LinuxException error) when (error.Errno == Errno.EOPNOTSUPP)
            {
                // The file system has none of this kind.
            }
        }
        if (source.Kind != FileKind.Symlink)
        {
            made.ChangeMode(ModeOf(source));
        }
        made.ChangeTimes(null, source.Modified);
    }
}
