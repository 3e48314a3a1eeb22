using System.Globalization;
using Caisson.Linux;
using Caisson.Networks.Rules;

namespace Caisson.Networks;

/// <summary>One step of making a network or connecting a container. Data only; <see cref="NetworkRunner"/> carries it out.</summary>
/// <remarks>Printed as the command of ip(8), nft(8) or sysctl(8) that would do the same.</remarks>
public abstract record NetworkStep
{
    private NetworkStep() { }

    /// <summary>Adds elements to the sets of the packet filter.</summary>
    public sealed record AddElements(RuleElements Elements) : NetworkStep
    {
        /// <inheritdoc/>
        public override string ToString() => $"nft add {Elements}";
    }

    /// <summary>Makes a bridge, down.</summary>
    public sealed record CreateBridge(string Name, HardwareAddress Address, int MtuBytes, int Group) : NetworkStep
    {
        /// <inheritdoc/>
        public override string ToString() => $"ip {new RouteRequest.CreateBridge(Name, Address, MtuBytes, Group)}";
    }

    /// <summary>Writes a file below /proc/sys as the host's network sees it.</summary>
    public sealed record HostSetting(string Key, string Value) : NetworkStep
    {
        /// <inheritdoc/>
        public override string ToString() => $"sysctl {Key}={Value}";
    }

    /// <summary>Has the host pass packets on; what it did not pass on before between other devices it still does not.</summary>
    public sealed record EnableForwarding(bool IsIPv6) : NetworkStep
    {
        /// <inheritdoc/>
        public override string ToString() => $"sysctl {(IsIPv6 ? "net/ipv6/conf/all/forwarding" : "net/ipv4/ip_forward")}=1";
    }

    /// <summary>Gives a device of the host an address.</summary>
    public sealed record HostAddress(string Device, InternetAddress Address, int PrefixLength) : NetworkStep
    {
        /// <inheritdoc/>
        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"ip addr add {Address}/{PrefixLength} dev {Device}");
    }

    /// <summary>Takes what comes by a device of the host for one of the host's addresses, after translation, for its own.</summary>
    public sealed record HostLocalRoute(string Device, InternetAddress Address) : NetworkStep
    {
        /// <inheritdoc/>
        public override string ToString() => $"ip route add local {Address} dev {Device} table local metric 4096";
    }

    /// <summary>Takes a device of the host up.</summary>
    public sealed record HostUp(string Device) : NetworkStep
    {
        /// <inheritdoc/>
        public override string ToString() => $"ip link set {Device} up";
    }

    /// <summary>Makes a pair: one end is a port of the bridge, the other one is in the container.</summary>
    public sealed record CreatePair(string Name, string Bridge, int MtuBytes, string Device, HardwareAddress Address) : NetworkStep
    {
        /// <inheritdoc/>
        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture,
            $"ip link add {Name}{(MtuBytes == 0 ? "" : $" mtu {MtuBytes}")} master {Bridge} type veth peer {Device} address {Address} netns CONTAINER");
    }

    /// <summary>Sets what a bridge's port may do; it makes no address of its own.</summary>
    public sealed record HostPort(string Name, bool Isolated) : NetworkStep
    {
        /// <inheritdoc/>
        public override string ToString() => $"ip {new RouteRequest.SetPort(Name, Isolated)} addrgenmode none";
    }

    /// <summary>Makes a device in the container on one of the host's.</summary>
    public sealed record CreateMacvlan(string Parent, int MtuBytes, string Device, HardwareAddress Address, MacvlanMode Mode) : NetworkStep
    {
        /// <inheritdoc/>
        public override string ToString() => $"ip link add {Device} link {Parent} address {Address} netns CONTAINER type macvlan mode {Mode.Word()}";
    }

    /// <summary>Makes a device in the container on one of the host's, with its hardware address.</summary>
    public sealed record CreateIpvlan(string Parent, int MtuBytes, string Device, IpvlanMode Mode) : NetworkStep
    {
        /// <inheritdoc/>
        public override string ToString() => $"ip link add {Device} link {Parent} netns CONTAINER type ipvlan mode {Mode.Word()}";
    }

    /// <summary>Writes a file below /proc/sys as the container's network sees it.</summary>
    public sealed record ContainerSetting(string Key, string Value) : NetworkStep
    {
        /// <inheritdoc/>
        public override string ToString() => $"ip netns exec CONTAINER sysctl {Key}={Value}";
    }

    /// <summary>Makes no link-local address when a device of the container comes up: it gets one that is usable at once.</summary>
    public sealed record ContainerNoLinkLocal(string Device) : NetworkStep
    {
        /// <inheritdoc/>
        public override string ToString() => $"ip -n CONTAINER link set {Device} addrgenmode none";
    }

    /// <summary>Takes a device of the container up.</summary>
    public sealed record ContainerUp(string Device) : NetworkStep
    {
        /// <inheritdoc/>
        public override string ToString() => $"ip -n CONTAINER link set {Device} up";
    }

    /// <summary>Gives a device of the container an address.</summary>
    public sealed record ContainerAddress(string Device, InternetAddress Address, int PrefixLength) : NetworkStep
    {
        /// <inheritdoc/>
        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"ip -n CONTAINER addr add {Address}/{PrefixLength} dev {Device}");
    }

    /// <summary>Sends what has no better route out by the device, behind which the host is the router.</summary>
    public sealed record ContainerDeviceRoute(string Device, bool IsIPv6, uint Metric) : NetworkStep
    {
        /// <inheritdoc/>
        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture, $"ip -n CONTAINER{(IsIPv6 ? " -6" : "")} route add default dev {Device}{(Metric == 0 ? "" : $" metric {Metric}")}");
    }

    /// <summary>Sends what has no better route out by the gateway.</summary>
    public sealed record ContainerDefaultRoute(string Device, InternetAddress Gateway, uint Metric) : NetworkStep
    {
        /// <inheritdoc/>
        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture, $"ip -n CONTAINER route add default via {Gateway} dev {Device}{(Metric == 0 ? "" : $" metric {Metric}")}");
    }
}
