namespace Caisson.Linux.Abi;

// landlock(7), linux/landlock.h
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const int LANDLOCK_CREATE_RULESET_VERSION = 1;
    public const int LANDLOCK_RULE_PATH_BENEATH = 1;
    public const int LANDLOCK_ACCESS_FS_EXECUTE = 1;
    public const int LANDLOCK_ACCESS_FS_WRITE_FILE = 2;
    public const int LANDLOCK_ACCESS_FS_READ_FILE = 4;
    public const int LANDLOCK_ACCESS_FS_READ_DIR = 8;
    public const int LANDLOCK_ACCESS_FS_REMOVE_DIR = 0x10;
    public const int LANDLOCK_ACCESS_FS_REMOVE_FILE = 0x20;
    public const int LANDLOCK_ACCESS_FS_MAKE_CHAR = 0x40;
    public const int LANDLOCK_ACCESS_FS_MAKE_DIR = 0x80;
    public const int LANDLOCK_ACCESS_FS_MAKE_REG = 0x100;
    public const int LANDLOCK_ACCESS_FS_MAKE_SOCK = 0x200;
    public const int LANDLOCK_ACCESS_FS_MAKE_FIFO = 0x400;
    public const int LANDLOCK_ACCESS_FS_MAKE_BLOCK = 0x800;
    public const int LANDLOCK_ACCESS_FS_MAKE_SYM = 0x1000;
    public const int LANDLOCK_ACCESS_FS_REFER = 0x2000;
    public const int LANDLOCK_ACCESS_FS_TRUNCATE = 0x4000;
    public const int LANDLOCK_ACCESS_FS_IOCTL_DEV = 0x8000;
    public const int LANDLOCK_ACCESS_NET_BIND_TCP = 1;
    public const int LANDLOCK_ACCESS_NET_CONNECT_TCP = 2;
    public const int LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET = 1;
    public const int LANDLOCK_SCOPE_SIGNAL = 2;
#pragma warning restore CS1591
}
