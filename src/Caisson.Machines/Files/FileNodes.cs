using Caisson.Linux;

namespace Caisson.Machines.Files;

/// <summary>A file that the guest's kernel knows by a number.</summary>
internal sealed class FileNode(ulong id, DeviceNumber device, ulong inode, FileKind kind)
{
    public ulong Id => id;

    public (DeviceNumber Device, ulong Inode) Key => (device, inode);

    public FileKind Kind => kind;

    /// <summary>Where it was seen last; null for the root.</summary>
    public FileNode? Parent { get; set; }

    public string Name { get; set; } = "";

    /// <summary>How often the guest's kernel has heard of it and not forgotten it.</summary>
    public ulong Lookups { get; set; }

    /// <summary>Of the inode; null when it was closed to make room.</summary>
    public FileDescriptor? Handle { get; set; }

    /// <summary>Known since the handle was closed.</summary>
    public FileTime Birth { get; set; }

    public LinkedListNode<FileNode>? Place { get; set; }
}

/// <summary>All files that the guest's kernel knows, each once, whatever names it has; so the guest has one cache for each.</summary>
/// <remarks>
/// A file is held by a handle, never by a path. Handles are bounded: those not used for the longest time are closed, and opened again by their names in their
/// parents' handles, and are then the same inode or stale. For one thread.
/// </remarks>
internal sealed class FileNodes : IDisposable
{
    private const int HandlesMax = 4_096;
    private const int NodesMax = 1 << 19;
    private const int DepthMax = 2_048;

    private readonly Dictionary<ulong, FileNode> _byId = [];
    private readonly Dictionary<(DeviceNumber Device, ulong Inode), FileNode> _byKey = [];
    private readonly LinkedList<FileNode> _used = new();
    private ulong _last = FileProtocol.RootId;

    /// <param name="root">Becomes the root's handle, which is never closed before all of this.</param>
    public FileNodes(DirectoryDescriptor root)
    {
        FileStatus status = root.Status;
        Root = new FileNode(FileProtocol.RootId, status.Device, status.Inode, FileKind.Directory) { Handle = root, Lookups = 1 };
        _byId.Add(Root.Id, Root);
        _byKey.Add(Root.Key, Root);
    }

    public FileNode Root { get; }

    /// <exception cref="LinuxException"><see cref="Errno.ESTALE"/>: the guest says a number that it was never told, or has forgotten.</exception>
    public FileNode Get(ulong id) => _byId.TryGetValue(id, out FileNode? node) ? node : throw Stale();

    /// <summary>The node of an inode, when there is one.</summary>
    public FileNode? Find(in FileStatus status) => _byKey.GetValueOrDefault((status.Device, status.Inode));

    /// <summary>The handle of a node, opened again when it was closed.</summary>
    public FileDescriptor Handle(FileNode node) => Handle(node, 0);

    /// <summary>The handle of a directory.</summary>
    /// <exception cref="LinuxException"><see cref="Errno.ENOTDIR"/>.</exception>
    public DirectoryDescriptor Directory(FileNode node) => Directory(node, 0);

    /// <summary>The node of <paramref name="name"/>, which the guest's kernel then knows once more; null when there is nothing of that name.</summary>
    public FileNode? LookUp(FileNode parent, string name, out FileStatus status)
    {
        status = default;
        FileDescriptor? handle = Directory(parent).TryOpenPath(name);
        if (handle is null)
        {
            return null;
        }
        try
        {
            status = handle.Status;
            FileNode node = Know(handle, status);
            if (node != Root)
            {
                (node.Parent, node.Name) = (parent, name);
            }
            node.Lookups++;
            return node;
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>The guest's kernel forgets a node <paramref name="times"/> times.</summary>
    public void Forget(ulong id, ulong times)
    {
        if (!_byId.TryGetValue(id, out FileNode? node) || node == Root)
        {
            return;
        }
        node.Lookups -= Math.Min(node.Lookups, times);
        if (node.Lookups == 0)
        {
            _byId.Remove(id);
            if (_byKey.GetValueOrDefault(node.Key) == node)
            {
                _byKey.Remove(node.Key);
            }
            Close(node);
        }
    }

    /// <summary>The inode of <paramref name="name"/> loses this name: a node of it is held from now on, since nothing else may lead to it.</summary>
    public void HoldBeforeRemoval(FileNode parent, string name)
    {
        if (Directory(parent).TryGetStatus(name) is { } status && Find(status) is { } node)
        {
            Handle(node);
            if (node.Place is { } place)
            {
                _used.Remove(place);
                node.Place = null;
            }
        }
    }

    /// <summary>What is at <paramref name="name"/> now came from elsewhere.</summary>
    public void Moved(FileNode parent, string name)
    {
        if (Directory(parent).TryGetStatus(name) is { } status && Find(status) is { } node && node != Root)
        {
            (node.Parent, node.Name) = (parent, name);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (FileNode node in _byId.Values)
        {
            node.Handle?.Dispose();
        }
        _byId.Clear();
        _byKey.Clear();
    }

    private FileDescriptor Handle(FileNode node, int depth)
    {
        if (node.Handle is { } open)
        {
            if (node.Place is { } place)
            {
                _used.Remove(place);
                _used.AddFirst(place);
            }
            return open;
        }
        if (node.Parent is not { } parent || depth > DepthMax)
        {
            throw Stale();
        }
        FileDescriptor handle = Directory(parent, depth + 1).TryOpenPath(node.Name) ?? throw Stale();
        FileStatus status = handle.Status;
        if ((status.Device, status.Inode) != node.Key || handle.BirthTime != node.Birth)
        {
            handle.Dispose();
            throw Stale();
        }
        return Adopt(node, handle);
    }

    private DirectoryDescriptor Directory(FileNode node, int depth) =>
        Handle(node, depth) as DirectoryDescriptor ?? throw new LinuxException("openat", Errno.ENOTDIR, "a call of a machine");

    private FileNode Know(FileDescriptor handle, in FileStatus status)
    {
        if (Find(status) is { } known)
        {
            if (known.Handle is not null)
            {
                handle.Dispose();
                return known;
            }
            if (known.Kind == status.Kind && handle.BirthTime == known.Birth)
            {
                Adopt(known, handle);
                return known;
            }
            _byKey.Remove(known.Key); // its number was given to another file: it is stale
        }
        if (_byId.Count >= NodesMax)
        {
            throw new LinuxException("openat", Errno.ENFILE, "a call of a machine");
        }
        var node = new FileNode(++_last, status.Device, status.Inode, status.Kind);
        _byId.Add(node.Id, node);
        _byKey.Add(node.Key, node);
        Adopt(node, handle);
        return node;
    }

    private FileDescriptor Adopt(FileNode node, FileDescriptor handle)
    {
        node.Handle = node.Kind == FileKind.Directory ? DirectoryDescriptor.From(handle) : handle;
        node.Place = _used.AddFirst(node);
        if (_used.Count > HandlesMax && _used.Last is { } oldest && oldest.Value != node)
        {
            oldest.Value.Birth = oldest.Value.Handle!.BirthTime;
            Close(oldest.Value);
        }
        return node.Handle;
    }

    private void Close(FileNode node)
    {
        if (node.Place is { } place)
        {
            _used.Remove(place);
            node.Place = null;
        }
        node.Handle?.Dispose();
        node.Handle = null;
    }

    private static LinuxException Stale() => new("openat", Errno.ESTALE, "a call of a machine");
}
