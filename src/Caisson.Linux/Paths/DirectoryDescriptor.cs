using System.Buffers.Binary;
using Caisson.Errors;
using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>A name in a directory.</summary>
/// <param name="Name">Without slash; see <see cref="PathText"/> for names that are not UTF-8.</param>
/// <param name="Kind"><see cref="FileKind.Unknown"/> where the file system does not say.</param>
/// <param name="Inode">Its number.</param>
public readonly record struct DirectoryEntry(string Name, FileKind Kind, ulong Inode);

/// <summary>A directory held by handle (O_PATH). Its operations take one plain name in it: no slash, not <c>.</c> or <c>..</c>, and follow no link.</summary>
public sealed partial class DirectoryDescriptor : FileDescriptor
{
    internal DirectoryDescriptor(nint fd, string? label = null) : base(fd, label) { }

    /// <summary>Owns a descriptor received from another process of ours; the caller knows that it is a directory.</summary>
    public static new DirectoryDescriptor From(Descriptor received) => new(received.Release());

    /// <summary>Another handle of the same directory; the caller disposes it.</summary>
    public new DirectoryDescriptor Duplicate() => new(DuplicateNumber(), ToString());

    /// <summary>A handle of whatever <paramref name="name"/> is, also a symbolic link; null when there is no such name.</summary>
    public FileDescriptor? TryOpenPath(string name)
    {
        nint fd = At(SYS_openat, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        return fd >= 0 ? new(fd, name) : Libc.LastErrno == Errno.ENOENT ? null : throw Refused("openat", name);
    }

    /// <summary>What <paramref name="name"/> is, links not followed; null when there is no such name. Source: statx(2).</summary>
    public unsafe FileStatus? TryGetStatus(string name)
    {
        statx status;
        nint result = At(SYS_statx, name, AT_SYMLINK_NOFOLLOW, (nint)(STATX_BASIC_STATS | STATX_MNT_ID), (nint)(&status));
        return result == 0 ? FileStatus.From(status) : Libc.LastErrno == Errno.ENOENT ? null : throw Refused("statx", name);
    }

    /// <summary>Opens the regular file <paramref name="name"/> for reading with one call; null when it is anything else or not there.</summary>
    /// <remarks>
    /// A device that stands there would be opened before it is seen what it is, without waiting: not for directories that a stranger's
    /// processes may be changing right now, for which <see cref="TryOpenPath"/> and <see cref="FileDescriptor.ReopenRegular"/> are.
    /// </remarks>
    /// <param name="name">One plain name.</param>
    /// <param name="status">What it is; meaningless for null.</param>
    public FileDescriptor? TryOpenRegular(string name, out FileStatus status)
    {
        status = default;
        nint fd = At(SYS_openat, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_LARGEFILE);
        if (fd < 0)
        {
            return Libc.LastErrno is Errno.ENOENT or Errno.ELOOP or Errno.ENXIO or Errno.ENODEV ? null : throw Refused("openat", name);
        }
        return OnlyRegular(new FileDescriptor(fd, name), out status);
    }

    /// <summary>The file, with what it is; null for one that is not regular, which is closed.</summary>
    internal static FileDescriptor? OnlyRegular(FileDescriptor file, out FileStatus status)
    {
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

    /// <summary>The directory <paramref name="name"/>.</summary>
    /// <exception cref="LinuxException"><see cref="Errno.ENOTDIR"/>: something else, also a link to a directory; <see cref="Errno.ENOENT"/>: nothing.</exception>
    public DirectoryDescriptor OpenDirectory(string name)
    {
        nint fd = At(SYS_openat, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd >= 0 ? new(fd, name) : throw Refused("openat", name);
    }

    /// <summary>Creates a regular file, opened for reading and writing. The process's umask does not matter.</summary>
    /// <exception cref="LinuxException"><see cref="Errno.EEXIST"/>: the name is taken, by whatever.</exception>
    public FileDescriptor CreateFile(string name, int mode)
    {
        nint fd = At(SYS_openat, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_LARGEFILE, mode);
        var file = fd >= 0 ? new FileDescriptor(fd, name) : throw Refused("openat", name);
        return WithMode(file, mode);
    }

    /// <summary>Creates a file without a name, opened for reading and writing; <see cref="Link"/> names it. Source: open(2), O_TMPFILE.</summary>
    public unsafe FileDescriptor CreateUnnamedFile(int mode)
    {
        using var fd = Hold();
        byte* dot = stackalloc byte[] { (byte)'.', 0 };
        nint file = Libc.Restart(SYS_openat, fd, (nint)dot, O_TMPFILE | O_RDWR | O_CLOEXEC | O_LARGEFILE, mode);
        return WithMode(file >= 0 ? new FileDescriptor(file) : throw Refused("open O_TMPFILE", "."), mode);
    }

    /// <summary>Creates a directory. The process's umask does not matter.</summary>
    /// <exception cref="LinuxException"><see cref="Errno.EEXIST"/>: the name is taken, by whatever.</exception>
    public DirectoryDescriptor CreateDirectory(string name, int mode)
    {
        if (At(SYS_mkdirat, name, mode) != 0)
        {
            throw Refused("mkdirat", name);
        }
        return WithMode(OpenDirectory(name), mode);
    }

    /// <summary>Creates a symbolic link with the text <paramref name="target"/>.</summary>
    public unsafe void CreateSymlink(string name, string target)
    {
        var text = new CString(target, stackalloc byte[CString.StackBytes]);
        var link = new CString(Plain(name), stackalloc byte[CString.StackBytes]);
        using var fd = Hold();
        fixed (byte* textBytes = text)
        fixed (byte* linkBytes = link)
        {
            if (Libc.syscall(SYS_symlinkat, (nint)textBytes, fd, (nint)linkBytes) != 0)
            {
                throw Refused("symlinkat", name);
            }
        }
    }

    /// <summary>Creates a device node, named pipe, socket node or empty regular file. The process's umask does not matter.</summary>
    public void CreateNode(string name, FileKind kind, int mode, DeviceNumber device = default)
    {
        if (At(SYS_mknodat, name, (int)kind | mode, (nint)device.Encoded) != 0)
        {
            throw Refused("mknodat", name);
        }
        using var node = TryOpenPath(name) ?? throw new LinuxException("openat", Errno.ENOENT, name);
        node.ChangeMode(mode);
    }

    /// <summary>Gives the inode <paramref name="existing"/> another name. Source: linkat(2), AT_EMPTY_PATH.</summary>
    public unsafe void Link(FileDescriptor existing, string name)
    {
        var text = new CString(Plain(name), stackalloc byte[CString.StackBytes]);
        using var fd = Hold();
        using var from = existing.Hold();
        byte empty = 0;
        fixed (byte* bytes = text)
        {
            if (Libc.syscall(SYS_linkat, from, (nint)(&empty), fd, (nint)bytes, AT_EMPTY_PATH) == 0)
            {
                return;
            }
            if (Libc.LastErrno != Errno.ENOENT)
            {
                throw Refused("linkat", name);
            }

            // Without CAP_DAC_READ_SEARCH the empty path is refused, and the link in proc is the way.
            var path = new CString(existing.ProcPath, stackalloc byte[CString.StackBytes]);
            fixed (byte* pathBytes = path)
            {
                if (Libc.syscall(SYS_linkat, AT_FDCWD, (nint)pathBytes, fd, (nint)bytes, AT_SYMLINK_FOLLOW) != 0)
                {
                    throw Refused("linkat", name);
                }
            }
        }
    }

    /// <summary>Moves a name, replacing what is at the new one unless told not to. Source: renameat2(2).</summary>
    public void Rename(string name, DirectoryDescriptor target, string newName, bool replace = true) =>
        Rename(name, target, newName, replace ? 0 : RENAME_NOREPLACE);

    /// <summary>Lets two names of this directory change places in one step. Source: renameat2(2), RENAME_EXCHANGE.</summary>
    public void Exchange(string name, string other) => Exchange(name, this, other);

    /// <summary>Lets two names of two directories of one file system change places in one step. Source: renameat2(2), RENAME_EXCHANGE.</summary>
    public void Exchange(string name, DirectoryDescriptor target, string other) => Rename(name, target, other, RENAME_EXCHANGE);

    private unsafe void Rename(string name, DirectoryDescriptor target, string newName, int flags)
    {
        var from = new CString(Plain(name), stackalloc byte[CString.StackBytes]);
        var to = new CString(Plain(newName), stackalloc byte[CString.StackBytes]);
        using var fromFd = Hold();
        using var toFd = target.Hold();
        fixed (byte* fromBytes = from)
        fixed (byte* toBytes = to)
        {
            nint result = Libc.syscall(SYS_renameat2, fromFd, (nint)fromBytes, toFd, (nint)toBytes, flags);
            if (result != 0)
            {
                throw Refused("renameat2", $"{name} to {newName}");
            }
        }
    }

    /// <summary>Writes a file aside and renames it into place: a reader meets all of the old content or all of the new. Not synchronised to a disk.</summary>
    /// <remarks>For one writer at a time.</remarks>
    public void Replace(string name, ReadOnlySpan<byte> content, int mode)
    {
        string aside = $".{name}.new";
        Unlink(aside);
        using (FileDescriptor file = CreateFile(aside, mode))
        {
            file.Write(content);
        }
        Rename(aside, this, name);
    }

    /// <summary>Removes a name that is not a directory; false when there is none.</summary>
    public bool Unlink(string name) => Remove(name, 0);

    /// <summary>Removes an empty directory; false when there is none.</summary>
    public bool RemoveDirectory(string name) => Remove(name, AT_REMOVEDIR);

    /// <summary>Opens the directory itself for reading and for fsync, which a handle cannot do.</summary>
    public unsafe FileDescriptor OpenForSync()
    {
        using var fd = Hold();
        byte* dot = stackalloc byte[] { (byte)'.', 0 };
        nint directory = Libc.syscall(SYS_openat, fd, (nint)dot, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return directory >= 0 ? new(directory, ToString()) : throw Refused("openat", ".");
    }

    /// <summary>All names but <c>.</c> and <c>..</c>, in the file system's order, read at once. Source: getdents64(2).</summary>
    public unsafe List<DirectoryEntry> Enumerate()
    {
        const int BufferBytes = 16384;
        List<DirectoryEntry> entries = [];
        using var directory = OpenForSync();
        using var fd = directory.Hold();
        byte* buffer = stackalloc byte[BufferBytes];
        while (true)
        {
            nint count = Libc.Check(Libc.syscall(SYS_getdents64, fd, (nint)buffer, BufferBytes), "getdents64", this);
            if (count == 0)
            {
                return entries;
            }

            // d_ino 8, d_off 8, d_reclen 2, d_type 1, d_name with NUL
            var rest = new ReadOnlySpan<byte>(buffer, (int)count);
            while (!rest.IsEmpty)
            {
                int length = BinaryPrimitives.ReadUInt16LittleEndian(rest[16..]);
                var name = rest[19..length];
                name = name[..name.IndexOf((byte)0)];
                if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
                {
                    entries.Add(new(PathText.Decode(name), (FileKind)(rest[18] << 12), BinaryPrimitives.ReadUInt64LittleEndian(rest)));
                }
                rest = rest[length..];
            }
        }
    }

    private bool Remove(string name, int flags) =>
        At(SYS_unlinkat, name, flags) == 0 || (Libc.LastErrno == Errno.ENOENT ? false : throw Refused("unlinkat", name));

    private unsafe nint At(int call, string name, nint a, nint b = 0, nint c = 0)
    {
        var text = new CString(Plain(name), stackalloc byte[CString.StackBytes]);
        using var fd = Hold();
        fixed (byte* bytes = text)
        {
            return Libc.Restart(call, fd, (nint)bytes, a, b, c);
        }
    }

    /// <summary>The mode is set again: creation takes the umask away, and a default ACL may have changed it.</summary>
    private static T WithMode<T>(T file, int mode) where T : FileDescriptor
    {
        try
        {
            file.ChangeMode(mode);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private LinuxException Refused(string call, string name) => LinuxException.FromErrno(call, $"{name} in {this}");

    private static string Plain(string name) => name is "" or "." or ".." || name.Contains('/')
        ? throw new CaissonException(ErrorKind.InvalidArgument, $"name \"{name}\": must be one plain name of a directory")
        : name;
}
