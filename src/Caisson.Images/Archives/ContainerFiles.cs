using Caisson.Errors;
using Caisson.Images.Layers;
using Caisson.Images.Layers.Tar;
using Caisson.Linux;

namespace Caisson.Images.Archives;

/// <summary>What is at a path inside a container.</summary>
/// <param name="Name">The last part of the path.</param>
/// <param name="Status">The inode; a link is not followed.</param>
/// <param name="LinkTarget">The text of a link; empty otherwise.</param>
public sealed record ContainerPath(string Name, FileStatus Status, string LinkTarget);

/// <summary>Copies between a root filesystem and tar archives. Every path is resolved by the kernel inside the root.</summary>
/// <remarks>Source: Docker Engine API, "Get an archive of a filesystem resource", "Extract an archive".</remarks>
public static class ContainerFiles
{
    /// <summary>How many ids a container has.</summary>
    private const uint IdsMax = 65_536;

    private const int DepthMax = 512;
    private const int DirectoryMode = 0x1ED; // 0755

    /// <summary>Looks at <paramref name="path"/>.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>.</exception>
    /// <param name="root">The root filesystem, or what is mounted in it.</param>
    /// <param name="path">What to look at, from that root.</param>
    /// <param name="name">What it is called; null for the last part of the path.</param>
    public static ContainerPath Stat(RootDirectory root, string path, string? name = null)
    {
        using FileDescriptor entry = root.TryOpenPath(path, LookupOf(path)) ?? throw Missing(path);
        FileStatus status = entry.Status;
        return new ContainerPath(name ?? NameOf(path), status, status.Kind == FileKind.Symlink ? entry.ReadLink() : "");
    }

    /// <summary>Writes what is at <paramref name="path"/>, with all below it, as an archive whose names begin with its last part.</summary>
    /// <param name="root">The root filesystem.</param>
    /// <param name="path">What to read.</param>
    /// <param name="ids">The first of the ids that files' owners are shown as; null when they are shown as the container's own.</param>
    /// <param name="output">Receives the archive.</param>
    /// <param name="cancellationToken">Stops between two files.</param>
    /// <param name="name">What it is called; null for the last part of the path.</param>
    public static void Read(RootDirectory root, string path, uint? ids, Stream output, CancellationToken cancellationToken, string? name = null)
    {
        using FileDescriptor entry = root.TryOpenPath(path, LookupOf(path)) ?? throw Missing(path);
        var writer = new TarWriter(output);
        Write(writer, root, path, name ?? NameOf(path), entry, ids, 0, null, cancellationToken);
        writer.Finish();
    }

    /// <summary>Writes the whole root filesystem as an archive, without what else is mounted in it.</summary>
    /// <param name="root">The root filesystem.</param>
    /// <param name="output">Receives the archive.</param>
    /// <param name="cancellationToken">Stops between two files.</param>
    public static void Export(RootDirectory root, Stream output, CancellationToken cancellationToken)
    {
        using FileDescriptor entry = root.OpenPath("/");
        var writer = new TarWriter(output);
        Write(writer, root, "/", "", entry, null, 0, entry.Status.MountId, cancellationToken);
        writer.Finish();
    }

    /// <summary>Extracts an archive, plain or compressed, into the directory <paramref name="path"/>.</summary>
    /// <param name="root">The root filesystem, writable.</param>
    /// <param name="path">An existing directory.</param>
    /// <param name="archive">Owned from now on.</param>
    /// <param name="keepKinds">Refuse to put a directory in the place of something else, and the reverse.</param>
    /// <param name="owner">Who gets the files, as an id of the container; null for the owners in the archive.</param>
    /// <param name="ids">The first of the ids that files' owners are shown as; null when they are shown as the container's own.</param>
    /// <param name="cancellationToken">Stops between two files; what is extracted stays.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.PermissionDenied"/>: the directory is on a read-only mount.</exception>
    public static void Extract(
        RootDirectory root, string path, Stream archive, bool keepKinds, (uint Uid, uint Gid)? owner, uint? ids, CancellationToken cancellationToken)
    {
        using LayerStream content = LayerStream.Open(archive, TarLimits.Default, "archive");
        ExtractPlain(root, path, content, keepKinds, owner, ids, cancellationToken);
    }

    /// <summary>As <see cref="Extract"/>, of an archive that is not compressed.</summary>
    /// <param name="root">The root filesystem, writable.</param>
    /// <param name="path">An existing directory.</param>
    /// <param name="archive">Stays the caller's.</param>
    /// <param name="keepKinds">Refuse to put a directory in the place of something else, and the reverse.</param>
    /// <param name="owner">Who gets the files, as an id of the container; null for the owners in the archive.</param>
    /// <param name="ids">The first of the ids that files' owners are shown as; null when they are shown as the container's own.</param>
    /// <param name="cancellationToken">Stops between two files; what is extracted stays.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.PermissionDenied"/>: the directory is on a read-only mount.</exception>
    public static void ExtractPlain(
        RootDirectory root, string path, Stream archive, bool keepKinds, (uint Uid, uint Gid)? owner, uint? ids, CancellationToken cancellationToken)
    {
        using (FileDescriptor target = root.TryOpenPath(path) ?? throw Missing(path))
        {
            if (target.Status.Kind != FileKind.Directory)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"extraction point is not a directory: {path}");
            }
        }
        using FileActor? actor = ids is { } first ? new FileActor(first, first) : null;
        var reader = new TarReader(archive, TarLimits.Default, "archive");
        List<(string Path, TarEntry Entry)> directories = [];
        try
        {
            while (reader.Next() is { } entry)
            {
                cancellationToken.ThrowIfCancellationRequested();
                string destination = $"{path.TrimEnd('/')}/{Relative(reader, entry.Name)}";
                if (destination.EndsWith('/'))
                {
                    continue; // the directory extracted into is not the archive's to change
                }
                using FileDescriptor made = Do(() => Make(root, reader, destination, entry, $"{path.TrimEnd('/')}/", keepKinds));
                if (entry.Type == TarEntryType.HardLink)
                {
                    continue; // the inode has had its owner and times
                }
                if (entry.Type == TarEntryType.File)
                {
                    using var output = new FileStream(made.Duplicate().ToFileHandle(), FileAccess.Write, bufferSize: 0);
                    WriteContent(reader, entry, output);
                }
                uint uid = Shown(owner?.Uid ?? Inside(reader, entry.Uid), ids);
                uint gid = Shown(owner?.Gid ?? Inside(reader, entry.Gid), ids);
                Do(() => Finish(made, entry, uid, gid));
                if (entry.Type == TarEntryType.Directory)
                {
                    directories.Add((destination, entry));
                }
            }
            // What was put into a directory has changed its time.
            for (int i = directories.Count - 1; i >= 0; i--)
            {
                (string made, TarEntry entry) = directories[i];
                Do(() =>
                {
                    using FileDescriptor? directory = root.TryOpenPath(made, PathLookup.NoFollowLast);
                    directory?.ChangeTimes(null, new FileTime(entry.MtimeSeconds, (uint)entry.MtimeNs));
                    return directory;
                });
            }
        }
        catch (LinuxException error) when (error.Errno == Errno.EROFS)
        {
            throw new CaissonException(ErrorKind.PermissionDenied, $"the mount that holds {path} is marked read-only", error);
        }

        T Do<T>(Func<T> action) => actor is null ? action() : actor.Do(action);
    }

    /// <summary>Makes room for <paramref name="entry"/> and makes it, without content; the caller disposes what was made.</summary>
    private static FileDescriptor Make(RootDirectory root, TarReader reader, string path, TarEntry entry, string linkBase, bool keepKinds)
    {
        if (root.TryGetStatus(path, PathLookup.NoFollowLast) is { } present)
        {
            bool wasDirectory = present.Kind == FileKind.Directory;
            bool isDirectory = entry.Type == TarEntryType.Directory;
            if (keepKinds && wasDirectory != isDirectory)
            {
                throw new CaissonException(
                    ErrorKind.InvalidArgument, wasDirectory ? $"cannot overwrite directory \"{path}\" with non-directory" : $"cannot overwrite non-directory \"{path}\" with directory");
            }
            if (!(wasDirectory && isDirectory))
            {
                _ = wasDirectory ? root.RemoveTree(path) : root.Unlink(path);
            }
        }
        else
        {
            root.CreateDirectories(path[..path.LastIndexOf('/')] is { Length: > 0 } parent ? parent : "/").Dispose();
        }

        switch (entry.Type)
        {
            case TarEntryType.Directory:
                return root.TryGetStatus(path, PathLookup.NoFollowLast) is null
                    ? root.CreateDirectory(path, DirectoryMode)
                    : root.OpenDirectory(path, PathLookup.NoFollowLast);
            case TarEntryType.File:
                return root.CreateFile(path, entry.Mode & 0x1FF);
            case TarEntryType.SymbolicLink:
                root.CreateSymlink(path, entry.LinkName);
                break;
            case TarEntryType.HardLink:
                root.CreateHardLink(path, linkBase + Relative(reader, entry.LinkName));
                break;
            case TarEntryType.Fifo:
                root.CreateNode(path, FileKind.Fifo, entry.Mode & 0x1FF);
                break;
            default:
                throw reader.Fail("device nodes are not copied into containers");
        }
        return root.OpenPath(path, PathLookup.NoFollowLast);
    }

    private static bool Finish(FileDescriptor made, TarEntry entry, uint uid, uint gid)
    {
        made.ChangeOwner(uid, gid);
        if (made.Status.Kind != FileKind.Symlink)
        {
            made.ChangeMode(entry.Mode); // after the owner, which takes set-id bits away
        }
        made.ChangeTimes(null, new FileTime(entry.MtimeSeconds, (uint)entry.MtimeNs));
        return true;
    }

    private static void WriteContent(TarReader reader, TarEntry entry, FileStream output)
    {
        if (entry.Segments is { } segments)
        {
            output.SetLength(entry.Size);
            Span<byte> buffer = stackalloc byte[4_096];
            foreach (TarSegment segment in segments)
            {
                output.Position = segment.Offset;
                for (long left = segment.Length; left > 0;)
                {
                    int count = reader.Read(buffer[..(int)Math.Min(left, buffer.Length)]);
                    output.Write(buffer[..count]);
                    left -= count;
                }
            }
            return;
        }
        while (reader.NextChunk() is { IsEmpty: false } chunk)
        {
            output.Write(chunk);
        }
    }

    private static void Write(
        TarWriter writer, RootDirectory root, string path, string name, FileDescriptor entry, uint? ids, int depth, ulong? onlyMount, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        FileStatus status = entry.Status;
        bool isMounted = onlyMount is { } mount && status.MountId != mount;
        if (isMounted && status.Kind != FileKind.Directory)
        {
            return;
        }
        var header = new TarEntry
        {
            Type = TarEntryType.File,
            Name = name,
            Mode = status.Mode,
            Uid = Own(status.UserId, ids),
            Gid = Own(status.GroupId, ids),
            MtimeSeconds = status.ModifiedTime.Seconds,
            MtimeNs = (int)status.ModifiedTime.Nanoseconds,
        };
        switch (status.Kind)
        {
            case FileKind.Directory:
                if (depth > DepthMax)
                {
                    throw new CaissonException(ErrorKind.ResourceExhausted, $"{path} lies deeper than {DepthMax} directories");
                }
                if (name.Length > 0)
                {
                    writer.Write(header with { Type = TarEntryType.Directory, Name = name + "/" }, []);
                }
                if (isMounted)
                {
                    break; // the place is the root filesystem's, what is there is not
                }
                using (DirectoryDescriptor directory = root.OpenDirectory(path, LookupOf(path)))
                {
                    foreach (DirectoryEntry child in directory.Enumerate().OrderBy(child => child.Name, StringComparer.Ordinal))
                    {
                        string childPath = $"{path.TrimEnd('/')}/{child.Name}";
                        using FileDescriptor? inner = root.TryOpenPath(childPath, PathLookup.NoFollowLast);
                        if (inner is not null)
                        {
                            Write(writer, root, childPath, name.Length > 0 ? $"{name}/{child.Name}" : child.Name, inner, ids, depth + 1, onlyMount, cancellationToken);
                        }
                    }
                }
                break;
            case FileKind.Symlink:
                writer.Write(header with { Type = TarEntryType.SymbolicLink, LinkName = entry.ReadLink() }, []);
                break;
            case FileKind.Fifo:
                writer.Write(header with { Type = TarEntryType.Fifo }, []);
                break;
            case FileKind.CharacterDevice or FileKind.BlockDevice:
                writer.Write(
                    header with
                    {
                        Type = status.Kind == FileKind.CharacterDevice ? TarEntryType.CharacterDevice : TarEntryType.BlockDevice,
                        DeviceMajor = status.DeviceNode.Major,
                        DeviceMinor = status.DeviceNode.Minor,
                    },
                    []);
                break;
            case FileKind.Regular:
                WriteFile(writer, header with { Size = status.Size }, entry, path, cancellationToken);
                break;
            default:
                break; // sockets mean nothing outside
        }
    }

    /// <summary>A file that shrinks while it is read is filled up with zeros: its length is written already.</summary>
    private static void WriteFile(TarWriter writer, TarEntry header, FileDescriptor entry, string path, CancellationToken cancellationToken)
    {
        using FileDescriptor file = entry.ReopenRegular(path);
        writer.Start(header);
        byte[] buffer = new byte[64 << 10];
        for (long at = 0; at < header.Size;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Span<byte> piece = buffer.AsSpan(0, (int)Math.Min(header.Size - at, buffer.Length));
            int count = file.ReadAt(piece, at);
            if (count == 0)
            {
                piece.Clear();
                count = piece.Length;
            }
            writer.Write(piece[..count]);
            at += count;
        }
    }

    /// <summary>A path that ends in a slash or a dot means the directory behind a link; any other path the link itself.</summary>
    private static PathLookup LookupOf(string path) =>
        path.EndsWith('/') || path.EndsWith("/.", StringComparison.Ordinal) ? PathLookup.Follow : PathLookup.NoFollowLast;

    /// <summary>What the names of an archive begin with: the last part, a dot for <c>DIR/.</c>, nothing for the root.</summary>
    public static string NameOf(string path)
    {
        string bare = path.TrimEnd('/');
        return bare.Length == 0 ? "" : bare[(bare.LastIndexOf('/') + 1)..];
    }

    /// <summary>The name below the target: no root, no way up. Links on the way are the kernel's matter.</summary>
    private static string Relative(TarReader reader, string name)
    {
        string[] parts = [.. name.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(part => part != ".")];
        return parts.Contains("..") ? throw reader.Fail($"the name '{name}' leads out of the directory") : string.Join('/', parts);
    }

    private static uint Inside(TarReader reader, uint id) =>
        id < IdsMax ? id : throw reader.Fail($"the owner {id} is not among a container's {IdsMax} ids");

    private static uint Shown(uint id, uint? ids) => ids is { } first ? first + id : id;

    private static uint Own(uint id, uint? ids) => ids is { } first && id >= first && id - first < IdsMax ? id - first : id;

    private static CaissonException Missing(string path) => new(ErrorKind.NotFound, $"Could not find the file {path} in the container");
}
