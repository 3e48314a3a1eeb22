using Caisson.Errors;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>Files of the host by trusted absolute path: proc, sys, device nodes and our own directories. Never for anything inside a root filesystem.</summary>
public static class HostFiles
{
    /// <summary>Opens <paramref name="path"/> for reading, close-on-exec and without becoming a controlling terminal.</summary>
    public static FileDescriptor OpenRead(string path) => Open(path, O_RDONLY | O_NOCTTY);

    /// <summary>Opens the directory <paramref name="path"/>; symbolic links on the way are followed.</summary>
    public static DirectoryDescriptor OpenDirectory(string path) => new(OpenNumber(path, O_PATH | O_DIRECTORY), path);

    /// <summary>Opens <paramref name="path"/> so that every write goes to its end, and creates it with <paramref name="mode"/> when it is missing.</summary>
    public static FileDescriptor OpenAppend(string path, int mode) => Open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NOCTTY, mode);

    /// <summary>Opens <paramref name="path"/> for reading and writing, and creates it with <paramref name="mode"/> when it is missing.</summary>
    public static FileDescriptor OpenOrCreate(string path, int mode) => Open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NOCTTY, mode);

    /// <summary>Opens <c>/dev/null</c> for reading.</summary>
    public static FileDescriptor OpenNull() => Open("/dev/null", O_RDONLY);

    /// <summary>Holds whatever is at <paramref name="path"/> without opening it (O_PATH): for binds and stat.</summary>
    public static FileDescriptor OpenPath(string path, bool followLast = true) =>
        new(OpenNumber(path, O_PATH | (followLast ? 0 : O_NOFOLLOW)), path);

    /// <summary>Opens the named pipe <paramref name="path"/> for writing; null while nobody reads from it. Source: fifo(7).</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: it is something else.</exception>
    public static FileDescriptor? TryOpenPipe(string path)
    {
        using FileDescriptor place = OpenPath(path, followLast: false);
        if (place.Status.Kind != FileKind.Fifo)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"open {path}: must be a named pipe");
        }
        try
        {
            return place.Reopen(O_WRONLY | O_NONBLOCK);
        }
        catch (LinuxException error) when (error.Errno == Errno.ENXIO)
        {
            return null;
        }
    }

    /// <summary>Reads a small file to its end.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.ResourceExhausted"/>: larger than <paramref name="maxBytes"/>.</exception>
    public static byte[] Read(string path, int maxBytes = 1 << 20)
    {
        using var file = OpenRead(path);
        return file.ReadToEnd(maxBytes, path);
    }

    /// <summary>Reads a small file as text; null when it does not exist, or what it was about is gone.</summary>
    public static string? TryReadText(string path, int maxBytes = 1 << 20)
    {
        nint number = TryOpenNumber(path, O_RDONLY | O_NOCTTY);
        if (number < 0)
        {
            return IsGone(Libc.LastErrno) ? null : throw LinuxException.FromErrno("open", path);
        }
        using FileDescriptor file = new(number, path);
        try
        {
            return PathText.Decode(file.ReadToEnd(maxBytes, path));
        }
        catch (LinuxException e) when (IsGone(e.Errno))
        {
            return null;
        }
    }

    /// <summary>Writes <paramref name="text"/> to an existing file of proc, sys or cgroup by one call.</summary>
    public static void WriteOnce(string path, string text)
    {
        using var file = Open(path, O_WRONLY | O_NOCTTY);
        file.WriteOnce(PathText.Encode(text), $"{path} \"{text.TrimEnd('\n')}\"");
    }

    /// <summary>Makes the directory <paramref name="path"/>, whose parent exists; false when the name is taken.</summary>
    /// <param name="path">Absolute.</param>
    /// <param name="mode">Permissions, less the process's umask.</param>
    public static unsafe bool TryMakeDirectory(string path, int mode)
    {
        var text = new CString(path, stackalloc byte[CString.StackBytes]);
        fixed (byte* bytes = text)
        {
            return Libc.syscall(SYS_mkdirat, AT_FDCWD, (nint)bytes, mode) == 0
                || (Libc.LastErrno == Errno.EEXIST ? false : throw LinuxException.FromErrno("mkdir", path));
        }
    }

    /// <summary>Opens with flags of open(2); O_CLOEXEC is added.</summary>
    internal static FileDescriptor Open(string path, int flags, int mode = 0, string? label = null) => new(OpenNumber(path, flags, mode), label ?? path);

    private static bool IsGone(Errno errno) => errno is Errno.ENOENT or Errno.ENOTDIR or Errno.ENODEV or Errno.ESRCH;

    private static nint OpenNumber(string path, int flags, int mode = 0) => Libc.Check(TryOpenNumber(path, flags, mode), "open", path);

    /// <returns>Negative when it failed; the reason is the last error.</returns>
    private static unsafe nint TryOpenNumber(string path, int flags, int mode = 0)
    {
        if (!path.StartsWith('/'))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"open {path}: a host path must be absolute");
        }
        var text = new CString(path, stackalloc byte[CString.StackBytes]);
        fixed (byte* bytes = text)
        {
            return Libc.Restart(SYS_openat, AT_FDCWD, (nint)bytes, flags | O_CLOEXEC | O_LARGEFILE, mode);
        }
    }
}
