using Caisson.Errors;
using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>An inode held by descriptor, opened or as a mere handle (O_PATH). Its metadata is read and changed through the descriptor, never by path.</summary>
/// <remarks>On a handle of a symbolic link the operations are about the link itself.</remarks>
public partial class FileDescriptor : Descriptor
{
    internal FileDescriptor(nint fd, string? label = null) : base(fd, label) { }

    private protected FileDescriptor(Descriptor other) : base(other) { }

    /// <summary>Owns a descriptor that is known to be of a file or directory.</summary>
    public static FileDescriptor From(Descriptor descriptor) => new(descriptor);

    /// <summary>What the inode is. Source: statx(2), AT_EMPTY_PATH.</summary>
    public unsafe FileStatus Status
    {
        get
        {
            using var fd = Hold();
            byte empty = 0;
            statx status;
            Libc.Check(
                Libc.syscall(SYS_statx, fd, (nint)(&empty), AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, (nint)(&status)),
                "statx", this);
            return FileStatus.From(status);
        }
    }

    /// <summary>The magic number of the file system that holds the inode. Source: statfs(2), linux/magic.h.</summary>
    public unsafe long FileSystemType
    {
        get
        {
            using var fd = Hold();
            statfs status;
            Libc.Check(Libc.Restart(SYS_fstatfs, fd, (nint)(&status)), "fstatfs", this);
            return status.f_type;
        }
    }

    /// <summary>Opens the same inode anew, as from a handle. Only for kinds that are safe to open: the caller has looked at <see cref="Status"/>.</summary>
    /// <param name="flags">Of open(2); O_CLOEXEC is added.</param>
    internal FileDescriptor Reopen(int flags) => HostFiles.Open(ProcPath, flags | O_NOCTTY, label: ToString());

    /// <summary>Opens the same inode anew for reading, if it is a regular file.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: it is something else, which is not opened.</exception>
    public FileDescriptor ReopenRegular(string subject, bool writable = false)
    {
        var kind = Status.Kind;
        return kind == FileKind.Regular
            ? Reopen((writable ? O_RDWR : O_RDONLY) | O_NONBLOCK)
            : throw new CaissonException(ErrorKind.FailedPrecondition, $"open {subject}: must be a regular file, is {Describe(kind)}");
    }

    /// <summary>Sets owner and group; null leaves one as it is. Clears set-id bits of files, as the kernel does. Source: fchownat(2).</summary>
    public unsafe void ChangeOwner(uint? userId, uint? groupId)
    {
        using var fd = Hold();
        byte empty = 0;
        Libc.Check(
            Libc.syscall(SYS_fchownat, fd, (nint)(&empty), (nint)(userId ?? uint.MaxValue), (nint)(groupId ?? uint.MaxValue), AT_EMPTY_PATH),
            "fchownat", this);
    }

    /// <summary>Sets permissions with set-id and sticky bits, 0..07777 (octal). Not for symbolic links. Source: fchmod(2), fchmodat2(2).</summary>
    public unsafe void ChangeMode(int mode)
    {
        using var fd = Hold();
        if (Libc.syscall(SYS_fchmod, fd, mode) == 0)
        {
            return;
        }
        if (Libc.LastErrno != Errno.EBADF)
        {
            throw LinuxException.FromErrno("fchmod", ToString());
        }

        // A handle: by fchmodat2 since Linux 6.6, before by its link in proc.
        byte empty = 0;
        if (Libc.syscall(SYS_fchmodat2, fd, (nint)(&empty), mode, AT_EMPTY_PATH) == 0)
        {
            return;
        }
        if (Libc.LastErrno != Errno.ENOSYS)
        {
            throw LinuxException.FromErrno("fchmodat2", ToString());
        }
        var path = new CString(ProcPath, stackalloc byte[CString.StackBytes]);
        fixed (byte* bytes = path)
        {
            Libc.Check(Libc.syscall(SYS_fchmodat, AT_FDCWD, (nint)bytes, mode), "fchmodat", this);
        }
    }

    /// <summary>Sets access and modification time; null leaves one as it is. Source: utimensat(2).</summary>
    public unsafe void ChangeTimes(FileTime? accessed, FileTime? modified)
    {
        using var fd = Hold();
        byte empty = 0;
        timespec* times = stackalloc timespec[] { Convert(accessed), Convert(modified) };
        Libc.Check(Libc.syscall(SYS_utimensat, fd, (nint)(&empty), (nint)times, AT_EMPTY_PATH), "utimensat", this);

        static timespec Convert(FileTime? time) => time is { } t
            ? new() { tv_sec = t.Seconds, tv_nsec = t.Nanoseconds }
            : new() { tv_nsec = UTIME_OMIT };
    }

    /// <summary>Where a symbolic link that this is a handle of points. Source: readlinkat(2).</summary>
    public unsafe string ReadLink()
    {
        using var fd = Hold();
        byte empty = 0;
        byte* buffer = stackalloc byte[PATH_MAX];
        nint length = Libc.Check(Libc.syscall(SYS_readlinkat, fd, (nint)(&empty), (nint)buffer, PATH_MAX), "readlinkat", this);
        return PathText.Decode(new(buffer, (int)length));
    }

    /// <summary>Sets the size, filling with zeros. The file must be opened for writing. Source: ftruncate(2).</summary>
    public void SetSize(long size)
    {
        using var fd = Hold();
        Libc.Check(Libc.Restart(SYS_ftruncate, fd, (nint)size), "ftruncate", this);
    }

    /// <summary>Reads what is at <paramref name="offset"/> without moving the file's position; 0 at the end. Source: pread(2).</summary>
    public unsafe int ReadAt(Span<byte> buffer, long offset)
    {
        using var fd = Hold();
        fixed (byte* bytes = buffer)
        {
            return (int)Libc.Check(Libc.Restart(SYS_pread64, fd, (nint)bytes, buffer.Length, (nint)offset), "pread", this);
        }
    }

    /// <summary>Takes an exclusive lock of the open file, which ends with its last descriptor; false when another holds it. Source: flock(2).</summary>
    public bool TryLock()
    {
        using var fd = Hold();
        return Libc.syscall(SYS_flock, fd, LOCK_EX | LOCK_NB) == 0
            || (Libc.LastErrno == Errno.EAGAIN ? false : throw LinuxException.FromErrno("flock", ToString()));
    }

    internal static string Describe(FileKind kind) => kind switch
    {
        FileKind.Fifo => "a named pipe",
        FileKind.CharacterDevice => "a character device",
        FileKind.Directory => "a directory",
        FileKind.BlockDevice => "a block device",
        FileKind.Regular => "a regular file",
        FileKind.Symlink => "a symbolic link",
        FileKind.Socket => "a socket",
        _ => "of unknown kind",
    };
}
