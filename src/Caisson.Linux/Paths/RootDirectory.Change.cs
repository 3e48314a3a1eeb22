using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

public sealed partial class RootDirectory
{
    private const int DanglingLinksMax = 40;

    /// <summary>The directory at <paramref name="path"/>, with all directories on the way created as needed.</summary>
    /// <remarks>A link to something that does not exist is followed and its target created, inside the root.</remarks>
    /// <param name="path">May hold <c>..</c> only where it leads through what exists.</param>
    /// <param name="mode">For the created ones; the process's umask does not matter.</param>
    /// <param name="owner">For the created ones; null: as the process.</param>
    public DirectoryDescriptor CreateDirectories(string path, int mode = 0x1ED, (uint UserId, uint GroupId)? owner = null)
    {
        for (int links = 0; links < DanglingLinksMax; links++)
        {
            if (TryCreateDirectories(ref path, mode, owner) is { } directory)
            {
                return directory;
            }
        }
        throw new LinuxException("mkdirat", Errno.ELOOP, path);
    }

    /// <summary>Creates a regular file, opened for reading and writing; its directory must exist.</summary>
    /// <exception cref="LinuxException"><see cref="Errno.EEXIST"/>: the name is taken, by whatever.</exception>
    public FileDescriptor CreateFile(string path, int mode)
    {
        using var parent = OpenParent(path, out string name);
        return parent.CreateFile(name, mode);
    }

    /// <summary>Creates a directory; its parent must exist. The caller disposes it.</summary>
    public DirectoryDescriptor CreateDirectory(string path, int mode)
    {
        using var parent = OpenParent(path, out string name);
        return parent.CreateDirectory(name, mode);
    }

    /// <summary>Creates a symbolic link with the text <paramref name="target"/>, which is not looked at.</summary>
    public void CreateSymlink(string path, string target)
    {
        using var parent = OpenParent(path, out string name);
        parent.CreateSymlink(name, target);
    }

    /// <summary>Gives what is at <paramref name="existing"/> (not followed if a link) the further name <paramref name="path"/>.</summary>
    public void CreateHardLink(string path, string existing)
    {
        using var inode = OpenPath(existing, PathLookup.NoFollowLast);
        using var parent = OpenParent(path, out string name);
        parent.Link(inode, name);
    }

    /// <summary>Creates a device node, named pipe, socket node or empty regular file.</summary>
    public void CreateNode(string path, FileKind kind, int mode, DeviceNumber device = default)
    {
        using var parent = OpenParent(path, out string name);
        parent.CreateNode(name, kind, mode, device);
    }

    /// <summary>Moves an entry, replacing what is at the new path unless told not to.</summary>
    public void Rename(string path, string newPath, bool replace = true)
    {
        using var from = OpenParent(path, out string name);
        using var to = OpenParent(newPath, out string newName);
        from.Rename(name, to, newName, replace);
    }

    /// <summary>Removes an entry that is not a directory; false when there is none.</summary>
    public bool Unlink(string path)
    {
        using var parent = OpenParent(path, out string name);
        return parent.Unlink(name);
    }

    /// <summary>Removes an empty directory; false when there is none.</summary>
    public bool RemoveDirectory(string path)
    {
        using var parent = OpenParent(path, out string name);
        return parent.RemoveDirectory(name);
    }

    /// <summary>Removes an entry with all below it; see <see cref="DirectoryDescriptor.RemoveTree"/>.</summary>
    public bool RemoveTree(string path)
    {
        using var parent = OpenParent(path, out string name);
        return parent.RemoveTree(name);
    }

    /// <summary>One pass; null when a dangling link was met, with <paramref name="path"/> rewritten to where it leads.</summary>
    private DirectoryDescriptor? TryCreateDirectories(ref string path, int mode, (uint UserId, uint GroupId)? owner)
    {
        nint whole = RootedPath.TryOpen(Directory, path, O_PATH | O_DIRECTORY, 0, 0);
        if (whole >= 0)
        {
            return new(whole, path);
        }
        if (Libc.LastErrno != Errno.ENOENT)
        {
            throw LinuxException.FromErrno("openat2", path);
        }

        // The longest prefix that exists is resolved by the kernel from the root; below it everything is ours, name by name.
        string[] names = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        int existing = names.Length - 1;
        nint fd = -1;
        while (existing >= 0 && (fd = RootedPath.TryOpen(Directory, Prefix(names, existing), O_PATH | O_DIRECTORY, 0, 0)) < 0)
        {
            if (Libc.LastErrno != Errno.ENOENT)
            {
                throw LinuxException.FromErrno("openat2", path);
            }
            existing--;
        }

        var current = fd >= 0 ? new DirectoryDescriptor(fd, Prefix(names, existing)) : throw LinuxException.FromErrno("openat2", path);
        for (int i = existing; i < names.Length; i++)
        {
            using var parent = current;
            if (names[i] == ".")
            {
                current = parent.Duplicate();
                continue;
            }
            using (var found = parent.TryOpenPath(names[i]))
            {
                if (found?.Status.Kind == FileKind.Symlink)
                {
                    string target = found.ReadLink();
                    string rest = string.Join('/', names[(i + 1)..]);
                    path = target.StartsWith('/') ? $"{target}/{rest}" : $"{Prefix(names, i)}/{target}/{rest}";
                    return null;
                }
            }
            current = CreateOrOpen(parent, names[i], mode, owner);
        }
        return current;
    }

    private static DirectoryDescriptor CreateOrOpen(DirectoryDescriptor parent, string name, int mode, (uint UserId, uint GroupId)? owner)
    {
        DirectoryDescriptor directory;
        try
        {
            directory = parent.CreateDirectory(name, mode);
        }
        catch (LinuxException e) when (e.Errno == Errno.EEXIST)
        {
            return parent.OpenDirectory(name); // made by another in this moment
        }
        if (owner is { } ids)
        {
            try
            {
                directory.ChangeOwner(ids.UserId, ids.GroupId);
            }
            catch
            {
                directory.Dispose();
                throw;
            }
        }
        return directory;
    }

    private static string Prefix(string[] names, int count) => "/" + string.Join('/', names, 0, count);
}
