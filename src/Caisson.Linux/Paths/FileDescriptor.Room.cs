using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>How much room a file system has. Source: statfs(2).</summary>
/// <param name="BlockBytes">The unit of the numbers of blocks.</param>
/// <param name="Blocks">All.</param>
/// <param name="FreeBlocks">Free.</param>
/// <param name="AvailableBlocks">Free for whoever is not root.</param>
/// <param name="Files">Inodes, all.</param>
/// <param name="FreeFiles">Inodes, free.</param>
/// <param name="NameBytesMax">The longest name.</param>
public readonly record struct FileSystemRoom(long BlockBytes, ulong Blocks, ulong FreeBlocks, ulong AvailableBlocks, ulong Files, ulong FreeFiles, int NameBytesMax);

public partial class FileDescriptor
{
    /// <summary>The room of the file system that holds the inode.</summary>
    public unsafe FileSystemRoom FileSystemRoom
    {
        get
        {
            using var fd = Hold();
            statfs status;
            Libc.Check(Libc.Restart(SYS_fstatfs, fd, (nint)(&status)), "fstatfs", this);
            return new(
                status.f_frsize > 0 ? status.f_frsize : status.f_bsize, status.f_blocks, status.f_bfree, status.f_bavail, status.f_files, status.f_ffree, (int)status.f_namelen);
        }
    }

    /// <summary>When the inode was made, which tells it from an earlier one of the same number; zero where the file system does not keep it. Source: statx(2), STATX_BTIME.</summary>
    public unsafe FileTime BirthTime
    {
        get
        {
            using var fd = Hold();
            byte empty = 0;
            statx status;
            Libc.Check(Libc.syscall(SYS_statx, fd, (nint)(&empty), AT_EMPTY_PATH, STATX_BTIME, (nint)(&status)), "statx", this);
            return (status.stx_mask & STATX_BTIME) != 0 ? new(status.stx_btime.tv_sec, status.stx_btime.tv_nsec) : default;
        }
    }

    /// <summary>Puts the file's data on stable storage, and of its metadata what reading it needs. Source: fdatasync(2).</summary>
    public void FlushData()
    {
        using var fd = Hold();
        Libc.Check(Libc.Restart(SYS_fdatasync, fd), "fdatasync", this);
    }

    /// <summary>Gives or takes room on the disk; the file must be opened for writing. Source: fallocate(2).</summary>
    /// <param name="mode">Of fallocate(2).</param>
    /// <param name="offset">In bytes.</param>
    /// <param name="length">In bytes.</param>
    public void Allocate(int mode, long offset, long length)
    {
        using var fd = Hold();
        Libc.Check(Libc.Restart(SYS_fallocate, fd, mode, (nint)offset, (nint)length), "fallocate", this);
    }
}
