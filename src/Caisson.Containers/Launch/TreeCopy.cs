using Caisson.Linux;

namespace Caisson.Containers.Launch;

/// <summary>Copies what is in a directory: owners, modes, times, extended attributes and kinds as they are. No path is followed.</summary>
internal static class TreeCopy
{
    private const int BufferBytes = 128 * 1024;

    /// <summary>Copies the content of <paramref name="from"/> to <paramref name="to"/>, which gets its owner and mode too.</summary>
    public static void CopyContents(DirectoryDescriptor from, DirectoryDescriptor to)
    {
        foreach (DirectoryEntry entry in from.Enumerate())
        {
            using var source = from.TryOpenPath(entry.Name);
            if (source is not null)
            {
                Copy(from, source, entry.Name, to);
            }
        }
        CopyMetadata(from, to);
    }

    private static void Copy(DirectoryDescriptor from, FileDescriptor source, string name, DirectoryDescriptor to)
    {
        FileStatus status = source.Status;
        switch (status.Kind)
        {
            case FileKind.Directory:
                {
                    using var inner = from.OpenDirectory(name);
                    using var made = to.CreateDirectory(name, 0x1C0);
                    CopyContents(inner, made);
                    return;
                }
            case FileKind.Symlink:
                to.CreateSymlink(name, source.ReadLink());
                break;
            case FileKind.Regular:
                {
                    using var content = source.ReopenRegular(name);
                    using var made = to.CreateFile(name, 0x180);
                    CopyBytes(content, made);
                    CopyMetadata(source, made);
                    return;
                }
            default:
                to.CreateNode(name, status.Kind, status.Mode, status.DeviceNode);
                break;
        }
        using var copy = to.TryOpenPath(name);
        if (copy is not null)
        {
            CopyMetadata(source, copy);
        }
    }

    private static void CopyBytes(FileDescriptor from, FileDescriptor to)
    {
        byte[] buffer = new byte[BufferBytes];
        while (from.Read(buffer) is > 0 and var count)
        {
            to.Write(buffer.AsSpan(0, count));
        }
    }

    private static void CopyMetadata(FileDescriptor from, FileDescriptor to)
    {
        FileStatus status = from.Status;
        to.ChangeOwner(status.UserId, status.GroupId);
        if (status.Kind != FileKind.Symlink)
        {
            to.ChangeMode(status.Mode);
        }
        to.ChangeTimes(status.AccessTime, status.ModifiedTime);
    }
}
