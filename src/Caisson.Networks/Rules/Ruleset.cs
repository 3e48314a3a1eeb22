using System.Collections.Immutable;
using Caisson.Linux;
using Caisson.Linux.Nftables;

namespace Caisson.Networks.Rules;

/// <summary>The rules of the packet filter. There are as many for one network as for a thousand: what differs is in sets and maps.</summary>
/// <remarks>
/// All is in tables of our own. A packet that our chains accept still goes through the chains of others, so that a drop of the host wins;
/// what our chains drop is dropped. Pure. Source: nft(8).
/// </remarks>
public static class Ruleset
{
    private const string Egress = "egress";
    private const string Neighbours = "neighbours";
    private const string Hairpin4 = "hairpin4";
    private const string Hairpin6 = "hairpin6";
    private const string Metadata = "metadata";
    private const string HostAccess = "host_access";
    private const string Masquerade4 = "masquerade4";
    private const string Masquerade6 = "masquerade6";
    private const string Senders = "senders";
    private const string Receivers = "receivers";
    private const string Sources4 = "sources4";
    private const string Sources6 = "sources6";

    private const int RawPriority = -300;
    private const int DestinationNatPriority = -100;
    private const int SourceNatPriority = 100;

    /// <summary>The chain that keeps a host from passing on what it did not pass on before, see <see cref="NetworkStep.EnableForwarding"/>.</summary>
    public static string GuardChain(bool isIPv6) => isIPv6 ? "guard6" : "guard4";

    /// <summary>The table of the family inet: published ports, isolation of networks, translation.</summary>
    /// <param name="names">Of this engine.</param>
    /// <param name="elements">What is in its sets.</param>
    /// <param name="guard4">Packets of IPv4 between devices that are not ours are dropped.</param>
    /// <param name="guard6">The same of IPv6.</param>
    /// <param name="loopback6">Published ports are reached at ::1, too, see <see cref="NetworkPlane.HasLoopback6"/>.</param>
    public static NftTable Host(NetworkNames names, IEnumerable<NftElement> elements, bool guard4 = false, bool guard6 = false, bool loopback6 = true)
    {
        NftTerm FromContainer(bool equal = true) => NftMatch.InputGroup(names.BridgeGroup, equal);
        NftTerm ToContainer(bool equal = true) => NftMatch.OutputGroup(names.BridgeGroup, equal);
        var loopback = Subnet.Parse("127.0.0.0/8");
        var loopbackOf6 = Subnet.Parse("::1/128");

        List<NftChain> chains =
        [
            new("publish",
            [
                new(NftMatch.Version(NftFamily.Inet, false), NftAction.DestinationFrom("ports4_at", false, NftField.IPv4Destination, NftField.Protocol, NftField.DestinationPort)),
                new(NftMatch.Version(NftFamily.Inet, false), NftAction.DestinationFrom("ports4", false, NftField.Protocol, NftField.DestinationPort)),
                new(NftMatch.Version(NftFamily.Inet, true), NftAction.DestinationFrom("ports6_at", true, NftField.IPv6Destination, NftField.Protocol, NftField.DestinationPort)),
                new(NftMatch.Version(NftFamily.Inet, true), NftAction.DestinationFrom("ports6", true, NftField.Protocol, NftField.DestinationPort)),
            ]),
            // 127.0.0.0/8 is the host's own, whatever comes by a bridge, and however far the bridge's route_localnet goes.
            new("loopback",
            [
                new(FromContainer(false), NftAction.Accept()),
                new(NftMatch.Address(false, loopback), NftAction.Drop()),
                new(NftMatch.Address(true, loopback), NftAction.Drop()),
                new(NftMatch.Address(false, loopbackOf6), NftAction.Drop()),
                new(NftMatch.Address(true, loopbackOf6), NftAction.Drop()),
            ]) { Hook = NftHook.Prerouting, Priority = RawPriority },
            // Nobody on the wire reaches a port that is published for 127.0.0.1: translation would come before the kernel's own check.
            new("arriving",
            [
                new(NftMatch.Address(false, loopback), NftAction.Return()),
                new(NftMatch.DestinationIsLocal(), NftAction.Goto("publish")),
            ]) { Hook = NftHook.Prerouting, IsNat = true, Priority = DestinationNatPriority },
            new("own",
            [
                .. loopback6 ? [] : (ImmutableArray<NftRule>)[new(NftMatch.Address(false, loopbackOf6), NftAction.Return())],
                new(NftMatch.DestinationIsLocal(), NftAction.Goto("publish")),
            ]) { Hook = NftHook.Output, IsNat = true, Priority = DestinationNatPriority },
            new("from_container",
            [
                new(NftMatch.In(Egress, false, NftField.InputName), NftAction.Reject()),
                new(ToContainer(), NftMatch.DestinationTranslated(), NftAction.Accept()),
                new(ToContainer(), NftAction.Reject()),
                new(NftMatch.In(Metadata, true, NftField.InputName), NftAction.Accept()),
                new(NftMatch.Address(false, Subnet.Parse("169.254.0.0/16")), NftAction.Reject()),
                new(NftMatch.Address(false, Subnet.Parse("fd00:ec2::254/128")), NftAction.Reject()),
                new(NftAction.Accept()),
            ]),
            new("forward",
            [
                new(NftMatch.Established(), NftAction.Accept()),
                new(FromContainer(false), ToContainer(false), NftAction.Accept()),
                new(NftMatch.Invalid(), NftAction.Drop()),
                new(NftMatch.In(Neighbours, true, NftField.InputName, NftField.OutputName), NftAction.Accept()),
                new(FromContainer(), NftAction.Goto("from_container")),
                new(NftMatch.DestinationTranslated(), NftMatch.In(Egress, true, NftField.OutputName), NftAction.Accept()),
                new(NftAction.Drop()),
            ]) { Hook = NftHook.Forward },
            new("input",
            [
                new(FromContainer(false), NftAction.Accept()),
                new(NftMatch.Established(), NftAction.Accept()),
                new(NftMatch.Icmp(), NftAction.Accept()),
                new(NftMatch.IcmpV6(), NftAction.Accept()),
                new(NftMatch.In(HostAccess, true, NftField.InputName), NftAction.Accept()),
                new(NftAction.Reject()),
            ]) { Hook = NftHook.Input },
            new("leaving",
            [
                // A container that reaches itself or a neighbour by a published port must get the answers by the host, too; so must the host's 127.0.0.1.
                // By its address, not the device it came by: where bridged frames go through these chains (br_netfilter) none is known here.
                new(NftMatch.Version(NftFamily.Inet, false), NftMatch.In(Hairpin4, true, NftField.OutputName, NftField.IPv4Source), NftMatch.DestinationTranslated(), NftAction.Masquerade()),
                new(NftMatch.Version(NftFamily.Inet, true), NftMatch.In(Hairpin6, true, NftField.OutputName, NftField.IPv6Source), NftMatch.DestinationTranslated(), NftAction.Masquerade()),
                new(ToContainer(), NftMatch.Address(true, loopback), NftAction.Masquerade()),
                new(ToContainer(), NftMatch.Address(true, loopbackOf6), NftAction.Masquerade()),
                new(ToContainer(), NftAction.Accept()),
                new(NftMatch.Version(NftFamily.Inet, false), NftMatch.In(Masquerade4, true, NftField.InputName), NftAction.Masquerade()),
                new(NftMatch.Version(NftFamily.Inet, true), NftMatch.In(Masquerade6, true, NftField.InputName), NftAction.Masquerade()),
            ]) { Hook = NftHook.Postrouting, IsNat = true, Priority = SourceNatPriority },
        ];
        foreach (bool isIPv6 in (bool[])[.. guard4 ? [false] : (bool[])[], .. guard6 ? [true] : (bool[])[]])
        {
            chains.Add(new(GuardChain(isIPv6), [new(NftMatch.Version(NftFamily.Inet, isIPv6), FromContainer(false), ToContainer(false), NftAction.Drop())])
            {
                Hook = NftHook.Forward,
                Priority = 1,
            });
        }

        return new(
            NftFamily.Inet, names.Table,
            [
                new("ports4", [NftDataType.InetProtocol, NftDataType.InetService], [NftDataType.IPv4Address, NftDataType.InetService]),
                new("ports4_at", [NftDataType.IPv4Address, NftDataType.InetProtocol, NftDataType.InetService], [NftDataType.IPv4Address, NftDataType.InetService]),
                new("ports6", [NftDataType.InetProtocol, NftDataType.InetService], [NftDataType.IPv6Address, NftDataType.InetService]),
                new("ports6_at", [NftDataType.IPv6Address, NftDataType.InetProtocol, NftDataType.InetService], [NftDataType.IPv6Address, NftDataType.InetService]),
                new(Egress, NftDataType.InterfaceName),
                new(Metadata, NftDataType.InterfaceName),
                new(HostAccess, NftDataType.InterfaceName),
                new(Masquerade4, NftDataType.InterfaceName),
                new(Masquerade6, NftDataType.InterfaceName),
                new(Neighbours, NftDataType.InterfaceName, NftDataType.InterfaceName),
                new(Hairpin4, NftDataType.InterfaceName, NftDataType.IPv4Address),
                new(Hairpin6, NftDataType.InterfaceName, NftDataType.IPv6Address),
            ],
            [.. chains], [.. elements]);
    }

    /// <summary>The table of the family bridge: a port sends nothing but what its container's addresses allow.</summary>
    /// <param name="names">Of this engine.</param>
    /// <param name="elements">What is in its sets.</param>
    public static NftTable Ports(NetworkNames names, IEnumerable<NftElement> elements) => new(
        NftFamily.Bridge, names.Table,
        [
            new(Receivers, NftDataType.EtherAddress),
            new(Senders, NftDataType.InterfaceName, NftDataType.EtherAddress),
            new(Sources4, NftDataType.InterfaceName, NftDataType.EtherAddress, NftDataType.IPv4Address),
            new(Sources6, NftDataType.InterfaceName, NftDataType.IPv6Address),
        ],
        [
            // What goes from container to container stays in the bridge: where bridged packets go through the host's rules, too (br_netfilter), following
            // connections that nobody translates would cost a tenth of the throughput.
            new("known",
            [
                new(NftMatch.In(Receivers, true, NftField.EtherDestination), NftAction.NoTrack()),
                new(NftAction.Accept()),
            ]),
            new("six",
            [
                // Who is a router is the host's to say, and whose address that is, its holder's.
                new(NftMatch.IcmpV6(), NftMatch.IcmpV6Type(134), NftAction.Drop()),
                new(NftMatch.IcmpV6(), NftMatch.IcmpV6Type(136), NftMatch.In(Sources6, false, NftField.InputName, NftField.NeighborTarget), NftAction.Drop()),
                new(NftMatch.Version(NftFamily.Bridge, true), NftMatch.In(Sources6, true, NftField.InputName, NftField.IPv6Source), NftAction.Goto("known")),
                new(NftAction.Drop()),
            ]),
            // Before the bridge learns whose the sender's address is.
            new("arriving",
            [
                new(NftMatch.InputNamePrefix(names.PortPrefix, false), NftAction.Accept()),
                new(NftMatch.Version(NftFamily.Bridge, false), NftMatch.In(Sources4, true, NftField.InputName, NftField.EtherSource, NftField.IPv4Source), NftAction.Goto("known")),
                new(NftMatch.In(Senders, false, NftField.InputName, NftField.EtherSource), NftAction.Drop()),
                new(NftMatch.Version(NftFamily.Bridge, true), NftAction.Goto("six")),
                new(NftMatch.Arp(), NftMatch.In(Sources4, true, NftField.InputName, NftField.ArpSenderEther, NftField.ArpSenderIPv4), NftAction.Accept()),
                new(NftAction.Drop()),
            ]) { Hook = NftHook.Prerouting, Priority = RawPriority },
        ],
        [.. elements]);

    /// <summary>What a network has in the sets.</summary>
    public static RuleElements ElementsOf(NetworkConfig network, NetworkNames names)
    {
        if (network.Driver != NetworkDriver.Bridge)
        {
            return new([], []);
        }
        var bridge = NftValue.Interface(names.Bridge(network));
        List<NftElement> elements = [];
        void Add(bool wanted, string set, NftValue key)
        {
            if (wanted)
            {
                elements.Add(new(set, key));
            }
        }

        Add(!network.Internal, Egress, bridge);
        Add(!network.IsolatedPorts, Neighbours, bridge.Then(bridge));
        Add(network.MetadataAccess && !network.Internal, Metadata, bridge);
        Add(network.HostAccess, HostAccess, bridge);
        Add(network.Masquerade && !network.Internal, Masquerade4, bridge);
        Add(network.Masquerade && !network.Internal && network.IPv6, Masquerade6, bridge);
        return new([.. elements], []);
    }

    /// <summary>What an endpoint of a network, whose addresses are said, has in the sets.</summary>
    public static RuleElements ElementsOf(EndpointConfig endpoint, NetworkConfig network, NetworkNames names)
    {
        if (network.Driver != NetworkDriver.Bridge)
        {
            return new([], []);
        }
        var port = NftValue.Interface(names.Port(endpoint.Id));
        var hardware = endpoint.HardwareAddress!.Value;
        List<NftElement> elements = [new(Senders, port.Then(NftValue.Ether(hardware)))];
        if (!network.Routed)
        {
            elements.Insert(0, new(Receivers, NftValue.EtherAlone(hardware))); // of others all connections are followed: policies know answers by them
        }
        if (endpoint.IPv4 is { } four)
        {
            elements.Add(new(Sources4, port.Then(NftValue.Ether(hardware)).Then(NftValue.Address(four))));
        }
        if (endpoint.IPv6 is { } six)
        {
            // Of link-local addresses the one that its hardware address makes, and none before it has one.
            foreach (var address in (ReadOnlySpan<InternetAddress>)[six, hardware.LinkLocalAddress(), InternetAddress.AnyIPv6])
            {
                elements.Add(new(Sources6, port.Then(NftValue.Address(address))));
            }
        }
        var bridge = NftValue.Interface(names.Bridge(network));
        List<NftElement> ofHost = [];
        foreach (var address in endpoint.Addresses())
        {
            ofHost.Add(new(address.IsIPv6 ? Hairpin6 : Hairpin4, bridge.Then(NftValue.Address(address))));
        }
        return new([.. ofHost, .. PortElements(endpoint)], [.. elements]);
    }

    /// <summary>What the published ports of an endpoint have in the maps.</summary>
    public static ImmutableArray<NftElement> PortElements(EndpointConfig endpoint)
    {
        var elements = ImmutableArray.CreateBuilder<NftElement>();
        foreach (var target in endpoint.Ports.IsEmpty ? [] : endpoint.Addresses())
        {
            foreach (var port in endpoint.Ports.Where(port => port.IsFor(target.IsIPv6)))
            {
                for (int i = 0; i < port.Count; i++)
                {
                    var key = NftValue.Protocol(port.Protocol).Then(NftValue.Port((ushort)(port.HostPort + i)));
                    var data = NftValue.Address(target).Then(NftValue.Port((ushort)(port.ContainerPort + i)));
                    elements.Add(port.HostAddress is { IsAny: false } at
                        ? new(target.IsIPv6 ? "ports6_at" : "ports4_at", NftValue.Address(at).Then(key), data)
                        : new(target.IsIPv6 ? "ports6" : "ports4", key, data));
                }
            }
        }
        return elements.ToImmutable();
    }
}
