using Caisson.Errors;
using Caisson.Images.Layers.Tar;
using Caisson.Linux;

namespace Caisson.Images.Layers;

/// <summary>Writes the entries of one archive into one directory, as overlayfs wants a layer: removals become 0/0 devices.</summary>
/// <remarks>
/// The archive is hostile. Every parent is opened inside the directory by the kernel (links end at its root), every entry is
/// made by its plain name in that parent and never through what is already there, and all metadata goes through the
/// descriptor of what was made. Nothing below other layers is looked at. Not for several threads.
/// Source: image-spec layer.md; overlayfs.rst, "whiteouts and opaque directories".
/// </remarks>
internal sealed class LayerUnpacker : IDisposable
{
    private const int ImplicitMode = 0x1ed; // 0755
    private const int SetGroupId = 0x400; // 02000
    private const int SetIds = 0xc00; // 06000

    private readonly RootDirectory _root;
    private readonly TarReader _reader;
    private readonly TarLimits _limits;
    private readonly bool _allowDevices;
    private readonly DirectoryCache _cache = new();
    private readonly Dictionary<string, MadeDirectory> _directories = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _implicit = new(StringComparer.Ordinal) { "" };
    private long _fileBytes;
    private long _devicesSkipped;
    private long _xattrsDropped;
    private bool _hidesLower;

    /// <param name="root">The empty directory to fill; stays the caller's.</param>
    /// <param name="reader">At the start of the archive.</param>
    /// <param name="limits">Bounds of names.</param>
    /// <param name="allowDevices">True to make device nodes, for archives of the administrator's own.</param>
    public LayerUnpacker(RootDirectory root, TarReader reader, TarLimits limits, bool allowDevices)
    {
        _root = root;
        _reader = reader;
        _limits = limits;
        _allowDevices = allowDevices;
        _root.Directory.ChangeMode(ImplicitMode);
    }

    /// <summary>Unpacks to the end of the archive.</summary>
    /// <exception cref="CaissonException">The archive is refused; the directory then holds a part of it.</exception>
    public LayerContents Run(CancellationToken cancellation)
    {
        while (_reader.Next() is { } entry)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                Unpack(entry);
            }
            catch (LinuxException e)
            {
                throw new CaissonException(e.Kind, _reader.Fail(e.Message).Message, e);
            }
        }
        FinishDirectories();
        return new LayerContents
        {
            Entries = _reader.Entries,
            FileBytes = _fileBytes,
            DevicesSkipped = _devicesSkipped,
            XattrsDropped = _xattrsDropped,
            HidesLower = _hidesLower,
            ImplicitDirectories = [.. _implicit],
        };
    }

    /// <inheritdoc/>
    public void Dispose() => _cache.Dispose();

    private void Unpack(TarEntry entry)
    {
        if (!LayerPath.TryParse(entry.Name, _limits, out LayerPath path, out string fault))
        {
            throw _reader.Fail(fault);
        }
        switch (path.Kind)
        {
            case LayerPathKind.Ignored:
                return;
            case LayerPathKind.Root:
                if (entry.Type != TarEntryType.Directory)
                {
                    throw _reader.Fail("the root of a layer can only be a directory");
                }
                Describe(_root.Directory, "", entry);
                return;
            case LayerPathKind.Whiteout or LayerPathKind.Opaque when entry.Type != TarEntryType.File || entry.Size != 0:
                throw _reader.Fail("a whiteout must be an empty regular file");
            case LayerPathKind.Whiteout:
                MakeWhiteout(path);
                return;
            case LayerPathKind.Opaque when path.Path.Length == 0:
                _hidesLower = true;
                return;
            case LayerPathKind.Opaque:
                MarkOpaque(Directory(path.Path));
                return;
        }

        switch (entry.Type)
        {
            case TarEntryType.Directory:
                MakeDirectory(path, entry);
                break;
            case TarEntryType.File:
                MakeFile(path, entry);
                break;
            case TarEntryType.HardLink:
                MakeHardLink(path, entry);
                break;
            case TarEntryType.SymbolicLink:
                MakeSymbolicLink(path, entry);
                break;
            case TarEntryType.Fifo:
                MakeNode(path, entry, FileKind.Fifo);
                break;
            case TarEntryType.CharacterDevice or TarEntryType.BlockDevice
                when !_allowDevices || entry is { DeviceMajor: 0, DeviceMinor: 0 }:
                _devicesSkipped++;
                break;
            case TarEntryType.CharacterDevice:
                MakeNode(path, entry, FileKind.CharacterDevice);
                break;
            case TarEntryType.BlockDevice:
                MakeNode(path, entry, FileKind.BlockDevice);
                break;
        }
    }

    private void MakeFile(LayerPath path, TarEntry entry)
    {
        DirectoryDescriptor parent = Directory(path.Parent);
        using FileDescriptor file = Make(parent, path.Leaf, name => parent.CreateFile(name, entry.Mode & ~SetIds));
        if (entry.Segments is null)
        {
            for (ReadOnlySpan<byte> chunk = _reader.NextChunk(); !chunk.IsEmpty; chunk = _reader.NextChunk())
            {
                file.Write(chunk);
            }
        }
        else
        {
            WriteSparse(file, entry);
        }
        _fileBytes += entry.StoredSize;
        SetOwner(file, entry);
        SetXattrs(file, entry);
        file.ChangeTimes(null, Mtime(entry));
    }

    private void WriteSparse(FileDescriptor file, TarEntry entry)
    {
        using var handle = file.Duplicate().ToFileHandle();
        foreach (TarSegment segment in entry.Segments!)
        {
            byte[] buffer = new byte[(int)Math.Min(segment.Length, 64 * 1024)];
            for (long done = 0; done < segment.Length;)
            {
                int read = _reader.Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, segment.Length - done)));
                RandomAccess.Write(handle, buffer.AsSpan(0, read), segment.Offset + done);
                done += read;
            }
        }
        file.SetSize(entry.Size);
    }

    private void MakeDirectory(LayerPath path, TarEntry entry)
    {
        DirectoryDescriptor parent = Directory(path.Parent);
        DirectoryDescriptor directory;
        bool coversWhiteout = false;
        try
        {
            directory = parent.CreateDirectory(path.Leaf, ImplicitMode);
        }
        catch (LinuxException e) when (e.Errno == Errno.EEXIST)
        {
            using FileDescriptor? existing = parent.TryOpenPath(path.Leaf);
            FileStatus? status = existing?.Status;
            if (status is { Kind: FileKind.Directory })
            {
                directory = parent.OpenDirectory(path.Leaf);
            }
            else
            {
                coversWhiteout = status is { } other && IsWhiteout(other);
                Remove(parent, path.Leaf);
                directory = parent.CreateDirectory(path.Leaf, ImplicitMode);
            }
        }
        if (coversWhiteout)
        {
            MarkOpaque(directory);
        }
        _cache.Add(path.Path, directory);
        Describe(directory, path.Path, entry);
    }

    private void MakeHardLink(LayerPath path, TarEntry entry)
    {
        if (!LayerPath.TryParse(entry.LinkName, _limits, out LayerPath target, out string fault))
        {
            throw _reader.Fail($"its target '{entry.LinkName}': {fault}");
        }
        if (target.Kind != LayerPathKind.Entry || target.Path == path.Path)
        {
            throw _reader.Fail($"it is a hard link to '{entry.LinkName}', which cannot be linked");
        }
        using FileDescriptor? existing = FindParent(target.Parent)?.TryOpenPath(target.Leaf);
        if (existing is null)
        {
            throw _reader.Fail($"it is a hard link to '{entry.LinkName}', which is not in this layer");
        }
        FileStatus status = existing.Status;
        if (status.Kind == FileKind.Directory || IsWhiteout(status))
        {
            throw _reader.Fail($"it is a hard link to '{entry.LinkName}', which is a directory or removed");
        }
        DirectoryDescriptor parent = Directory(path.Parent);
        Make(parent, path.Leaf, name =>
        {
            parent.Link(existing, name);
            return true;
        });
    }

    private void MakeSymbolicLink(LayerPath path, TarEntry entry)
    {
        DirectoryDescriptor parent = Directory(path.Parent);
        using FileDescriptor link = Make(parent, path.Leaf, name =>
        {
            parent.CreateSymlink(name, entry.LinkName);
            return parent.TryOpenPath(name) ?? throw _reader.Fail("it vanished while it was made");
        });
        SetOwner(link, entry with { Mode = 0 });
        CountDropped(entry);
        link.ChangeTimes(null, Mtime(entry));
    }

    private void MakeNode(LayerPath path, TarEntry entry, FileKind kind)
    {
        DirectoryDescriptor parent = Directory(path.Parent);
        using FileDescriptor node = Make(parent, path.Leaf, name =>
        {
            parent.CreateNode(name, kind, entry.Mode, new DeviceNumber(entry.DeviceMajor, entry.DeviceMinor));
            return parent.TryOpenPath(name) ?? throw _reader.Fail("it vanished while it was made");
        });
        SetOwner(node, entry);
        CountDropped(entry);
        node.ChangeTimes(null, Mtime(entry));
    }

    /// <summary>A removal speaks of lower layers only: what this layer itself has at the path stays, cut off from below.</summary>
    private void MakeWhiteout(LayerPath path)
    {
        DirectoryDescriptor parent = Directory(path.Parent);
        using FileDescriptor? existing = parent.TryOpenPath(path.Leaf);
        switch (existing?.Status.Kind)
        {
            case null:
                parent.CreateNode(path.Leaf, FileKind.CharacterDevice, 0, new DeviceNumber(0, 0));
                break;
            case FileKind.Directory:
                MarkOpaque(existing);
                break;
        }
    }

    private static void MarkOpaque(FileDescriptor directory) => directory.SetExtendedAttribute(LayerXattrs.Opaque, "y"u8);

    private static bool IsWhiteout(FileStatus status) =>
        status is { Kind: FileKind.CharacterDevice, DeviceNode: { Major: 0, Minor: 0 } };

    /// <summary>Makes an entry, in the place of what an earlier entry of the archive made there.</summary>
    private T Make<T>(DirectoryDescriptor parent, string name, Func<string, T> make)
    {
        try
        {
            return make(name);
        }
        catch (LinuxException e) when (e.Errno == Errno.EEXIST)
        {
            Remove(parent, name);
            return make(name);
        }
    }

    private void Remove(DirectoryDescriptor parent, string name)
    {
        using FileDescriptor? existing = parent.TryOpenPath(name);
        bool redirects = existing?.Status.Kind is FileKind.Directory or FileKind.Symlink;
        if (!redirects)
        {
            parent.Unlink(name);
            return;
        }

        // The caller's handle may be the cache's: what is cached below is forgotten, the parent itself lives on.
        parent.RemoveTree(name);
        _cache.ForgetAllBut(parent);
    }

    /// <summary>The directory at <paramref name="path"/>, made as needed; the handle is the cache's or the root's.</summary>
    private DirectoryDescriptor Directory(string path)
    {
        if (FindParent(path) is { } directory)
        {
            return directory;
        }
        for (int end = path.IndexOf('/'); end >= 0; end = path.IndexOf('/', end + 1))
        {
            NoteMissing(path[..end]);
        }
        NoteMissing(path);
        return _cache.Add(path, _root.CreateDirectories(path, ImplicitMode));
    }

    private void NoteMissing(string path)
    {
        if (_root.TryGetStatus(path) is null)
        {
            _implicit.Add(path);
        }
    }

    private DirectoryDescriptor? FindParent(string path)
    {
        if (path.Length == 0)
        {
            return _root.Directory;
        }
        if (_cache.Find(path) is { } held)
        {
            return held;
        }
        using FileDescriptor? found = _root.TryOpenPath(path);
        return found is null ? null : _cache.Add(path, _root.OpenDirectory(path));
    }

    /// <summary>Sets owner, mode and attributes of a directory now and notes what must wait for the end.</summary>
    private void Describe(DirectoryDescriptor directory, string path, TarEntry entry)
    {
        SetOwner(directory, entry with { Mode = 0 });
        directory.ChangeMode(entry.Mode & ~SetGroupId);
        SetXattrs(directory, entry);
        _directories[path] = new MadeDirectory(directory.Status.Inode, entry.Mode, Mtime(entry));
        _implicit.Remove(path);
    }

    /// <summary>Times change while a directory is filled, and its set-group-id bit would rub off on what is made in it.</summary>
    private void FinishDirectories()
    {
        foreach (var (path, made) in _directories)
        {
            using FileDescriptor? directory = path.Length == 0 ? _root.Directory.Duplicate() : _root.TryOpenPath(path);
            if (directory?.Status is not { Kind: FileKind.Directory } status || status.Inode != made.Inode)
            {
                continue;
            }
            if ((made.Mode & SetGroupId) != 0)
            {
                directory.ChangeMode(made.Mode);
            }
            directory.ChangeTimes(null, made.Mtime);
        }
    }

    /// <summary>Both writing and changing the owner clear set-id bits, so they are set last.</summary>
    private static void SetOwner(FileDescriptor made, TarEntry entry)
    {
        if (entry.Uid != 0 || entry.Gid != 0)
        {
            made.ChangeOwner(entry.Uid, entry.Gid);
        }
        if ((entry.Mode & SetIds) != 0)
        {
            made.ChangeMode(entry.Mode);
        }
    }

    private void SetXattrs(FileDescriptor made, TarEntry entry)
    {
        foreach (TarXattr xattr in entry.Xattrs)
        {
            if (LayerXattrs.Accept(xattr, entry.Type) is not { } value)
            {
                _xattrsDropped++;
                continue;
            }
            try
            {
                made.SetExtendedAttribute(xattr.Name, value);
            }
            catch (LinuxException e) when (e.Errno is Errno.EOPNOTSUPP or Errno.ENOSPC)
            {
                _xattrsDropped++;
            }
        }
    }

    private void CountDropped(TarEntry entry) => _xattrsDropped += entry.Xattrs.Count;

    private static FileTime Mtime(TarEntry entry) => new(entry.MtimeSeconds, (uint)entry.MtimeNs);

    /// <summary>What a directory is to become once nothing is made in it any more.</summary>
    private readonly record struct MadeDirectory(ulong Inode, int Mode, FileTime Mtime);
}
