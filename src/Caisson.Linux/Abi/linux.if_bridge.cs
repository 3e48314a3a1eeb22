namespace Caisson.Linux.Abi;

// linux/if_link.h, "Bridge Netlink attributes", "MACVLAN", "IPVLAN"
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const int IFLA_BR_FORWARD_DELAY = 1;
    public const int IFLA_BR_STP_STATE = 5;
    public const int IFLA_BR_MCAST_SNOOPING = 23;
    public const int IFLA_BRPORT_ISOLATED = 33;
    public const int IFLA_BRPORT_GUARD = 5;
    public const int IFLA_BRPORT_LEARNING = 8;
    public const int IFLA_BRPORT_MODE = 4;
    public const int IFLA_AF_SPEC = 26;
    public const int IFLA_INET6_ADDR_GEN_MODE = 8;
    public const int IN6_ADDR_GEN_MODE_NONE = 1;
    public const int IFLA_MACVLAN_MODE = 1;
    public const int MACVLAN_MODE_PRIVATE = 1;
    public const int MACVLAN_MODE_VEPA = 2;
    public const int MACVLAN_MODE_BRIDGE = 4;
    public const int MACVLAN_MODE_PASSTHRU = 8;
    public const int IFLA_IPVLAN_MODE = 1;
    public const int IPVLAN_MODE_L2 = 0;
    public const int IPVLAN_MODE_L3 = 1;
    public const int IPVLAN_MODE_L3S = 2;
#pragma warning restore CS1591
}
