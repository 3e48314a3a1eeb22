using System.Collections.Immutable;
using System.Globalization;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux.Nftables;

/// <summary>A field of a packet that can be part of a key.</summary>
public enum NftField
{
    /// <summary>The device it came by.</summary>
    InputName,

    /// <summary>The device it leaves by.</summary>
    OutputName,

    /// <summary>The frame's sender.</summary>
    EtherSource,

    /// <summary>The frame's receiver.</summary>
    EtherDestination,

    /// <summary>The sender's address of IPv4.</summary>
    IPv4Source,

    /// <summary>The receiver's address of IPv4.</summary>
    IPv4Destination,

    /// <summary>The sender's address of IPv6.</summary>
    IPv6Source,

    /// <summary>The receiver's address of IPv6.</summary>
    IPv6Destination,

    /// <summary>The Ethernet address an ARP message says its sender has.</summary>
    ArpSenderEther,

    /// <summary>The address of IPv4 an ARP message says its sender has.</summary>
    ArpSenderIPv4,

    /// <summary>The address of IPv6 a neighbour advertisement is about.</summary>
    NeighborTarget,

    /// <summary>The protocol above IP.</summary>
    Protocol,

    /// <summary>The receiver's port.</summary>
    DestinationPort,

    /// <summary>A number below <see cref="NftSlots.Count"/>, another one for each connection.</summary>
    RandomSlot,

    /// <summary>A number below <see cref="NftSlots.Count"/>, the same for the same sender of IPv4.</summary>
    SourceSlot,
}

/// <summary>Numbers by which a map shares connections out among receivers.</summary>
public static class NftSlots
{
    /// <summary>How many there are: with so many, the shares of up to a dozen receivers differ by a tenth at most.</summary>
    public const int Count = 128;
}

/// <summary>What a rule can ask.</summary>
public static class NftMatch
{
    /// <summary>The name of the device the packet came by begins, or does not begin, with <paramref name="prefix"/>.</summary>
    public static NftTerm InputNamePrefix(string prefix, bool equal = true) => NamePrefix("iifname", NFT_META_IIFNAME, prefix, equal);

    /// <summary>The name of the device the packet leaves by begins, or does not begin, with <paramref name="prefix"/>.</summary>
    public static NftTerm OutputNamePrefix(string prefix, bool equal = true) => NamePrefix("oifname", NFT_META_OIFNAME, prefix, equal);

    /// <summary>The device the packet came by is, or is not, of the group <paramref name="group"/>.</summary>
    public static NftTerm InputGroup(int group, bool equal = true) => Group("iifgroup", NFT_META_IIFGROUP, group, equal);

    /// <summary>The device the packet leaves by is, or is not, of the group <paramref name="group"/>.</summary>
    public static NftTerm OutputGroup(int group, bool equal = true) => Group("oifgroup", NFT_META_OIFGROUP, group, equal);

    /// <summary>The fields, one after the other, are or are not an element of <paramref name="set"/>.</summary>
    public static NftTerm In(string set, bool member, params ImmutableArray<NftField> fields) => new(
        $"{Words(fields)} {(member ? "" : "!= ")}@{set}",
        expressions =>
        {
            Load(expressions, fields);
            expressions.Lookup(set, inverted: !member);
        });

    /// <summary>The packet is of IPv4, or of IPv6. In a bridge table by the frame's type, else by the protocol family.</summary>
    public static NftTerm Version(NftFamily family, bool isIPv6) => family == NftFamily.Bridge
        ? EtherType(isIPv6 ? "ip6" : "ip", isIPv6 ? ETH_P_IPV6 : ETH_P_IP)
        : new(
            $"meta nfproto {(isIPv6 ? "ipv6" : "ipv4")}",
            expressions =>
            {
                expressions.Meta(NFT_META_NFPROTO);
                expressions.Compare([(byte)(isIPv6 ? NFPROTO_IPV6 : NFPROTO_IPV4)]);
            });

    /// <summary>The frame is of ARP.</summary>
    public static NftTerm Arp() => EtherType("arp", ETH_P_ARP);

    /// <summary>The protocol above IP is that one.</summary>
    public static NftTerm Protocol(TransportProtocol protocol) => Above((byte)protocol, NftValue.Protocol(protocol).ToString());

    /// <summary>The protocol is ICMP of IPv4.</summary>
    public static NftTerm Icmp() => Above(IPPROTO_ICMP, "icmp");

    /// <summary>The protocol is ICMP of IPv6.</summary>
    public static NftTerm IcmpV6() => Above(IPPROTO_ICMPV6, "ipv6-icmp");

    /// <summary>The first byte of ICMP of IPv6, after <see cref="IcmpV6"/>; 134 is a router's advertisement, 136 a neighbour's.</summary>
    public static NftTerm IcmpV6Type(byte type) => new(
        $"icmpv6 type {type switch { 134 => "nd-router-advert", 135 => "nd-neighbor-solicit", 136 => "nd-neighbor-advert", _ => type.ToString(CultureInfo.InvariantCulture) }}",
        expressions =>
        {
            expressions.Payload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1);
            expressions.Compare([type]);
        });

    /// <summary>The receiver's port, of TCP, UDP or SCTP.</summary>
    public static NftTerm DestinationPort(ushort port) => Port("dport", 2, port);

    /// <summary>The sender's port, of TCP, UDP or SCTP.</summary>
    public static NftTerm SourcePort(ushort port) => Port("sport", 0, port);

    /// <summary>The sender, or else the receiver, lies in <paramref name="subnet"/>. Not for the family bridge.</summary>
    public static NftTerm Address(bool source, Subnet subnet, bool equal = true)
    {
        bool isIPv6 = subnet.First.IsIPv6;
        int length = isIPv6 ? 16 : 4;
        byte[] ones = new byte[length];
        Array.Fill(ones, (byte)255);
        byte[] mask = Subnet.Around(InternetAddress.FromBytes(ones), subnet.PrefixLength).First.ToBytes();
        string address = subnet.HostBits == 0 ? subnet.First.ToString() : subnet.ToString();
        return new(
            $"{(isIPv6 ? "ip6" : "ip")} {(source ? "saddr" : "daddr")} {(equal ? "" : "!= ")}{address}",
            expressions =>
            {
                // nft(8) adds this by itself: the same bytes of the other header are something else.
                expressions.Meta(NFT_META_NFPROTO);
                expressions.Compare([(byte)(isIPv6 ? NFPROTO_IPV6 : NFPROTO_IPV4)]);
                expressions.Payload(NFT_PAYLOAD_NETWORK_HEADER, isIPv6 ? source ? 8 : 24 : source ? 12 : 16, length);
                if (subnet.HostBits > 0)
                {
                    expressions.And(mask);
                }
                expressions.Compare(subnet.First.ToBytes(), equal);
            });
    }

    /// <summary>The receiver is an address of this host.</summary>
    public static NftTerm DestinationIsLocal() => new(
        "fib daddr type local",
        expressions =>
        {
            expressions.DestinationKind();
            expressions.Compare(HostOrder(RTN_LOCAL));
        });

    /// <summary>The packet belongs to a connection that was let through, or is related to one.</summary>
    public static NftTerm Established() => ConnectionBits("ct state established,related", NFT_CT_STATE, StateEstablished | StateRelated);

    /// <summary>Connection tracking can make no sense of the packet.</summary>
    public static NftTerm Invalid() => ConnectionBits("ct state invalid", NFT_CT_STATE, StateInvalid);

    /// <summary>The connection's destination was translated.</summary>
    public static NftTerm DestinationTranslated() => ConnectionBits("ct status dnat", NFT_CT_STATUS, IPS_DST_NAT);

    // NF_CT_STATE_INVALID_BIT and NF_CT_STATE_BIT(ctinfo): one more than the number of the state.
    private const uint StateInvalid = 1;
    private const uint StateEstablished = 1 << 1;
    private const uint StateRelated = 1 << 2;

    private static NftTerm EtherType(string word, int type) => new(
        $"ether type {word}",
        expressions =>
        {
            expressions.Payload(NFT_PAYLOAD_LL_HEADER, 12, 2);
            expressions.Compare([(byte)(type >> 8), (byte)type]);
        });

    private static NftTerm Above(byte protocol, string word) => new(
        $"meta l4proto {word}",
        expressions =>
        {
            expressions.Meta(NFT_META_L4PROTO);
            expressions.Compare([protocol]);
        });

    private static NftTerm Port(string word, int start, ushort port) => new(
        string.Create(CultureInfo.InvariantCulture, $"th {word} {port}"),
        expressions =>
        {
            expressions.Payload(NFT_PAYLOAD_TRANSPORT_HEADER, start, 2);
            expressions.Compare([(byte)(port >> 8), (byte)port]);
        });

    private static NftTerm ConnectionBits(string words, int key, uint bits) => new(
        words,
        expressions =>
        {
            expressions.Connection(key);
            expressions.And(HostOrder(bits));
            expressions.Compare(new byte[4], equal: false);
        });

    private static NftTerm NamePrefix(string word, int key, string prefix, bool equal) => new(
        $"{word} {(equal ? "" : "!= ")}\"{prefix}*\"",
        expressions =>
        {
            expressions.Meta(key);
            expressions.Compare(PathText.Encode(prefix), equal);
        });

    private static NftTerm Group(string word, int key, int group, bool equal) => new(
        string.Create(CultureInfo.InvariantCulture, $"{word} {(equal ? "" : "!= ")}{group}"),
        expressions =>
        {
            expressions.Meta(key);
            expressions.Compare(HostOrder((uint)group), equal);
        });

    private static byte[] HostOrder(uint value) => BitConverter.GetBytes(value);

    internal static string Words(ImmutableArray<NftField> fields) => string.Join(" . ", Array.ConvertAll([.. fields], field => field switch
    {
        NftField.InputName => "iifname",
        NftField.OutputName => "oifname",
        NftField.EtherSource => "ether saddr",
        NftField.EtherDestination => "ether daddr",
        NftField.IPv4Source => "ip saddr",
        NftField.IPv4Destination => "ip daddr",
        NftField.IPv6Source => "ip6 saddr",
        NftField.IPv6Destination => "ip6 daddr",
        NftField.ArpSenderEther => "arp saddr ether",
        NftField.ArpSenderIPv4 => "arp saddr ip",
        NftField.NeighborTarget => "icmpv6 taddr",
        NftField.Protocol => "meta l4proto",
        NftField.RandomSlot => $"numgen random mod {NftSlots.Count}",
        NftField.SourceSlot => $"jhash ip saddr mod {NftSlots.Count}",
        _ => "th dport",
    }));

    /// <summary>Puts the fields into the registers, each at a multiple of four bytes.</summary>
    internal static void Load(NftExpressions expressions, ImmutableArray<NftField> fields)
    {
        int offset = 0;
        foreach (var field in fields)
        {
            offset += LoadOne(expressions, field, offset);
        }
    }

    private static int LoadOne(NftExpressions expressions, NftField field, int offset)
    {
        switch (field)
        {
            case NftField.InputName:
                expressions.Meta(NFT_META_IIFNAME, offset);
                return 16;
            case NftField.OutputName:
                expressions.Meta(NFT_META_OIFNAME, offset);
                return 16;
            case NftField.Protocol:
                expressions.Meta(NFT_META_L4PROTO, offset);
                return 4;
            case NftField.EtherSource:
                expressions.Payload(NFT_PAYLOAD_LL_HEADER, 6, 6, offset);
                return 8;
            case NftField.EtherDestination:
                expressions.Payload(NFT_PAYLOAD_LL_HEADER, 0, 6, offset);
                return 8;
            case NftField.ArpSenderEther:
                expressions.Payload(NFT_PAYLOAD_NETWORK_HEADER, 8, 6, offset);
                return 8;
            case NftField.ArpSenderIPv4:
                expressions.Payload(NFT_PAYLOAD_NETWORK_HEADER, 14, 4, offset);
                return 4;
            case NftField.IPv4Source:
                expressions.Payload(NFT_PAYLOAD_NETWORK_HEADER, 12, 4, offset);
                return 4;
            case NftField.IPv4Destination:
                expressions.Payload(NFT_PAYLOAD_NETWORK_HEADER, 16, 4, offset);
                return 4;
            case NftField.IPv6Source:
                expressions.Payload(NFT_PAYLOAD_NETWORK_HEADER, 8, 16, offset);
                return 16;
            case NftField.IPv6Destination:
                expressions.Payload(NFT_PAYLOAD_NETWORK_HEADER, 24, 16, offset);
                return 16;
            case NftField.NeighborTarget:
                expressions.Payload(NFT_PAYLOAD_TRANSPORT_HEADER, 8, 16, offset);
                return 16;
            case NftField.RandomSlot:
                expressions.RandomNumber(NftSlots.Count, offset);
                return 4;
            case NftField.SourceSlot:
                expressions.Payload(NFT_PAYLOAD_NETWORK_HEADER, 12, 4, offset);
                expressions.Hash(4, NftSlots.Count, offset);
                return 4;
            default:
                expressions.Payload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, offset);
                return 4;
        }
    }
}
