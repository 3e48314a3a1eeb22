namespace Caisson.Linux.Abi;

// mmap(2)
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const int PROT_NONE = 0;
    public const int PROT_READ = 1;
    public const int PROT_WRITE = 2;
    public const int PROT_EXEC = 4;
    public const int MAP_SHARED = 1;
    public const int MAP_PRIVATE = 2;
    public const int MAP_FIXED = 16;
    public const int MAP_ANONYMOUS = 32;
    public const int MAP_STACK = 131072;
    public const int MAP_NORESERVE = 16384;
    public const int MADV_DONTNEED = 4;
#pragma warning restore CS1591
}
