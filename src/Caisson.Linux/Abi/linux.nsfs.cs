namespace Caisson.Linux.Abi;

// ioctl_ns(2), linux/nsfs.h
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const int NS_GET_USERNS = 0xB701;
    public const int NS_GET_PARENT = 0xB702;
    public const int NS_GET_NSTYPE = 0xB703;
    public const int NS_GET_OWNER_UID = 0xB704;
#pragma warning restore CS1591
}
