using Caisson.Errors;

namespace Caisson.Linux;

/// <summary>
/// Copies what is in a directory, with whatever hostile content: owners, modes, times, extended attributes, hard links, holes and kinds as
/// they are. Descends by descriptor only: follows no link, and what is mounted below is left out. One object for one copy; not for several threads.
/// </summary>
public sealed class TreeCopy
{
    private const int DepthMax = 512;

    private readonly Func<string, bool>? _keepsAttribute;
    private readonly CancellationToken _cancellationToken;
    private readonly Dictionary<(DeviceNumber, ulong), string> _linked = [];
    private bool _canClone = true;

    /// <summary>Prepares a copy.</summary>
    /// <param name="keepsAttribute">Which extended attributes come along, by name; null for all. One that the target's file system does not have is left out.</param>
    /// <param name="cancellationToken">Stops between two files or megabytes.</param>
    public TreeCopy(Func<string, bool>? keepsAttribute = null, CancellationToken cancellationToken = default)
    {
        _keepsAttribute = keepsAttribute;
        _cancellationToken = cancellationToken;
    }

    /// <summary>Names copied so far.</summary>
    public long Entries { get; private set; }

    /// <summary>Bytes of files that were read and written.</summary>
    public long CopiedBytes { get; private set; }

    /// <summary>Bytes of files that share their blocks with the source's.</summary>
    public long ClonedBytes { get; private set; }

    /// <summary>Copies the content of <paramref name="from"/> into <paramref name="to"/>, which gets its owner, mode, attributes and times too.</summary>
    /// <param name="from">The source.</param>
    /// <param name="to">Empty.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.ResourceExhausted"/>: deeper than 512 directories.</exception>
    public void CopyContents(DirectoryDescriptor from, DirectoryDescriptor to)
    {
        using RootDirectory top = RootDirectory.From(to.Duplicate());
        CopyDirectory(from, to, top, "", from.Status.MountId, 0);
    }

    /// <summary>Copies one file, by sharing its blocks where that is possible.</summary>
    /// <param name="from">Opened for reading.</param>
    /// <param name="to">New and empty, opened for writing.</param>
    public void CopyContent(FileDescriptor from, FileDescriptor to)
    {
        long size = from.Status.Size;
        if (size == 0)
        {
            return;
        }
        if (_canClone && from.TryCloneTo(to))
        {
            ClonedBytes += size;
            return;
        }
        _canClone = false;
        CopiedBytes += from.CopyTo(to, _cancellationToken);
    }

    private void CopyDirectory(DirectoryDescriptor from, DirectoryDescriptor to, RootDirectory top, string path, ulong mount, int depth)
    {
        if (depth > DepthMax)
        {
            throw new CaissonException(ErrorKind.ResourceExhausted, $"copy {path}: lies deeper than {DepthMax} directories");
        }
        foreach (DirectoryEntry entry in from.Enumerate())
        {
            _cancellationToken.ThrowIfCancellationRequested();
            using FileDescriptor? source = from.TryOpenPath(entry.Name);
            if (source is not null)
            {
                CopyEntry(from, source, entry.Name, to, top, path, mount, depth);
                Entries++;
            }
        }
        CopyMetadata(from, to, from.Status);
    }

    private void CopyEntry(
        DirectoryDescriptor from, FileDescriptor source, string name, DirectoryDescriptor to, RootDirectory top, string path, ulong mount, int depth)
    {
        FileStatus status = source.Status;
        string here = $"{path}/{name}";
        if (status.Kind != FileKind.Directory && status.Links > 1)
        {
            if (_linked.TryGetValue((status.Device, status.Inode), out string? first))
            {
                using FileDescriptor existing = top.OpenPath(first, PathLookup.NoFollowLast | PathLookup.NoSymlinks);
                to.Link(existing, name);
                return;
            }
            _linked.Add((status.Device, status.Inode), here);
        }
        switch (status.Kind)
        {
            case FileKind.Directory:
                using (DirectoryDescriptor made = to.CreateDirectory(name, 0x1C0))
                {
                    if (status.MountId != mount)
                    {
                        return; // a mount point: the directory below it is empty as far as can be seen
                    }
                    using DirectoryDescriptor inner = from.OpenDirectory(name);
                    CopyDirectory(inner, made, top, here, mount, depth + 1);
                }
                return;
            case FileKind.Symlink:
                to.CreateSymlink(name, source.ReadLink());
                break;
            case FileKind.Regular:
                using (FileDescriptor content = source.ReopenRegular(here))
                using (FileDescriptor made = to.CreateFile(name, 0x180))
                {
                    CopyContent(content, made);
                    CopyMetadata(content, made, status);
                }
                return;
            default:
                to.CreateNode(name, status.Kind, status.Mode, status.DeviceNode);
                break;
        }
        using FileDescriptor? copy = to.TryOpenPath(name);
        if (copy is not null)
        {
            CopyMetadata(source, copy, status);
        }
    }

    /// <summary>In this order: a change of owner takes set-id bits and capabilities away, and an access list is part of the mode.</summary>
    private void CopyMetadata(FileDescriptor from, FileDescriptor to, FileStatus status)
    {
        to.ChangeOwner(status.UserId, status.GroupId);
        foreach (string name in from.ListExtendedAttributes())
        {
            if (name.Length == 0 || _keepsAttribute?.Invoke(name) == false || from.GetExtendedAttribute(name) is not { } value)
            {
                continue;
            }
            try
            {
                to.SetExtendedAttribute(name, value);
            }
            catch (LinuxException e) when (e.Errno == Errno.EOPNOTSUPP)
            {
                // The target's file system has none of this kind.
            }
        }
        if (status.Kind != FileKind.Symlink)
        {
            to.ChangeMode(status.Mode);
        }
        to.ChangeTimes(status.AccessTime, status.ModifiedTime);
    }
}
