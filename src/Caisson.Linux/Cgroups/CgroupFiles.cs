using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>Directories of a cgroup file system.</summary>
internal static class CgroupFiles
{
    internal static bool Exists(string directory)
    {
        try
        {
            using var handle = HostFiles.OpenDirectory(directory);
            return true;
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENODEV)
        {
            return false;
        }
    }

    /// <summary>The groups right below; none when the group itself is gone.</summary>
    internal static IReadOnlyList<string> Children(string directory)
    {
        try
        {
            using var handle = HostFiles.OpenDirectory(directory);
            List<string> names = [];
            foreach (DirectoryEntry entry in handle.Enumerate())
            {
                if (entry.Kind == FileKind.Directory)
                {
                    names.Add(entry.Name);
                }
            }
            return names;
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENODEV)
        {
            return [];
        }
    }

    /// <summary>The text of <c>cgroup.procs</c>; empty when the group is gone, or threaded: then its processes are listed further up.</summary>
    internal static string ReadProcesses(string directory)
    {
        try
        {
            return HostFiles.TryReadText($"{directory}/cgroup.procs", 16 << 20) ?? "";
        }
        catch (LinuxException e) when (e.Errno == Errno.EOPNOTSUPP)
        {
            return "";
        }
    }

    /// <summary>True when it is gone, by us or before.</summary>
    internal static unsafe bool TryRemoveDirectory(string directory, out Errno errno)
    {
        var text = new CString(directory, stackalloc byte[CString.StackBytes]);
        fixed (byte* bytes = text)
        {
            bool removed = Libc.syscall(SYS_unlinkat, AT_FDCWD, (nint)bytes, AT_REMOVEDIR) == 0;
            errno = removed ? Errno.None : Libc.LastErrno;
            return removed || errno is Errno.ENOENT or Errno.ENODEV;
        }
    }
}
