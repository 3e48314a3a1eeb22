using Caisson.Errors;
using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>The one place that turns a path inside a root filesystem into a descriptor.</summary>
/// <remarks>
/// The kernel resolves it with the root as <c>/</c>: neither <c>..</c> nor an absolute link nor a rename by a process inside can lead out,
/// and links of proc to other files are refused. Linux 5.6. Source: openat2(2), RESOLVE_IN_ROOT.
/// </remarks>
internal static class RootedPath
{
    /// <summary>How long a race with renames and mounts is retried; a hostile process can keep one up for ever.</summary>
    private const int RetryMs = 2000;

    /// <summary>Opens <paramref name="path"/> as seen with <paramref name="root"/> as <c>/</c>; -1 with errno when the kernel refuses.</summary>
    internal static unsafe nint TryOpen(Descriptor root, string path, int flags, int mode, int resolve)
    {
        var text = new CString(path, stackalloc byte[CString.StackBytes]);
        using var fd = root.Hold();
        var how = new open_how
        {
            flags = (ulong)(flags | O_CLOEXEC | ((flags & O_PATH) != 0 ? 0 : O_NOCTTY | O_LARGEFILE)),
            mode = (ulong)mode,
            resolve = (ulong)(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve),
        };
        fixed (byte* bytes = text)
        {
            long deadline = 0;
            for (int attempt = 0; ; attempt++)
            {
                nint opened = Libc.syscall(SYS_openat2, fd, (nint)bytes, (nint)(&how), sizeof(open_how));
                if (opened >= 0)
                {
                    return opened;
                }
                switch (Libc.LastErrno)
                {
                    case Errno.EINTR:
                        continue;
                    case Errno.EAGAIN:
                        deadline = deadline == 0 ? Environment.TickCount64 + RetryMs : deadline;
                        if (Environment.TickCount64 > deadline)
                        {
                            throw new CaissonException(
                                ErrorKind.Unavailable,
                                $"openat2 {path}: the tree was changed on every try for {RetryMs} ms");
                        }
                        if (attempt > 32)
                        {
                            Thread.Sleep(1);
                        }
                        continue;
                    case Errno.ENOSYS:
                        throw new CaissonException(
                            ErrorKind.Unimplemented,
                            $"openat2 {path}: the kernel (or a filter) lacks openat2, without which a path in a root filesystem cannot be opened safely; Linux 5.6 or newer is needed");
                    default:
                        return -1;
                }
            }
        }
    }

    /// <summary>Opens as <see cref="TryOpen"/> and throws what the kernel said.</summary>
    internal static nint Open(Descriptor root, string path, int flags, int mode = 0, int resolve = 0)
    {
        nint fd = TryOpen(root, path, flags, mode, resolve);
        return fd >= 0 ? fd : throw LinuxException.FromErrno("openat2", path);
    }

    /// <summary>Splits off the last name: <c>/a/b/</c> gives <c>/a</c> and <c>b</c>.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: the path ends in the root, <c>.</c> or <c>..</c>, which name no entry.</exception>
    internal static (string Parent, string Name) Split(string path)
    {
        string trimmed = path.TrimEnd('/');
        int slash = trimmed.LastIndexOf('/');
        string name = trimmed[(slash + 1)..];
        return name is "" or "." or ".."
            ? throw new CaissonException(ErrorKind.InvalidArgument, $"path \"{path}\": must end in the name of an entry")
            : (slash < 0 ? "." : slash == 0 ? "/" : trimmed[..slash], name);
    }
}
