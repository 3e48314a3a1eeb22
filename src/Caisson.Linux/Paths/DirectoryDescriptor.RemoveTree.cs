using System.Globalization;
using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

public sealed partial class DirectoryDescriptor
{
    private const int DepthMax = 64;

    /// <summary>Removes <paramref name="name"/> with all below it, whatever it is; false when there is none.</summary>
    /// <remarks>
    /// Descends by descriptor only: follows no link and enters no other mount. Any depth: a directory deeper than 64 levels
    /// is first moved up to this one.
    /// </remarks>
    /// <exception cref="LinuxException"><see cref="Errno.EXDEV"/> or <see cref="Errno.EBUSY"/>: something is mounted below; nothing on it was touched.</exception>
    public bool RemoveTree(string name)
    {
        if (At(SYS_unlinkat, name, 0) == 0)
        {
            return true;
        }
        if (Libc.LastErrno == Errno.ENOENT)
        {
            return false;
        }
        if (Libc.LastErrno is not (Errno.EISDIR or Errno.EPERM))
        {
            throw Refused("unlinkat", name);
        }

        var deep = new Queue<string>([name]);
        while (deep.TryDequeue(out string? next))
        {
            using (var directory = Enter(next))
            {
                if (directory is not null)
                {
                    Clear(directory, this, 1, deep);
                }
            }
            RemoveDirectory(next);
        }
        return true;
    }

    /// <summary>Removes everything in this directory, which stays.</summary>
    public void RemoveContents()
    {
        foreach (DirectoryEntry entry in Enumerate())
        {
            RemoveTree(entry.Name);
        }
    }

    private static void Clear(DirectoryDescriptor directory, DirectoryDescriptor top, int depth, Queue<string> deep)
    {
        // Again until empty: others may still add names while we remove.
        List<DirectoryEntry> entries;
        while ((entries = directory.Enumerate()).Count > 0)
        {
            foreach (DirectoryEntry entry in entries)
            {
                if (entry.Kind is not (FileKind.Directory or FileKind.Unknown))
                {
                    directory.Unlink(entry.Name);
                    continue;
                }
                if (entry.Kind == FileKind.Unknown && directory.At(SYS_unlinkat, entry.Name, 0) == 0)
                {
                    continue;
                }
                if (depth == DepthMax)
                {
                    string parked = string.Create(CultureInfo.InvariantCulture, $".removing-{Guid.NewGuid():N}");
                    directory.Rename(entry.Name, top, parked, replace: false);
                    deep.Enqueue(parked);
                    continue;
                }
                using (var child = directory.Enter(entry.Name))
                {
                    if (child is not null)
                    {
                        Clear(child, top, depth + 1, deep);
                    }
                }
                directory.RemoveDirectory(entry.Name);
            }
        }
    }

    /// <summary>The directory <paramref name="name"/> of the same mount; null when it is gone.</summary>
    private unsafe DirectoryDescriptor? Enter(string name)
    {
        var text = new CString(name, stackalloc byte[CString.StackBytes]);
        using var fd = Hold();
        var how = new open_how
        {
            flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
            resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH,
        };
        fixed (byte* bytes = text)
        {
            nint child = Libc.Restart(SYS_openat2, fd, (nint)bytes, (nint)(&how), sizeof(open_how));
            return child >= 0 ? new(child, name) : Libc.LastErrno == Errno.ENOENT ? null : throw Refused("openat2", name);
        }
    }
}
