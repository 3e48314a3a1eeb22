using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>What a device of the kind macvlan sees of its siblings on the same device below. Source: ip-link(8).</summary>
public enum MacvlanMode
{
    /// <summary>Nothing.</summary>
    Private = MACVLAN_MODE_PRIVATE,

    /// <summary>What the switch outside sends back.</summary>
    Vepa = MACVLAN_MODE_VEPA,

    /// <summary>Everything, at once.</summary>
    Bridge = MACVLAN_MODE_BRIDGE,

    /// <summary>There is one only.</summary>
    Passthrough = MACVLAN_MODE_PASSTHRU,
}

/// <summary>Where a device of the kind ipvlan is. Source: ip-link(8), Documentation/networking/ipvlan.rst.</summary>
public enum IpvlanMode
{
    /// <summary>On the wire of the device below.</summary>
    L2 = IPVLAN_MODE_L2,

    /// <summary>Behind this host as a router, without broadcasts.</summary>
    L3 = IPVLAN_MODE_L3,

    /// <summary>The same, with the host's packet filter in between.</summary>
    L3S = IPVLAN_MODE_L3S,
}

/// <summary>The words of ip(8) for modes.</summary>
public static class LinkModes
{
    /// <summary>As ip(8) writes it.</summary>
    public static string Word(this MacvlanMode mode) => mode switch
    {
        MacvlanMode.Private => "private",
        MacvlanMode.Vepa => "vepa",
        MacvlanMode.Passthrough => "passthru",
        _ => "bridge",
    };

    /// <summary>As ip(8) writes it.</summary>
    public static string Word(this IpvlanMode mode) => mode switch
    {
        IpvlanMode.L3 => "l3",
        IpvlanMode.L3S => "l3s",
        _ => "l2",
    };
}
