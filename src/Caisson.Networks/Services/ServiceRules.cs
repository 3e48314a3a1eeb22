using System.Collections.Immutable;
using Caisson.Linux;
using Caisson.Linux.Nftables;

namespace Caisson.Networks.Services;

/// <summary>The table that shares connections to services out among their receivers, and cuts off whom policies cut off.</summary>
/// <remarks>
/// Always the same rules: a port of a service is as many elements of a map as there are <see cref="NftSlots"/>, each leading to one receiver, and
/// a rule looks up a slot by chance or by the sender. Pure. Source: nft(8).
/// </remarks>
public static class ServiceRules
{
    private const int BeforePublishedPorts = -101;
    private const int BeforeNetworks = -1;

    /// <summary>The table's name.</summary>
    public static string TableOf(NetworkNames names) => names.Table + "_services";

    /// <summary>The whole table.</summary>
    public static NftTable Table(NetworkNames names, ServicePlan plan)
    {
        var loopback = Subnet.Parse("127.0.0.0/8");
        NftTerm four = NftMatch.Version(NftFamily.Inet, false);
        NftRule To(string map, params ImmutableArray<NftField> fields) => new(four, NftAction.DestinationFrom(map, false, fields));
        return new(
            NftFamily.Inet, TableOf(names),
            [
                Map("sticky", NftDataType.IPv4Address, NftDataType.InetProtocol, NftDataType.InetService, NftDataType.Mark),
                Map("shared", NftDataType.IPv4Address, NftDataType.InetProtocol, NftDataType.InetService, NftDataType.Mark),
                Map("node_sticky", NftDataType.InetProtocol, NftDataType.InetService, NftDataType.Mark),
                Map("node_shared", NftDataType.InetProtocol, NftDataType.InetService, NftDataType.Mark),
                .. Directions("in"),
                .. Directions("out"),
            ],
            [
                new("node_ports",
                [
                    To("node_sticky", NftField.Protocol, NftField.DestinationPort, NftField.SourceSlot),
                    To("node_shared", NftField.Protocol, NftField.DestinationPort, NftField.RandomSlot),
                ]),
                new("services",
                [
                    To("sticky", NftField.IPv4Destination, NftField.Protocol, NftField.DestinationPort, NftField.SourceSlot),
                    To("shared", NftField.IPv4Destination, NftField.Protocol, NftField.DestinationPort, NftField.RandomSlot),
                ]),
                new("arriving",
                [
                    new(NftAction.Jump("services")),
                    new(NftMatch.Address(false, loopback), NftAction.Return()),
                    new(NftMatch.DestinationIsLocal(), NftAction.Goto("node_ports")),
                ]) { Hook = NftHook.Prerouting, IsNat = true, Priority = BeforePublishedPorts },
                new("own",
                [
                    new(NftAction.Jump("services")),
                    new(NftMatch.DestinationIsLocal(), NftAction.Goto("node_ports")),
                ]) { Hook = NftHook.Output, IsNat = true, Priority = BeforePublishedPorts },
                Check("in", NftField.IPv4Destination),
                Check("out", NftField.IPv4Source),
                new("forward",
                [
                    new(NftMatch.Established(), NftAction.Accept()),
                    new(NftMatch.Address(false, plan.Addresses), NftAction.Reject()),
                    new(four, NftMatch.In("closed_out", true, NftField.IPv4Source), NftAction.Jump("check_out")),
                    new(four, NftMatch.In("closed_in", true, NftField.IPv4Destination), NftAction.Jump("check_in")),
                ]) { Hook = NftHook.Forward, Priority = BeforeNetworks },
                new("refuse", [new(NftMatch.Address(false, plan.Addresses), NftAction.Reject())]) { Hook = NftHook.Output },
            ],
            [.. Elements(plan)]);
    }

    private static NftSet Map(string name, params ImmutableArray<NftDataType> key) => new(name, key, [NftDataType.IPv4Address, NftDataType.InetService]);

    private static IEnumerable<NftSet> Directions(string way) =>
    [
        new("closed_" + way, NftDataType.IPv4Address),
        new("all_" + way, NftDataType.IPv4Address),
        new("port_" + way, NftDataType.IPv4Address, NftDataType.InetProtocol, NftDataType.InetService),
        new("peer_" + way, NftDataType.IPv4Address, NftDataType.IPv4Address),
        new("peer_port_" + way, NftDataType.IPv4Address, NftDataType.IPv4Address, NftDataType.InetProtocol, NftDataType.InetService),
        new("proto_" + way, NftDataType.IPv4Address, NftDataType.InetProtocol),
        new("peer_proto_" + way, NftDataType.IPv4Address, NftDataType.IPv4Address, NftDataType.InetProtocol),
    ];

    /// <summary>Returns for what is allowed, refuses the rest.</summary>
    private static NftChain Check(string way, NftField own)
    {
        NftField peer = own == NftField.IPv4Source ? NftField.IPv4Destination : NftField.IPv4Source;
        NftRule Allow(string set, params ImmutableArray<NftField> fields) => new(NftMatch.In(set + way, true, fields), NftAction.Return());
        return new("check_" + way,
        [
            Allow("all_", own),
            Allow("peer_", own, peer),
            Allow("port_", own, NftField.Protocol, NftField.DestinationPort),
            Allow("peer_port_", own, peer, NftField.Protocol, NftField.DestinationPort),
            Allow("proto_", own, NftField.Protocol),
            Allow("peer_proto_", own, peer, NftField.Protocol),
            new(NftAction.Reject()),
        ]);
    }

    private static IEnumerable<NftElement> Elements(ServicePlan plan)
    {
        HashSet<(string, NftValue)> seen = [];
        IEnumerable<NftElement> all = plan.Ports.SelectMany(PortElements)
            .Concat(plan.ClosedInward.Select(address => new NftElement("closed_in", NftValue.Address(address))))
            .Concat(plan.ClosedOutward.Select(address => new NftElement("closed_out", NftValue.Address(address))))
            .Concat(plan.Inward.Select(path => PathElement("in", path)))
            .Concat(plan.Outward.Select(path => PathElement("out", path)));
        // What two policies both allow is there once; of two services that claim a port, the first has it.
        return all.Where(element => seen.Add((element.Set, element.Key)));
    }

    private static NftElement PathElement(string way, AllowedPath path)
    {
        NftValue key = NftValue.Address(path.Address);
        string set = "";
        if (path.Peer is { } peer)
        {
            key = key.Then(NftValue.Address(peer));
            set = "peer_";
        }
        if (path.Protocol is { } protocol)
        {
            key = key.Then(NftValue.Protocol(protocol));
            if (path.Port == 0)
            {
                return new(set + "proto_" + way, key);
            }
            return new($"{set}port_{way}", key.Then(NftValue.Port(path.Port)));
        }
        return new(set.Length == 0 ? "all_" + way : set + way, key);
    }

    /// <summary>The receiver of a slot stays while it is there, whoever else comes and goes but for those that take or leave a share.</summary>
    private static IEnumerable<NftElement> PortElements(ServicePort port)
    {
        if (port.Receivers.IsEmpty)
        {
            yield break;
        }
        InternetEndpoint[] order = [.. port.Receivers.OrderBy(receiver => receiver.Address.Bits).ThenBy(receiver => receiver.Port)];
        for (uint slot = 0; slot < NftSlots.Count; slot++)
        {
            InternetEndpoint receiver = port.Sticky ? order.MaxBy(one => Weight(one, slot)) : order[slot % order.Length];
            NftValue to = NftValue.Address(receiver.Address).Then(NftValue.Port(receiver.Port));
            NftValue at = NftValue.Protocol(port.Protocol).Then(NftValue.Port(port.Port)).Then(NftValue.Mark(slot));
            yield return new(port.Sticky ? "sticky" : "shared", NftValue.Address(port.Address).Then(at), to);
            if (port.NodePort != 0)
            {
                yield return new(
                    port.Sticky ? "node_sticky" : "node_shared",
                    NftValue.Protocol(port.Protocol).Then(NftValue.Port(port.NodePort)).Then(NftValue.Mark(slot)), to);
            }
        }
    }

    /// <summary>Rendezvous hashing: each slot goes to the receiver of the greatest weight.</summary>
    private static ulong Weight(InternetEndpoint receiver, uint slot)
    {
        ulong hash = (ulong)receiver.Address.Bits << 16 ^ receiver.Port ^ (ulong)slot << 48;
        hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccd;
        hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53;
        return hash ^ hash >> 33;
    }
}
