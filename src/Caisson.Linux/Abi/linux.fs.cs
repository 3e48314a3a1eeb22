namespace Caisson.Linux.Abi;

// rename(2), linux/fs.h
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const int RENAME_NOREPLACE = 1;
    public const int RENAME_EXCHANGE = 2;
    public const int RENAME_WHITEOUT = 4;
    public const int FICLONE = 0x40049409;
    public const int SEEK_DATA = 3;
    public const int SEEK_HOLE = 4;
    public const int FICLONERANGE = 0x4020940D;
#pragma warning restore CS1591
}
