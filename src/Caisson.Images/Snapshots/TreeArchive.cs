using Caisson.Errors;
using Caisson.Images.Layers;
using Caisson.Images.Layers.Tar;
using Caisson.Linux;

namespace Caisson.Images.Snapshots;

/// <summary>Writes a directory tree as an archive: sorted, so that equal trees give equal bytes.</summary>
/// <remarks>
/// The tree may be hostile and, unless it is said to be still, may change meanwhile: everything is reached by descriptor, only regular files
/// are opened, and a file that shrinks is filled up with zeros. Sockets are left out. Recursive, so depth is bounded.
/// </remarks>
internal sealed class TreeArchive
{
    private const int DepthMax = 512;

    private readonly TarWriter _writer;
    private readonly bool _asLayer;
    private readonly bool _isStill;
    private readonly CancellationToken _cancellation;
    private readonly Dictionary<(DeviceNumber, ulong), string> _linked = [];
    private readonly byte[] _buffer = new byte[256 * 1024];

    /// <param name="writer">Receives the entries; not finished.</param>
    /// <param name="asLayer">True when the tree is an overlay's upper directory, whose removals become whiteouts.</param>
    /// <param name="isStill">True when nobody else can change the tree meanwhile, so that files are opened with one call each.</param>
    /// <param name="cancellation">Ends the work.</param>
    public TreeArchive(TarWriter writer, bool asLayer, bool isStill, CancellationToken cancellation)
    {
        _writer = writer;
        _asLayer = asLayer;
        _isStill = isStill;
        _cancellation = cancellation;
    }

    /// <summary>Writes everything below <paramref name="root"/>; the root itself is left out.</summary>
    public void Write(DirectoryDescriptor root) => WriteDirectory(root, "", 0);

    private void WriteDirectory(DirectoryDescriptor directory, string prefix, int depth)
    {
        if (depth > DepthMax)
        {
            throw new CaissonException(ErrorKind.ResourceExhausted, $"/{prefix} lies deeper than {DepthMax} directories");
        }
        foreach (DirectoryEntry name in directory.Enumerate().OrderBy(entry => entry.Name, StringComparer.Ordinal))
        {
            _cancellation.ThrowIfCancellationRequested();
            if (_isStill && name.Kind == FileKind.Regular && directory.TryOpenRegular(name.Name, out FileStatus status) is { } file)
            {
                using (file)
                {
                    string path = prefix + name.Name;
                    if (!IsLinked(path, status))
                    {
                        WriteContent(file, path, status);
                    }
                }
                continue;
            }
            using FileDescriptor? entry = directory.TryOpenPath(name.Name);
            if (entry is not null)
            {
                WriteEntry(directory, name.Name, entry, prefix, depth);
            }
        }
    }

    private void WriteEntry(DirectoryDescriptor parent, string name, FileDescriptor entry, string prefix, int depth)
    {
        FileStatus status = entry.Status;
        string path = prefix + name;
        if (_asLayer && status is { Kind: FileKind.CharacterDevice, DeviceNode: { Major: 0, Minor: 0 } })
        {
            WriteWhiteout($"{prefix}.wh.{name}");
            return;
        }
        if (status.Kind != FileKind.Directory && IsLinked(path, status))
        {
            return;
        }
        switch (status.Kind)
        {
            case FileKind.Directory:
                _writer.Write(Header(TarEntryType.Directory, path + "/", status) with { Xattrs = Xattrs(entry) }, []);
                if (_asLayer && entry.GetExtendedAttribute(LayerXattrs.Opaque) is [(byte)'y'])
                {
                    WriteWhiteout($"{path}/.wh..wh..opq");
                }
                using (DirectoryDescriptor? directory = LiveTree.TryEnter(parent, name))
                {
                    if (directory is not null)
                    {
                        WriteDirectory(directory, path + "/", depth + 1);
                    }
                }
                break;
            case FileKind.Regular:
                WriteFile(entry, path, status);
                break;
            case FileKind.Symlink:
                _writer.Write(Header(TarEntryType.SymbolicLink, path, status) with { LinkName = entry.ReadLink() }, []);
                break;
            case FileKind.Fifo:
                _writer.Write(Header(TarEntryType.Fifo, path, status), []);
                break;
            case FileKind.CharacterDevice or FileKind.BlockDevice:
                var type = status.Kind == FileKind.CharacterDevice ? TarEntryType.CharacterDevice : TarEntryType.BlockDevice;
                _writer.Write(Header(type, path, status) with
                {
                    DeviceMajor = status.DeviceNode.Major,
                    DeviceMinor = status.DeviceNode.Minor,
                }, []);
                break;
        }
    }

    /// <summary>Writes a name of an inode that has been written under another; false when this is the first.</summary>
    private bool IsLinked(string path, FileStatus status)
    {
        if (status.Links <= 1)
        {
            return false;
        }
        if (_linked.TryGetValue((status.Device, status.Inode), out string? first))
        {
            _writer.Write(Header(TarEntryType.HardLink, path, status) with { LinkName = first }, []);
            return true;
        }
        _linked.Add((status.Device, status.Inode), path);
        return false;
    }

    private void WriteFile(FileDescriptor entry, string path, FileStatus status)
    {
        using FileDescriptor file = entry.ReopenRegular(path);
        WriteContent(file, path, status);
    }

    private void WriteContent(FileDescriptor file, string path, FileStatus status)
    {
        _writer.Start(Header(TarEntryType.File, path, status) with { Size = status.Size, Xattrs = Xattrs(file) });
        long left = status.Size;
        while (left > 0)
        {
            _cancellation.ThrowIfCancellationRequested();
            Span<byte> buffer = _buffer.AsSpan(0, (int)Math.Min(left, _buffer.Length));
            int read = file.Read(buffer);
            if (read == 0)
            {
                buffer.Clear();
                read = buffer.Length;
            }
            _writer.Write(buffer[..read]);
            left -= read;
        }
    }

    private void WriteWhiteout(string path) => _writer.Write(new TarEntry { Type = TarEntryType.File, Name = path, Mode = 0 }, []);

    private static TarEntry Header(TarEntryType type, string path, FileStatus status) => new()
    {
        Type = type,
        Name = path,
        Mode = status.Mode,
        Uid = status.UserId,
        Gid = status.GroupId,
        MtimeSeconds = status.ModifiedTime.Seconds,
    };

    private static List<TarXattr> Xattrs(FileDescriptor entry)
    {
        List<TarXattr> xattrs = [];
        foreach (string name in entry.ListExtendedAttributes())
        {
            if (LayerXattrs.IsExported(name) && entry.GetExtendedAttribute(name) is { } value)
            {
                xattrs.Add(new TarXattr(name, value));
            }
        }
        return xattrs;
    }
}
