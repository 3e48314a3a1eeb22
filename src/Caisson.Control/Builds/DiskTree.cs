using System.Security.Cryptography;

using Caisson.Linux;

namespace Caisson.Control.Builds;

/// <summary>A read-only mount of another stage or image as a tree; every entry is opened within it by the kernel, links not followed.</summary>
internal sealed class DiskTree : IDisposable
{
    private const PathLookup Exact = PathLookup.NoFollowLast | PathLookup.NoSymlinks;

    private readonly MountTree _mount;
    private readonly RootDirectory _root;
    private readonly ContentHashes _hashes;

    /// <param name="mount">Owned from now on; its files are those of layers, which never change.</param>
    /// <param name="hashes">What is known of files.</param>
    public DiskTree(MountTree mount, ContentHashes hashes)
    {
        _mount = mount;
        _hashes = hashes;
        _root = RootDirectory.From(mount);
        Root = Make("", "", _root.Directory.Status, "");
    }

    /// <summary>The tree.</summary>
    public TreeNode Root { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        _root.Dispose();
        _mount.Dispose();
    }

    private Node Make(string path, string name, FileStatus status, string link) => new(this, path, status)
    {
        Name = name,
        Kind = status.Kind,
        Mode = status.Mode,
        UserId = status.UserId,
        GroupId = status.GroupId,
        Modified = status.ModifiedTime,
        Size = status.Size,
        Link = link,
        Device = status.DeviceNode,
    };

    private sealed class Node(DiskTree tree, string path, FileStatus status) : TreeNode
    {
        public override IReadOnlyList<TreeNode> Children() => Kind != FileKind.Directory ? [] :
        [
            .. tree._root.Enumerate(path.Length == 0 ? "/" : path).Select(entry => entry.Name).Order(StringComparer.Ordinal).Select(Find).OfType<TreeNode>(),
        ];

        public override TreeNode? Find(string name)
        {
            string child = $"{path}/{name}";
            if (Kind != FileKind.Directory)
            {
                return null;
            }
            using FileDescriptor? entry = tree._root.TryOpenPath(child, Exact);
            return entry?.Status is { } status ? tree.Make(child, name, status, status.Kind == FileKind.Symlink ? entry.ReadLink() : "") : null;
        }

        /// <summary>An overlay has a device number of its own each time, but shows the inodes of the layers, which are on one file system.</summary>
        public override byte[] ContentHash()
        {
            FileStatus known = status with { Device = default };
            if (tree._hashes.Find(known) is { } hash)
            {
                return hash;
            }
            using Stream content = Open();
            hash = SHA256.HashData(content);
            tree._hashes.Add(known, hash);
            return hash;
        }

        public override Stream Open() =>
            new FileStream(tree._root.OpenFile(path, lookup: Exact).ToFileHandle(), FileAccess.Read, 128 * 1024);

        public override void CopyContent(FileDescriptor target, byte[] buffer, CancellationToken cancellation)
        {
            using FileDescriptor source = tree._root.OpenFile(path, lookup: Exact);
            CopyContent(source, Size, target, buffer, cancellation);
        }

        public override IReadOnlyList<(string Name, byte[] Value)> Attributes()
        {
            if (Kind is not (FileKind.Regular or FileKind.Directory) || path.Length == 0)
            {
                return [];
            }
            using FileDescriptor entry = tree._root.OpenPath(path, Exact);
            List<(string, byte[])> all = [];
            foreach (string name in entry.ListExtendedAttributes())
            {
                bool travels = name == "security.capability"
                    || (name.StartsWith("user.", StringComparison.Ordinal) && !name.StartsWith("user.overlay.", StringComparison.Ordinal));
                if (travels && entry.GetExtendedAttribute(name) is { } value)
                {
                    all.Add((name, value));
                }
            }
            return all;
        }
    }
}
