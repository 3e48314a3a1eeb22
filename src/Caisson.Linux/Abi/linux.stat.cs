namespace Caisson.Linux.Abi;

// stat(2), statx(2), linux/stat.h
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const int S_IFMT = 0xF000;
    public const int S_IFSOCK = 0xC000;
    public const int S_IFLNK = 0xA000;
    public const int S_IFREG = 0x8000;
    public const int S_IFBLK = 0x6000;
    public const int S_IFDIR = 0x4000;
    public const int S_IFCHR = 0x2000;
    public const int S_IFIFO = 0x1000;
    public const int S_ISUID = 0x800;
    public const int S_ISGID = 0x400;
    public const int S_ISVTX = 0x200;
    public const int STATX_TYPE = 1;
    public const int STATX_MODE = 2;
    public const int STATX_NLINK = 4;
    public const int STATX_UID = 8;
    public const int STATX_GID = 0x10;
    public const int STATX_ATIME = 0x20;
    public const int STATX_MTIME = 0x40;
    public const int STATX_CTIME = 0x80;
    public const int STATX_INO = 0x100;
    public const int STATX_SIZE = 0x200;
    public const int STATX_BLOCKS = 0x400;
    public const int STATX_BASIC_STATS = 0x7FF;
    public const int STATX_BTIME = 0x800;
    public const int STATX_MNT_ID = 0x1000;
    public const int STATX_ATTR_IMMUTABLE = 0x10;
    public const int STATX_ATTR_APPEND = 0x20;
    public const int STATX_ATTR_MOUNT_ROOT = 0x2000;
    public const int UTIME_NOW = 0x3FFFFFFF;
    public const int UTIME_OMIT = 0x3FFFFFFE;
#pragma warning restore CS1591
}
