namespace Caisson.Linux.Abi;

// open(2), asm/fcntl.h
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const int O_DIRECTORY = 0x10000;
    public const int O_NOFOLLOW = 0x20000;
    public const int O_LARGEFILE = 0x8000;
    public const int O_TMPFILE = 0x410000;
#pragma warning restore CS1591
}
