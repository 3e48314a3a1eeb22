using System.Security.Cryptography;

using Caisson.Images.Layers;
using Caisson.Images.Layers.Tar;
using Caisson.Linux;

using Microsoft.Win32.SafeHandles;

namespace Caisson.Control.Builds;

/// <summary>A tar archive as a tree that exists in memory alone; contents are in one file without a name.</summary>
/// <remarks>So a hostile archive meets no file system before its files are copied, one by one, into an image.</remarks>
internal sealed class ArchiveTree : IDisposable
{
    private readonly string _directory;
    private readonly Node _root = new() { Name = "", Kind = FileKind.Directory, Mode = 0x1ED };
    private FileStream? _file;
    private SafeFileHandle? _contents;
    private long _length;

    private ArchiveTree(string directory) => _directory = directory;

    /// <summary>The file with the contents; made with the first of them.</summary>
    private SafeFileHandle Contents
    {
        get
        {
            if (_contents is null)
            {
                Directory.CreateDirectory(_directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
                _file = new FileStream($"{_directory}/context-{Guid.NewGuid():N}", new FileStreamOptions
                {
                    Mode = FileMode.CreateNew,
                    Access = FileAccess.ReadWrite,
                    BufferSize = 0,
                    Options = FileOptions.DeleteOnClose,
                    UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
                });
                _contents = _file.SafeFileHandle;
            }
            return _contents;
        }
    }

    /// <summary>The tree.</summary>
    public TreeNode Root => _root;

    /// <summary>Reads an archive to its end.</summary>
    /// <param name="directory">Where contents are kept meanwhile.</param>
    /// <param name="archive">Plain, gzip or zstd; stays the caller's.</param>
    /// <param name="subject">What to call it in errors.</param>
    /// <param name="keepOwners">Owners are those of the archive; else root.</param>
    /// <param name="take">Gets regular files that it wants instead of the tree, by their paths; null wants none.</param>
    /// <param name="cancellation">Ends the work.</param>
    public static ArchiveTree Read(
        string directory, Stream archive, string subject, bool keepOwners, Func<string, Action<byte[]>?>? take, CancellationToken cancellation)
    {
        var tree = new ArchiveTree(directory);
        try
        {
            using LayerStream plain = LayerStream.Open(archive, TarLimits.Default, subject);
            var reader = new TarReader(plain, TarLimits.Default, subject);
            while (reader.Next() is { } entry)
            {
                cancellation.ThrowIfCancellationRequested();
                tree.Add(reader, entry, keepOwners, take);
            }
            return tree;
        }
        catch
        {
            tree.Dispose();
            throw;
        }
    }

    /// <summary>A tree with nothing in it.</summary>
    public static ArchiveTree Empty(string directory) => new(directory);

    /// <summary>Adds a regular file at the root.</summary>
    public TreeNode AddFile(string name, ReadOnlySpan<byte> content, int mode, FileTime modified)
    {
        var node = new Node
        {
            Name = name,
            Kind = FileKind.Regular,
            Mode = mode,
            Size = content.Length,
            Modified = modified,
            Tree = this,
            Offset = _length,
            Hash = SHA256.HashData(content),
        };
        RandomAccess.Write(Contents, content, _length);
        _length += content.Length;
        _root.Put(node);
        return node;
    }

    /// <summary>Takes out what is to be left out; a directory stays for what is brought back in it.</summary>
    public void Prune(Func<string, bool> ignores) => _root.Prune("", ignores);

    /// <inheritdoc/>
    public void Dispose() => _file?.Dispose();

    private void Add(TarReader reader, TarEntry entry, bool keepOwners, Func<string, Action<byte[]>?>? take)
    {
        string[] names = entry.Name.Split('/', StringSplitOptions.RemoveEmptyEntries);
        names = [.. names.Where(name => name != ".")];
        if (names.Contains("..") || names.Any(name => name.Contains('\0')))
        {
            throw reader.Fail($"its name '{entry.Name}' leads out of the archive");
        }
        if (names.Length == 0)
        {
            return;
        }
        if (entry.Type == TarEntryType.File && take?.Invoke(string.Join('/', names)) is { } receive)
        {
            receive(reader.ReadAll(1 << 20));
            return;
        }
        Node parent = _root;
        foreach (string name in names[..^1])
        {
            parent = parent.Find(name) as Node is { Kind: FileKind.Directory } known
                ? known
                : parent.Put(new Node { Name = name, Kind = FileKind.Directory, Mode = 0x1ED });
        }
        if (entry.Type == TarEntryType.HardLink)
        {
            Node target = TreePathsWithoutLinks(entry.LinkName)
                ?? throw reader.Fail($"it is a hard link to '{entry.LinkName}', which is not in the archive before it");
            parent.Put(target.As(names[^1]));
            return;
        }
        FileKind kind = entry.Type switch
        {
            TarEntryType.Directory => FileKind.Directory,
            TarEntryType.SymbolicLink => FileKind.Symlink,
            TarEntryType.Fifo => FileKind.Fifo,
            TarEntryType.CharacterDevice => FileKind.CharacterDevice,
            TarEntryType.BlockDevice => FileKind.BlockDevice,
            _ => FileKind.Regular,
        };
        if (kind is FileKind.CharacterDevice or FileKind.BlockDevice)
        {
            return; // nobody but the administrator makes devices
        }
        long offset = _length;
        byte[] hash = kind == FileKind.Regular ? Store(reader, entry) : [];
        Node? before = parent.Find(names[^1]) as Node;
        parent.Put(new Node
        {
            Name = names[^1],
            Kind = kind,
            Mode = entry.Mode,
            UserId = keepOwners ? entry.Uid : 0,
            GroupId = keepOwners ? entry.Gid : 0,
            Modified = new FileTime(entry.MtimeSeconds, (uint)entry.MtimeNs),
            Size = entry.Size,
            Link = entry.LinkName,
            Tree = this,
            Offset = offset,
            Hash = hash,
            Extended = keepOwners ? [.. entry.Xattrs.Where(attribute => attribute.Name.StartsWith("user.", StringComparison.Ordinal)).Select(attribute => (attribute.Name, attribute.Value))] : [],
            Entries = kind == FileKind.Directory && before is { Kind: FileKind.Directory } ? before.Entries : [],
        });
    }

    private byte[] Store(TarReader reader, TarEntry entry)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        if (entry.Segments is not null)
        {
            return StoreSparse(reader, entry, hash);
        }
        for (ReadOnlySpan<byte> chunk = reader.NextChunk(); !chunk.IsEmpty; chunk = reader.NextChunk())
        {
            Append(chunk, hash);
        }
        return hash.GetHashAndReset();
    }

    private byte[] StoreSparse(TarReader reader, TarEntry entry, IncrementalHash hash)
    {
        byte[] zeros = new byte[64 * 1024];
        byte[] buffer = new byte[64 * 1024];
        long at = 0;
        foreach (TarSegment segment in entry.Segments!)
        {
            Fill(segment.Offset);
            for (long left = segment.Length; left > 0;)
            {
                int read = reader.Read(buffer.AsSpan(0, (int)Math.Min(left, buffer.Length)));
                Append(buffer.AsSpan(0, read), hash);
                left -= read;
                at += read;
            }
        }
        Fill(entry.Size);
        return hash.GetHashAndReset();

        void Fill(long until)
        {
            while (at < until)
            {
                int length = (int)Math.Min(until - at, zeros.Length);
                Append(zeros.AsSpan(0, length), hash);
                at += length;
            }
        }
    }

    private void Append(ReadOnlySpan<byte> bytes, IncrementalHash hash)
    {
        hash.AppendData(bytes);
        RandomAccess.Write(Contents, bytes, _length);
        _length += bytes.Length;
    }

    private Node? TreePathsWithoutLinks(string path)
    {
        Node? node = _root;
        foreach (string name in path.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(name => name != "."))
        {
            node = node?.Find(name) as Node;
        }
        return node is { Kind: not FileKind.Directory } ? node : null;
    }

    private sealed class Node : TreeNode
    {
        private IReadOnlyList<TreeNode>? _ordered;

        public ArchiveTree? Tree { get; init; }

        public long Offset { get; init; }

        public byte[] Hash { get; init; } = [];

        public IReadOnlyList<(string, byte[])> Extended { get; init; } = [];

        public Dictionary<string, Node> Entries { get; init; } = [];

        public Node Put(Node child)
        {
            _ordered = null;
            return Entries[child.Name] = child;
        }

        public void Prune(string path, Func<string, bool> ignores)
        {
            foreach (Node child in Entries.Values.ToArray())
            {
                string here = path.Length == 0 ? child.Name : $"{path}/{child.Name}";
                child.Prune(here, ignores);
                if (child.Entries.Count == 0 && ignores(here))
                {
                    Entries.Remove(child.Name);
                    _ordered = null;
                }
            }
        }

        public Node As(string name) => new()
        {
            Name = name,
            Kind = Kind,
            Mode = Mode,
            UserId = UserId,
            GroupId = GroupId,
            Modified = Modified,
            Size = Size,
            Link = Link,
            Tree = Tree,
            Offset = Offset,
            Hash = Hash,
            Extended = Extended,
        };

        public override IReadOnlyList<TreeNode> Children() => _ordered ??= [.. Entries.Values.OrderBy(node => node.Name, StringComparer.Ordinal)];

        public override TreeNode? Find(string name) => Entries.GetValueOrDefault(name);

        public override byte[] ContentHash() => Hash;

        public override IReadOnlyList<(string Name, byte[] Value)> Attributes() => Extended;

        public override Stream Open() => new Part(Tree!.Contents, Offset, Size);
    }

    /// <summary>A piece of the contents, read without moving anything.</summary>
    private sealed class Part(SafeFileHandle file, long offset, long length) : ReadOnlyStream
    {
        private long _at;

        public override long Length => length;

        public override long Position { get => _at; set => throw new NotSupportedException(); }

        public override int Read(Span<byte> buffer)
        {
            int wanted = (int)Math.Min(buffer.Length, length - _at);
            int read = wanted == 0 ? 0 : RandomAccess.Read(file, buffer[..wanted], offset + _at);
            _at += read;
            return read;
        }
    }
}
