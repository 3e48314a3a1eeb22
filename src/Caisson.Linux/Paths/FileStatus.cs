using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>What an inode is. The values are those of S_IFMT. Source: inode(7).</summary>
public enum FileKind
{
    /// <summary>Not said by the file system.</summary>
    Unknown = 0,

    /// <summary>A named pipe.</summary>
    Fifo = S_IFIFO,

    /// <summary>A character device.</summary>
    CharacterDevice = S_IFCHR,

    /// <summary>A directory.</summary>
    Directory = S_IFDIR,

    /// <summary>A block device.</summary>
    BlockDevice = S_IFBLK,

    /// <summary>A regular file.</summary>
    Regular = S_IFREG,

    /// <summary>A symbolic link.</summary>
    Symlink = S_IFLNK,

    /// <summary>A unix socket.</summary>
    Socket = S_IFSOCK,
}

/// <summary>A device's numbers. Source: makedev(3).</summary>
public readonly record struct DeviceNumber(uint Major, uint Minor)
{
    /// <summary>As mknod(2) takes it.</summary>
    internal long Encoded =>
        (Minor & 0xFF) | ((long)(Major & 0xFFF) << 8) | ((long)(Minor & 0xFFFFFF00) << 12) | ((long)(Major & 0xFFFFF000) << 32);

    /// <inheritdoc/>
    public override string ToString() => $"{Major}:{Minor}";
}

/// <summary>A moment as inodes keep it.</summary>
/// <param name="Seconds">Since 1970, also negative.</param>
/// <param name="Nanoseconds">0..999,999,999, added to the seconds.</param>
public readonly record struct FileTime(long Seconds, uint Nanoseconds)
{
    /// <summary>In steps of 100 ns.</summary>
    public DateTimeOffset ToDateTimeOffset() => DateTimeOffset.FromUnixTimeSeconds(Seconds).AddTicks(Nanoseconds / 100);

    /// <summary>Exact.</summary>
    public static FileTime From(DateTimeOffset time)
    {
        long ticks = (time - DateTimeOffset.UnixEpoch).Ticks;
        long seconds = Math.DivRem(ticks, TimeSpan.TicksPerSecond, out long rest);
        return rest < 0 ? new(seconds - 1, (uint)(rest + TimeSpan.TicksPerSecond) * 100) : new(seconds, (uint)rest * 100);
    }
}

/// <summary>What is known of an inode. Source: statx(2).</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Mode">Permissions with set-id and sticky bits: 0..07777 (octal).</param>
/// <param name="UserId">Owner as seen through the mount's id map.</param>
/// <param name="GroupId">Group as seen through the mount's id map.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Blocks">Allocated units of 512 bytes.</param>
/// <param name="Links">Names.</param>
/// <param name="Inode">Unique within <paramref name="Device"/>.</param>
/// <param name="Device">Where the inode lives.</param>
/// <param name="DeviceNode">What a device node names.</param>
/// <param name="AccessTime">Last read.</param>
/// <param name="ModifiedTime">Last change of content.</param>
/// <param name="ChangeTime">Last change of the inode.</param>
/// <param name="MountId">As in <c>mountinfo</c>; 0 before Linux 5.8.</param>
public readonly record struct FileStatus(
    FileKind Kind,
    int Mode,
    uint UserId,
    uint GroupId,
    long Size,
    long Blocks,
    uint Links,
    ulong Inode,
    DeviceNumber Device,
    DeviceNumber DeviceNode,
    FileTime AccessTime,
    FileTime ModifiedTime,
    FileTime ChangeTime,
    ulong MountId)
{
    internal static FileStatus From(in statx s) => new(
        (FileKind)(s.stx_mode & S_IFMT),
        s.stx_mode & 0xFFF,
        s.stx_uid,
        s.stx_gid,
        (long)s.stx_size,
        (long)s.stx_blocks,
        s.stx_nlink,
        s.stx_ino,
        new(s.stx_dev_major, s.stx_dev_minor),
        new(s.stx_rdev_major, s.stx_rdev_minor),
        Time(s.stx_atime),
        Time(s.stx_mtime),
        Time(s.stx_ctime),
        (s.stx_mask & STATX_MNT_ID) != 0 ? s.stx_mnt_id : 0);

    private static FileTime Time(in statx_timestamp t) => new(t.tv_sec, t.tv_nsec);
}
