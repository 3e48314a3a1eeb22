namespace Caisson.Linux.Abi;

// close_range(2)
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const int CLOSE_RANGE_UNSHARE = 2;
    public const int CLOSE_RANGE_CLOEXEC = 4;
#pragma warning restore CS1591
}
