using Caisson.Linux;
using Caisson.Linux.Nftables;

namespace Caisson.Networks.Names;

/// <summary>What makes port 53 of 127.0.0.11 inside a container lead to the resolver's sockets, which are at ports of their own.</summary>
/// <remarks>A container may so have a name server of its own at port 53 of all addresses. Ports are written packet by packet, without connection tracking.</remarks>
internal static class ResolverRules
{
    internal const ushort Port = 53;

    /// <summary>Docker's: programs have it in their configurations.</summary>
    internal static InternetAddress Address { get; } = InternetAddress.Parse("127.0.0.11");

    internal static NftTable Table(ushort udpPort, ushort tcpPort)
    {
        var there = new Subnet(Address, 32);
        return new(NftFamily.IPv4, "caisson_names", [],
        [
            new("output",
            [
                new(NftMatch.Address(false, there), NftMatch.Protocol(TransportProtocol.Udp), NftMatch.DestinationPort(Port), NftAction.SetPort(TransportProtocol.Udp, true, udpPort)),
                new(NftMatch.Address(false, there), NftMatch.Protocol(TransportProtocol.Tcp), NftMatch.DestinationPort(Port), NftAction.SetPort(TransportProtocol.Tcp, true, tcpPort)),
                new(NftMatch.Address(true, there), NftMatch.Protocol(TransportProtocol.Udp), NftMatch.SourcePort(udpPort), NftAction.SetPort(TransportProtocol.Udp, false, Port)),
                new(NftMatch.Address(true, there), NftMatch.Protocol(TransportProtocol.Tcp), NftMatch.SourcePort(tcpPort), NftAction.SetPort(TransportProtocol.Tcp, false, Port)),
            ]) { Hook = NftHook.Output },
        ], []);
    }
}
