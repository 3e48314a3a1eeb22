using System.Collections.Immutable;
using System.Globalization;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux.Nftables;

/// <summary>What a rule can do.</summary>
public static class NftAction
{
    /// <summary>Lets the packet go on to the chains of other tables, which may still drop it.</summary>
    public static NftTerm Accept() => new("accept", expressions => expressions.Verdict(NF_ACCEPT));

    /// <summary>Drops the packet, whatever other tables say.</summary>
    public static NftTerm Drop() => new("drop", expressions => expressions.Verdict(NF_DROP));

    /// <summary>Drops the packet and says so to its sender.</summary>
    public static NftTerm Reject() => new("reject with icmpx admin-prohibited", expressions => expressions.Reject());

    /// <summary>Keeps the packet from connection tracking, and so from translation; before priority -200.</summary>
    public static NftTerm NoTrack() => new("notrack", expressions => expressions.NoTrack());

    /// <summary>Leaves the chain.</summary>
    public static NftTerm Return() => new("return", expressions => expressions.Verdict(NFT_RETURN));

    /// <summary>Goes to another chain and does not come back.</summary>
    public static NftTerm Goto(string chain) => new($"goto {chain}", expressions => expressions.Verdict(NFT_GOTO, chain));

    /// <summary>Goes to another chain and comes back.</summary>
    public static NftTerm Jump(string chain) => new($"jump {chain}", expressions => expressions.Verdict(NFT_JUMP, chain));

    /// <summary>Gives the packet the address of the device it leaves by.</summary>
    public static NftTerm Masquerade() => new("masquerade", expressions => expressions.Masquerade());

    /// <summary>Sends the connection to the address and port that <paramref name="map"/> has for the fields; without one the next rule is asked.</summary>
    public static NftTerm DestinationFrom(string map, bool isIPv6, params ImmutableArray<NftField> fields) => new(
        $"dnat {(isIPv6 ? "ip6" : "ip")} to {NftMatch.Words(fields)} map @{map}",
        expressions =>
        {
            NftMatch.Load(expressions, fields);
            expressions.Lookup(map, map: true);
            expressions.DestinationNat(isIPv6);
        });

    /// <summary>Writes the receiver's, or else the sender's, port of a packet of TCP or UDP, which must have been asked for before.</summary>
    public static NftTerm SetPort(TransportProtocol protocol, bool destination, ushort port) => new(
        string.Create(CultureInfo.InvariantCulture, $"{NftValue.Protocol(protocol)} {(destination ? "dport" : "sport")} set {port}"),
        expressions =>
        {
            expressions.Load([(byte)(port >> 8), (byte)port]);
            expressions.SetPayload(NFT_PAYLOAD_TRANSPORT_HEADER, destination ? 2 : 0, 2, protocol == TransportProtocol.Tcp ? 16 : 6);
        });
}
