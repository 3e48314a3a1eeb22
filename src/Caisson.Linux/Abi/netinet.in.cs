namespace Caisson.Linux.Abi;

// ip(7), ipv6(7), linux/if_ether.h
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const int SOL_IP = 0;
    public const int SOL_IPV6 = 41;
    public const int IPPROTO_TCP = 6;
    public const int IPPROTO_UDP = 17;
    public const int IPPROTO_SCTP = 132;
    public const int IPPROTO_ICMP = 1;
    public const int IPPROTO_ICMPV6 = 58;
    public const int IPV6_V6ONLY = 26;
    public const int SO_REUSEADDR = 2;
    public const int ETH_P_IP = 2048;
    public const int ETH_P_IPV6 = 34525;
    public const int ETH_P_ARP = 2054;
    public const int SO_SNDBUFFORCE = 32;
#pragma warning restore CS1591
}
