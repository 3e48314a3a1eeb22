using System.Security.Cryptography;

using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Control.Builds;

/// <summary>A directory of this machine as a tree, read where it lies: names when they are asked for, contents when they are copied.</summary>
/// <remarks>
/// Owners are root and extended attributes are left out, as in an archive of a context. Everything is opened within the directory by the kernel, links
/// not followed. A directory is read once, so that all steps meet the same names; a file that changes after it was looked at ends the build.
/// </remarks>
internal sealed class HostTree : IDisposable
{
    private const PathLookup Exact = PathLookup.NoFollowLast | PathLookup.NoSymlinks;

    private readonly RootDirectory _directory;
    private readonly ContentHashes _hashes;
    private readonly Lock _sync = new();
    private readonly byte[] _buffer = new byte[128 * 1024];
    private Func<string, bool>? _ignores;
    private bool _looksIntoIgnored;

    /// <param name="directory">Owned from now on.</param>
    /// <param name="hashes">What is known of files.</param>
    public HostTree(RootDirectory directory, ContentHashes hashes)
    {
        _directory = directory;
        _hashes = hashes;
        Root = new Node(this, "", directory.Directory.Status) { Name = "", Kind = FileKind.Directory, Mode = directory.Directory.Status.Mode };
    }

    /// <summary>The tree.</summary>
    public TreeNode Root { get; private set; }

    /// <summary>Leaves files out, also of what was asked for already.</summary>
    /// <param name="ignores">Which, by path.</param>
    /// <param name="looksIntoIgnored">True when something in a directory that is left out may not be.</param>
    public void Ignore(Func<string, bool> ignores, bool looksIntoIgnored)
    {
        _ignores = ignores;
        _looksIntoIgnored = looksIntoIgnored;
        Root = new Node(this, "", _directory.Directory.Status) { Name = "", Kind = FileKind.Directory, Mode = Root.Mode };
    }

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();

    private Dictionary<string, Node> Read(string path)
    {
        Dictionary<string, Node> entries = [];
        using DirectoryDescriptor directory = path.Length == 0 ? _directory.Directory.Duplicate() : _directory.OpenDirectory(path, Exact);
        foreach (DirectoryEntry entry in directory.Enumerate())
        {
            if (Look(directory, path, entry.Name) is { } node)
            {
                entries[entry.Name] = node;
            }
        }
        return entries;
    }

    private Node? Look(DirectoryDescriptor directory, string parent, string name)
    {
        string path = parent.Length == 0 ? name : $"{parent}/{name}";
        bool ignored = _ignores?.Invoke(path) == true;
        if (directory.TryGetStatus(name) is not { Kind: FileKind.Regular or FileKind.Directory or FileKind.Symlink } status
            || (ignored && (status.Kind != FileKind.Directory || !_looksIntoIgnored)))
        {
            return null;
        }
        string link = "";
        if (status.Kind == FileKind.Symlink)
        {
            using FileDescriptor? opened = directory.TryOpenPath(name);
            if (opened?.Status.Kind != FileKind.Symlink)
            {
                return null; // it was replaced a moment ago
            }
            link = opened.ReadLink();
        }
        var node = new Node(this, path, status)
        {
            Name = name,
            Kind = status.Kind,
            Mode = status.Mode,
            Size = status.Kind == FileKind.Regular ? status.Size : 0,
            Modified = status.ModifiedTime,
            Link = link,
        };
        return ignored && node.Children().Count == 0 ? null : node;
    }

    private sealed class Node(HostTree tree, string path, FileStatus seen) : TreeNode
    {
        private Dictionary<string, Node>? _entries;
        private IReadOnlyList<TreeNode>? _ordered;
        private FileStatus _seen = seen;
        private byte[]? _hash;

        public override IReadOnlyList<TreeNode> Children()
        {
            if (Kind != FileKind.Directory)
            {
                return [];
            }
            lock (tree._sync)
            {
                _entries ??= tree.Read(path);
                return _ordered ??= [.. _entries.Values.OrderBy(node => node.Name, StringComparer.Ordinal)];
            }
        }

        public override TreeNode? Find(string name)
        {
            if (Kind != FileKind.Directory)
            {
                return null;
            }
            lock (tree._sync)
            {
                return (_entries ??= tree.Read(path)).GetValueOrDefault(name);
            }
        }

        public override byte[] ContentHash()
        {
            lock (tree._sync)
            {
                return _hash ??= tree._hashes.Find(_seen) ?? ReadHash();
            }
        }

        public override Stream Open() => new FileStream(OpenSeen().ToFileHandle(), FileAccess.Read, 128 * 1024);

        public override void CopyContent(FileDescriptor target, byte[] buffer, CancellationToken cancellation)
        {
            using FileDescriptor source = OpenSeen();
            CopyContent(source, Size, target, buffer, cancellation);
            RequireSame(source.Status);
        }

        /// <summary>What is hashed is what counts from then on; it may have been written to since its directory was read.</summary>
        private byte[] ReadHash()
        {
            using FileDescriptor file = tree._directory.TryOpenRegular(path, out FileStatus before, Exact) ?? throw Changed();
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            for (int read = file.Read(tree._buffer); read > 0; read = file.Read(tree._buffer))
            {
                hash.AppendData(tree._buffer, 0, read);
            }
            byte[] result = hash.GetHashAndReset();
            _seen = before;
            RequireSame(file.Status);
            tree._hashes.Add(before, result);
            return result;
        }

        private FileDescriptor OpenSeen()
        {
            FileDescriptor file = tree._directory.TryOpenRegular(path, out FileStatus now, Exact) ?? throw Changed();
            try
            {
                RequireSame(now);
                return file;
            }
            catch
            {
                file.Dispose();
                throw;
            }
        }

        private void RequireSame(FileStatus now)
        {
            if (!ContentHashes.IsSame(_seen, now))
            {
                throw Changed();
            }
        }

        private CaissonException Changed() =>
            new(ErrorKind.FailedPrecondition, $"'{path}' was changed while the build read it; build again, or leave it out by .dockerignore");
    }
}
