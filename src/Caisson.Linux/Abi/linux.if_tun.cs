namespace Caisson.Linux.Abi;

// linux/if_tun.h
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const int TUNSETIFF = 0x400454CA;
    public const int IFF_TAP = 2;
    public const int IFF_NO_PI = 0x1000;
    public const int IFF_VNET_HDR = 0x4000;
#pragma warning restore CS1591
}
