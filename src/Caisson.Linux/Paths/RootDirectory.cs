using Caisson.Errors;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>How an in-root path is to be resolved.</summary>
[Flags]
public enum PathLookup
{
    /// <summary>Links are followed, inside the root.</summary>
    Follow = 0,

    /// <summary>The last component is not followed when it is a link.</summary>
    NoFollowLast = 1,

    /// <summary>No link is followed anywhere: ELOOP.</summary>
    NoSymlinks = 2,

    /// <summary>No mount point is crossed: EXDEV.</summary>
    NoMounts = 4,
}

/// <summary>The root of a container's file system (or a layer, or a volume), with whatever hostile content: every path given here is resolved with it as <c>/</c>.</summary>
/// <remarks>
/// Paths may be absolute or not, which is the same. Only descriptors come out, and all changes go through them. Thread-safe as the kernel is.
/// The caller disposes it. Source: openat2(2).
/// </remarks>
public sealed partial class RootDirectory : IDisposable
{
    private RootDirectory(DirectoryDescriptor directory) => Directory = directory;

    /// <summary>The root itself; disposed with this object.</summary>
    public DirectoryDescriptor Directory { get; }

    /// <summary>Takes the directory at the trusted absolute path <paramref name="hostPath"/> as root.</summary>
    public static RootDirectory Open(string hostPath) => new(HostFiles.OpenDirectory(hostPath));

    /// <summary>Takes <paramref name="directory"/> as root and owns it from now on.</summary>
    public static RootDirectory From(DirectoryDescriptor directory) => new(directory);

    /// <summary>Takes the root of a detached mount as root; the tree stays the caller's and must outlive this object.</summary>
    public static RootDirectory From(MountTree tree) => new(tree.OpenRoot());

    /// <summary>A handle (O_PATH) of what is at <paramref name="path"/>.</summary>
    /// <exception cref="LinuxException"><see cref="Errno.ENOENT"/>, <see cref="Errno.ENOTDIR"/>, <see cref="Errno.ELOOP"/>.</exception>
    public FileDescriptor OpenPath(string path, PathLookup lookup = PathLookup.Follow) =>
        new(RootedPath.Open(Directory, path, O_PATH | Last(lookup), 0, Resolve(lookup)), path);

    /// <summary>As <see cref="OpenPath"/>; null when a component does not exist or is no directory.</summary>
    public FileDescriptor? TryOpenPath(string path, PathLookup lookup = PathLookup.Follow)
    {
        nint fd = RootedPath.TryOpen(Directory, path, O_PATH | Last(lookup), 0, Resolve(lookup));
        return fd >= 0 ? new(fd, path)
            : Libc.LastErrno is Errno.ENOENT or Errno.ENOTDIR ? null
            : throw LinuxException.FromErrno("openat2", path);
    }

    /// <summary>The directory at <paramref name="path"/>.</summary>
    /// <exception cref="LinuxException"><see cref="Errno.ENOENT"/>, <see cref="Errno.ENOTDIR"/>, <see cref="Errno.ELOOP"/>.</exception>
    public DirectoryDescriptor OpenDirectory(string path, PathLookup lookup = PathLookup.Follow) =>
        new(RootedPath.Open(Directory, path, O_PATH | O_DIRECTORY | Last(lookup), 0, Resolve(lookup)), path);

    /// <summary>The directory that holds the last name of <paramref name="path"/>, and that name; for several operations on one entry.</summary>
    public DirectoryDescriptor OpenParent(string path, out string name, PathLookup lookup = PathLookup.Follow)
    {
        (string parent, name) = RootedPath.Split(path);
        return OpenDirectory(parent, lookup & ~PathLookup.NoFollowLast);
    }

    /// <summary>Opens an existing regular file for reading (and writing). Anything else is not opened: no device is touched and no pipe waits.</summary>
    public FileDescriptor OpenFile(string path, bool writable = false, PathLookup lookup = PathLookup.Follow)
    {
        using var handle = OpenPath(path, lookup);
        return handle.ReopenRegular(path, writable);
    }

    /// <summary>
    /// As <see cref="OpenFile"/> for reading, with one call; null when it is no regular file or not there. A device that stands there would be opened before
    /// it is seen what it is: for trees that no stranger's processes are changing right now.
    /// </summary>
    /// <param name="path">In the root.</param>
    /// <param name="status">What it is; meaningless for null.</param>
    /// <param name="lookup">How links are met.</param>
    public FileDescriptor? TryOpenRegular(string path, out FileStatus status, PathLookup lookup = PathLookup.Follow)
    {
        status = default;
        nint fd = RootedPath.TryOpen(Directory, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | Last(lookup), 0, Resolve(lookup));
        if (fd < 0)
        {
            return Libc.LastErrno is Errno.ENOENT or Errno.ENOTDIR or Errno.ELOOP or Errno.ENXIO or Errno.ENODEV ? null : throw LinuxException.FromErrno("openat2", path);
        }
        var file = new FileDescriptor(fd, path);
        try
        {
            status = file.Status;
        }
        catch
        {
            file.Dispose();
            throw;
        }
        if (status.Kind == FileKind.Regular)
        {
            return file;
        }
        file.Dispose();
        return null;
    }

    /// <summary>Reads a regular file to its end.</summary>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.FailedPrecondition"/>: not a regular file; <see cref="ErrorKind.ResourceExhausted"/>: larger than <paramref name="maxBytes"/>, of which no more was read.
    /// </exception>
    public byte[] ReadFile(string path, int maxBytes, PathLookup lookup = PathLookup.Follow)
    {
        using var file = OpenFile(path, writable: false, lookup);
        return file.ReadToEnd(maxBytes, path);
    }

    /// <summary>As <see cref="ReadFile"/>; null when there is no such file.</summary>
    public byte[]? TryReadFile(string path, int maxBytes, PathLookup lookup = PathLookup.Follow)
    {
        using var handle = TryOpenPath(path, lookup);
        using var file = handle?.ReopenRegular(path);
        return file?.ReadToEnd(maxBytes, path);
    }

    /// <summary>What is at <paramref name="path"/>; null when there is nothing.</summary>
    public FileStatus? TryGetStatus(string path, PathLookup lookup = PathLookup.Follow)
    {
        using var handle = TryOpenPath(path, lookup);
        return handle?.Status;
    }

    /// <summary>Where the link at <paramref name="path"/> points, as text.</summary>
    public string ReadLink(string path)
    {
        using var handle = OpenPath(path, PathLookup.NoFollowLast);
        return handle.ReadLink();
    }

    /// <summary>The names in the directory at <paramref name="path"/>.</summary>
    public List<DirectoryEntry> Enumerate(string path)
    {
        using var directory = OpenDirectory(path);
        return directory.Enumerate();
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Dispose();

    private static int Last(PathLookup lookup) => (lookup & PathLookup.NoFollowLast) != 0 ? O_NOFOLLOW : 0;

    private static int Resolve(PathLookup lookup) =>
        ((lookup & PathLookup.NoSymlinks) != 0 ? RESOLVE_NO_SYMLINKS : 0) | ((lookup & PathLookup.NoMounts) != 0 ? RESOLVE_NO_XDEV : 0);
}
