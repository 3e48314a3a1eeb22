namespace Caisson.Linux.Abi;

// openat2(2), linux/openat2.h
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const int RESOLVE_NO_XDEV = 1;
    public const int RESOLVE_NO_MAGICLINKS = 2;
    public const int RESOLVE_NO_SYMLINKS = 4;
    public const int RESOLVE_BENEATH = 8;
    public const int RESOLVE_IN_ROOT = 0x10;
    public const int RESOLVE_CACHED = 0x20;
#pragma warning restore CS1591
}
