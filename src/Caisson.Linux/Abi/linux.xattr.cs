namespace Caisson.Linux.Abi;

// xattr(7), linux/xattr.h, linux/limits.h
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const int XATTR_CREATE = 1;
    public const int XATTR_REPLACE = 2;
    public const int XATTR_NAME_MAX = 255;
    public const int XATTR_SIZE_MAX = 65536;
    public const int XATTR_LIST_MAX = 65536;
    public const int PATH_MAX = 4096;
    public const int NAME_MAX = 255;
#pragma warning restore CS1591
}
