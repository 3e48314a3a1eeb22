using System.Globalization;
using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>One change of a namespace's devices, addresses or routes: one rtnetlink message. Data only; <see cref="RouteSocket.Execute(IReadOnlyList{RouteRequest})"/> sends it.</summary>
/// <remarks>Names of devices have at most 15 bytes. Source: rtnetlink(7), linux/if_link.h, ip-link(8).</remarks>
public abstract record RouteRequest
{
    private RouteRequest() { }

    internal abstract void Write(NetlinkWriter writer, uint sequence);

    /// <summary>A bridge without spanning tree, down, that makes no link-local address by itself.</summary>
    /// <param name="Name">Of the device.</param>
    /// <param name="Address">Its own; set, so that it does not change with its ports.</param>
    /// <param name="MtuBytes">Largest packet; 0 for the kernel's default.</param>
    /// <param name="Group">The group of devices it belongs to from its first moment on, by which rules can know it; 0 for none.</param>
    public sealed record CreateBridge(string Name, HardwareAddress Address, int MtuBytes, int Group = 0) : RouteRequest
    {
        internal override void Write(NetlinkWriter writer, uint sequence)
        {
            Begin(writer, sequence, NLM_F_CREATE | NLM_F_EXCL);
            WriteDevice(writer, Name, Address, MtuBytes);
            if (Group != 0)
            {
                writer.Attribute(IFLA_GROUP, (uint)Group);
            }
            writer.BeginNested(IFLA_LINKINFO);
            writer.Attribute(IFLA_INFO_KIND, "bridge");
            writer.BeginNested(IFLA_INFO_DATA);
            writer.Attribute(IFLA_BR_STP_STATE, 0u);
            writer.Attribute(IFLA_BR_FORWARD_DELAY, 0u);
            writer.EndNested();
            writer.EndNested();
            writer.End();
        }

        /// <inheritdoc/>
        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"link add {Name}{(Group == 0 ? "" : $" group {Group}")} address {Address}{Mtu(MtuBytes)} type bridge");
    }

    /// <summary>A pair of devices: one here, down, as a port of a bridge, the other one, down too, in another namespace.</summary>
    /// <param name="Name">Of the end that stays here.</param>
    /// <param name="BridgeIndex">The bridge it is a port of; 0 for none.</param>
    /// <param name="MtuBytes">Largest packet of both; 0 for the kernel's default.</param>
    /// <param name="PeerName">Of the other end.</param>
    /// <param name="PeerAddress">Of the other end.</param>
    /// <param name="PeerNamespace">Where the other end goes; stays the caller's.</param>
    public sealed record CreatePair(
        string Name, int BridgeIndex, int MtuBytes, string PeerName, HardwareAddress PeerAddress, Namespace PeerNamespace) : RouteRequest
    {
        internal override void Write(NetlinkWriter writer, uint sequence)
        {
            using var network = PeerNamespace.Hold();
            Begin(writer, sequence, NLM_F_CREATE | NLM_F_EXCL);
            WriteDevice(writer, Name, null, MtuBytes);
            if (BridgeIndex != 0)
            {
                writer.Attribute(IFLA_MASTER, (uint)BridgeIndex);
            }
            writer.BeginNested(IFLA_LINKINFO);
            writer.Attribute(IFLA_INFO_KIND, "veth");
            writer.BeginNested(IFLA_INFO_DATA);
            writer.BeginNested(VETH_INFO_PEER);
            writer.Put(default(ifinfomsg));
            WriteDevice(writer, PeerName, PeerAddress, MtuBytes);
            writer.Attribute(IFLA_NET_NS_FD, (uint)network.Number);
            writer.EndNested();
            writer.EndNested();
            writer.EndNested();
            writer.End();
        }

        /// <inheritdoc/>
        public override string ToString() =>
            $"link add {Name}{Mtu(MtuBytes)} type veth peer {PeerName} address {PeerAddress}";
    }

    /// <summary>A device of its own address on top of another one, in another namespace. Source: ip-link(8), "MACVLAN and MACVTAP Type Support".</summary>
    /// <param name="Name">Of the new device.</param>
    /// <param name="ParentIndex">The device below, of this namespace.</param>
    /// <param name="Address">Of the new device.</param>
    /// <param name="MtuBytes">Largest packet; 0 for the parent's.</param>
    /// <param name="Target">Where it goes; stays the caller's.</param>
    /// <param name="Mode">What of its siblings it sees.</param>
    public sealed record CreateMacvlan(
        string Name, int ParentIndex, HardwareAddress Address, int MtuBytes, Namespace Target, MacvlanMode Mode = MacvlanMode.Bridge) : RouteRequest
    {
        internal override void Write(NetlinkWriter writer, uint sequence)
        {
            BeginAbove(writer, sequence, "macvlan", Name, Address, MtuBytes, ParentIndex, Target);
            writer.Attribute(IFLA_MACVLAN_MODE, (uint)Mode);
            EndAbove(writer);
        }

        /// <inheritdoc/>
        public override string ToString() => $"link add {Name} address {Address}{Mtu(MtuBytes)} type macvlan mode {Mode.Word()}";
    }

    /// <summary>A device on top of another one, whose hardware address it shares, in another namespace. Source: ip-link(8), "IPVLAN and IPVTAP Type Support".</summary>
    /// <param name="Name">Of the new device.</param>
    /// <param name="ParentIndex">The device below, of this namespace.</param>
    /// <param name="MtuBytes">Largest packet; 0 for the parent's.</param>
    /// <param name="Target">Where it goes; stays the caller's.</param>
    /// <param name="Mode">Whether it is on the wire or behind a router.</param>
    public sealed record CreateIpvlan(string Name, int ParentIndex, int MtuBytes, Namespace Target, IpvlanMode Mode) : RouteRequest
    {
        internal override void Write(NetlinkWriter writer, uint sequence)
        {
            BeginAbove(writer, sequence, "ipvlan", Name, null, MtuBytes, ParentIndex, Target);
            writer.Attribute(IFLA_IPVLAN_MODE, (ushort)Mode);
            EndAbove(writer);
        }

        /// <inheritdoc/>
        public override string ToString() => $"link add {Name}{Mtu(MtuBytes)} type ipvlan mode {Mode.Word()}";
    }

    /// <summary>Whether a bridge's port may reach only ports that are not isolated; it takes no part in spanning tree, and gets frames that it sent to itself. Linux 4.18.</summary>
    /// <param name="Name">The port's device.</param>
    /// <param name="Isolated">No frame goes from one isolated port to another.</param>
    public sealed record SetPort(string Name, bool Isolated) : RouteRequest
    {
        internal override void Write(NetlinkWriter writer, uint sequence)
        {
            Begin(writer, sequence, 0);
            writer.Attribute(IFLA_IFNAME, Name);
            writer.BeginNested(IFLA_LINKINFO);
            writer.Attribute(IFLA_INFO_SLAVE_KIND, "bridge");
            writer.BeginNested(IFLA_INFO_SLAVE_DATA);
            writer.Attribute(IFLA_BRPORT_GUARD, (byte)1);
            writer.Attribute(IFLA_BRPORT_MODE, (byte)1);
            writer.Attribute(IFLA_BRPORT_ISOLATED, (byte)(Isolated ? 1 : 0));
            writer.EndNested();
            writer.EndNested();
            writer.End();
        }

        /// <inheritdoc/>
        public override string ToString() => $"link set {Name} type bridge_slave guard on hairpin on isolated {(Isolated ? "on" : "off")}";
    }

    /// <summary>Makes no link-local address when the device comes up.</summary>
    /// <param name="Name">Of the device.</param>
    public sealed record NoLinkLocalAddress(string Name) : RouteRequest
    {
        internal override void Write(NetlinkWriter writer, uint sequence)
        {
            Begin(writer, sequence, 0);
            writer.Attribute(IFLA_IFNAME, Name);
            writer.BeginNested(IFLA_AF_SPEC);
            writer.BeginNested(AF_INET6);
            writer.Attribute(IFLA_INET6_ADDR_GEN_MODE, (byte)IN6_ADDR_GEN_MODE_NONE);
            writer.EndNested();
            writer.EndNested();
            writer.End();
        }

        /// <inheritdoc/>
        public override string ToString() => $"link set {Name} addrgenmode none";
    }

    /// <summary>Makes a device a port of a bridge.</summary>
    /// <param name="Name">Of the device.</param>
    /// <param name="BridgeIndex">The bridge.</param>
    public sealed record SetMaster(string Name, int BridgeIndex) : RouteRequest
    {
        internal override void Write(NetlinkWriter writer, uint sequence)
        {
            Begin(writer, sequence, 0);
            writer.Attribute(IFLA_IFNAME, Name);
            writer.Attribute(IFLA_MASTER, (uint)BridgeIndex);
            writer.End();
        }

        /// <inheritdoc/>
        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"link set {Name} master {BridgeIndex}");
    }

    /// <summary>Whether a bridge remembers which addresses it saw at a port; frames for those it does not know go to all other ports.</summary>
    /// <param name="Name">The port's device.</param>
    /// <param name="Learns">Whether it does.</param>
    public sealed record SetLearning(string Name, bool Learns) : RouteRequest
    {
        internal override void Write(NetlinkWriter writer, uint sequence)
        {
            Begin(writer, sequence, 0);
            writer.Attribute(IFLA_IFNAME, Name);
            writer.BeginNested(IFLA_LINKINFO);
            writer.Attribute(IFLA_INFO_SLAVE_KIND, "bridge");
            writer.BeginNested(IFLA_INFO_SLAVE_DATA);
            writer.Attribute(IFLA_BRPORT_LEARNING, (byte)(Learns ? 1 : 0));
            writer.EndNested();
            writer.EndNested();
            writer.End();
        }

        /// <inheritdoc/>
        public override string ToString() => $"link set {Name} type bridge_slave learning {(Learns ? "on" : "off")}";
    }

    /// <summary>Gives a device another hardware address.</summary>
    /// <param name="Name">Of the device.</param>
    /// <param name="Address">From now on.</param>
    public sealed record SetHardwareAddress(string Name, HardwareAddress Address) : RouteRequest
    {
        internal override void Write(NetlinkWriter writer, uint sequence)
        {
            Begin(writer, sequence, 0);
            WriteDevice(writer, Name, Address, 0);
            writer.End();
        }

        /// <inheritdoc/>
        public override string ToString() => $"link set {Name} address {Address}";
    }

    /// <summary>Takes a device up.</summary>
    /// <param name="Name">Of the device.</param>
    public sealed record Up(string Name) : RouteRequest
    {
        internal override void Write(NetlinkWriter writer, uint sequence)
        {
            writer.Begin(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, sequence);
            writer.Put(new ifinfomsg { ifi_flags = IFF_UP, ifi_change = IFF_UP });
            writer.Attribute(IFLA_IFNAME, Name);
            writer.End();
        }

        /// <inheritdoc/>
        public override string ToString() => $"link set {Name} up";
    }

    /// <summary>Removes a virtual device; of a pair both ends go.</summary>
    /// <param name="Name">Of the device.</param>
    public sealed record Delete(string Name) : RouteRequest
    {
        internal override void Write(NetlinkWriter writer, uint sequence)
        {
            writer.Begin(RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK, sequence);
            writer.Put(default(ifinfomsg));
            writer.Attribute(IFLA_IFNAME, Name);
            writer.End();
        }

        /// <inheritdoc/>
        public override string ToString() => $"link delete {Name}";
    }

    /// <summary>Gives a device an address, which it may have already; one of IPv6 is usable at once, without looking for a duplicate.</summary>
    /// <param name="Index">The device.</param>
    /// <param name="Address">The address.</param>
    /// <param name="PrefixLength">How much of it is the subnet that is reached directly.</param>
    public sealed record AddAddress(int Index, InternetAddress Address, int PrefixLength) : RouteRequest
    {
        internal override unsafe void Write(NetlinkWriter writer, uint sequence)
        {
            writer.Begin(RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, sequence);
            writer.Put(new ifaddrmsg
            {
                ifa_family = (byte)(Address.IsIPv6 ? AF_INET6 : AF_INET),
                ifa_prefixlen = (byte)PrefixLength,
                ifa_flags = (byte)(Address.IsIPv6 ? IFA_F_NODAD : 0),
                ifa_index = (uint)Index,
            });
            byte[] bytes = Address.ToBytes();
            writer.Attribute(IFA_LOCAL, bytes);
            writer.Attribute(IFA_ADDRESS, bytes);
            if (!Address.IsIPv6 && PrefixLength < 31)
            {
                writer.Attribute(IFA_BROADCAST, Subnet.Around(Address, PrefixLength).Last.ToBytes());
            }
            writer.End();
        }

        /// <inheritdoc/>
        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"addr add {Address}/{PrefixLength} dev {Index}");
    }

    /// <summary>Takes an address, which it has, from a device, and with its last one its routes of that family.</summary>
    /// <param name="Index">The device.</param>
    /// <param name="Address">The address.</param>
    /// <param name="PrefixLength">As it was given.</param>
    public sealed record RemoveAddress(int Index, InternetAddress Address, int PrefixLength) : RouteRequest
    {
        internal override unsafe void Write(NetlinkWriter writer, uint sequence)
        {
            writer.Begin(RTM_DELADDR, NLM_F_REQUEST | NLM_F_ACK, sequence);
            writer.Put(new ifaddrmsg { ifa_family = (byte)(Address.IsIPv6 ? AF_INET6 : AF_INET), ifa_prefixlen = (byte)PrefixLength, ifa_index = (uint)Index });
            writer.Attribute(IFA_LOCAL, Address.ToBytes());
            writer.End();
        }

        /// <inheritdoc/>
        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"addr del {Address}/{PrefixLength} dev {Index}");
    }

    /// <summary>Sends what has no better route of that family to <paramref name="Gateway"/>.</summary>
    /// <param name="Index">The device behind which the gateway is.</param>
    /// <param name="Gateway">The next hop.</param>
    /// <param name="Metric">The lower one wins; 0 for the kernel's default.</param>
    public sealed record AddDefaultRoute(int Index, InternetAddress Gateway, uint Metric) : RouteRequest
    {
        internal override void Write(NetlinkWriter writer, uint sequence)
        {
            writer.Begin(RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sequence);
            writer.Put(new rtmsg
            {
                rtm_family = (byte)(Gateway.IsIPv6 ? AF_INET6 : AF_INET),
                rtm_table = RT_TABLE_MAIN,
                rtm_protocol = RTPROT_STATIC,
                rtm_scope = RT_SCOPE_UNIVERSE,
                rtm_type = RTN_UNICAST,
            });
            writer.Attribute(RTA_GATEWAY, Gateway.ToBytes());
            writer.Attribute(RTA_OIF, (uint)Index);
            if (Metric != 0)
            {
                writer.Attribute(RTA_PRIORITY, Metric);
            }
            writer.End();
        }

        /// <inheritdoc/>
        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture, $"route add default via {Gateway} dev {Index}{(Metric != 0 ? $" metric {Metric}" : "")}");
    }

    /// <summary>Sends what has no better route of that family out by a device behind which no gateway is.</summary>
    /// <param name="Index">The device.</param>
    /// <param name="IsIPv6">The family.</param>
    /// <param name="Metric">The lower one wins; 0 for the kernel's default.</param>
    public sealed record AddDeviceDefaultRoute(int Index, bool IsIPv6, uint Metric) : RouteRequest
    {
        internal override void Write(NetlinkWriter writer, uint sequence)
        {
            writer.Begin(RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sequence);
            writer.Put(new rtmsg
            {
                rtm_family = (byte)(IsIPv6 ? AF_INET6 : AF_INET),
                rtm_table = RT_TABLE_MAIN,
                rtm_protocol = RTPROT_STATIC,
                rtm_scope = (byte)(IsIPv6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK),
                rtm_type = RTN_UNICAST,
            });
            writer.Attribute(RTA_OIF, (uint)Index);
            if (Metric != 0)
            {
                writer.Attribute(RTA_PRIORITY, Metric);
            }
            writer.End();
        }

        /// <inheritdoc/>
        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture, $"{(IsIPv6 ? "-6 " : "")}route add default dev {Index}{(Metric != 0 ? $" metric {Metric}" : "")}");
    }

    /// <summary>Takes what comes by a device for an address for this host's own, whoever has the address; it may be there already.</summary>
    /// <param name="Index">The device.</param>
    /// <param name="Address">The address.</param>
    /// <param name="Metric">Different for each device, so that none takes the place of another's.</param>
    public sealed record AddLocalRoute(int Index, InternetAddress Address, uint Metric) : RouteRequest
    {
        internal override void Write(NetlinkWriter writer, uint sequence)
        {
            writer.Begin(RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, sequence);
            writer.Put(new rtmsg
            {
                rtm_family = (byte)(Address.IsIPv6 ? AF_INET6 : AF_INET),
                rtm_dst_len = (byte)Address.BitCount,
                rtm_table = RT_TABLE_LOCAL,
                rtm_protocol = RTPROT_STATIC,
                rtm_scope = (byte)(Address.IsIPv6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_HOST),
                rtm_type = RTN_LOCAL,
            });
            writer.Attribute(RTA_DST, Address.ToBytes());
            writer.Attribute(RTA_OIF, (uint)Index);
            writer.Attribute(RTA_PRIORITY, Metric);
            writer.End();
        }

        /// <inheritdoc/>
        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture, $"route replace local {Address} dev {Index} table local metric {Metric}");
    }

    private static void Begin(NetlinkWriter writer, uint sequence, int flags)
    {
        writer.Begin(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK | flags, sequence);
        writer.Put(default(ifinfomsg));
    }

    /// <summary>The message of a device on top of another one, up to the settings of its kind; the number of the namespace is written while it is held.</summary>
    private static void BeginAbove(
        NetlinkWriter writer, uint sequence, string kind, string name, HardwareAddress? address, int mtuBytes, int parentIndex, Namespace target)
    {
        using var network = target.Hold();
        Begin(writer, sequence, NLM_F_CREATE | NLM_F_EXCL);
        WriteDevice(writer, name, address, mtuBytes);
        writer.Attribute(IFLA_LINK, (uint)parentIndex);
        writer.Attribute(IFLA_NET_NS_FD, (uint)network.Number);
        writer.BeginNested(IFLA_LINKINFO);
        writer.Attribute(IFLA_INFO_KIND, kind);
        writer.BeginNested(IFLA_INFO_DATA);
    }

    private static void EndAbove(NetlinkWriter writer)
    {
        writer.EndNested();
        writer.EndNested();
        writer.End();
    }

    private static void WriteDevice(NetlinkWriter writer, string name, HardwareAddress? address, int mtuBytes)
    {
        writer.Attribute(IFLA_IFNAME, name);
        if (address is { } hardware)
        {
            writer.Attribute(IFLA_ADDRESS, hardware.ToBytes());
        }
        if (mtuBytes != 0)
        {
            writer.Attribute(IFLA_MTU, (uint)mtuBytes);
        }
    }

    private static string Mtu(int bytes) => bytes == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $" mtu {bytes}");
}
