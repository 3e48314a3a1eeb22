using Caisson.Errors;

namespace Caisson.Linux;

/// <summary>Detached mounts of the layers and of the writable part of an overlay, each showing its owners through a user namespace.</summary>
internal sealed class MappedLayers : IDisposable
{
    /// <summary>What an id without a mapping is shown as. Source: user_namespaces(7), /proc/sys/kernel/overflowuid.</summary>
    private const uint OverflowId = 65534;

    private readonly List<MountTree> _trees = [];
    private readonly DirectoryDescriptor? _writableRoot;

    internal MappedLayers(IReadOnlyList<Descriptor> lowers, OverlayWritable? writable, UserNamespace users)
    {
        try
        {
            foreach (Descriptor lower in lowers)
            {
                Map(lower, users);
            }
            Lowers = [.. _trees];
            if (writable is not null)
            {
                // Upper and work must be on one and the same mount, so their parent is mapped.
                _writableRoot = Map(writable.Parent, users).OpenRoot();
                Writable = writable with { Parent = _writableRoot };
                UpperOwner = OwnerOf(writable, users);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The layers, topmost first.</summary>
    internal IReadOnlyList<Descriptor> Lowers { get; } = [];

    /// <summary>The writable part on its mapped mount.</summary>
    internal OverlayWritable? Writable { get; }

    /// <summary>Who owns the upper directory, as host ids seen through the map.</summary>
    internal (uint UserId, uint GroupId)? UpperOwner { get; }

    /// <summary>Puts all mounts on one directory, each over the last: they are used by descriptor.</summary>
    internal void Attach(string hostDirectory)
    {
        using var target = HostFiles.OpenDirectory(hostDirectory);
        foreach (MountTree tree in _trees)
        {
            tree.Attach(target);
        }
    }

    public void Dispose()
    {
        _writableRoot?.Dispose();
        _trees.ForEach(tree => tree.Dispose());
    }

    private (uint UserId, uint GroupId) OwnerOf(OverlayWritable writable, UserNamespace users)
    {
        using var plain = writable.Parent.OpenDirectory(writable.Upper);
        using var seen = _writableRoot!.OpenDirectory(writable.Upper);
        var (disk, view) = (plain.Status, seen.Status);
        return view.UserId == OverflowId || view.GroupId == OverflowId
            ? throw new CaissonException(
                ErrorKind.FailedPrecondition,
                $"overlay in {users}: the upper directory belongs to {disk.UserId}:{disk.GroupId}, which are no ids of the namespace; it must belong to 0:0")
            : (view.UserId, view.GroupId);
    }

    private MountTree Map(Descriptor directory, UserNamespace users)
    {
        var tree = MountTree.Clone(directory);
        _trees.Add(tree);
        tree.SetIdMap(users);
        return tree;
    }
}
