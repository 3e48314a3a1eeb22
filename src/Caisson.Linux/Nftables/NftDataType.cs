using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux.Nftables;

/// <summary>What a part of a set's key or of a map's value is. Source: nft(8), "Data types".</summary>
public enum NftDataType
{
    /// <summary>An address of IPv4.</summary>
    IPv4Address = 7,

    /// <summary>An address of IPv6.</summary>
    IPv6Address = 8,

    /// <summary>An Ethernet address.</summary>
    EtherAddress = 9,

    /// <summary>A number of a protocol above IP.</summary>
    InetProtocol = 12,

    /// <summary>A port.</summary>
    InetService = 13,

    /// <summary>A number of 32 bits in the order of this machine.</summary>
    Mark = 19,

    /// <summary>The name of a device.</summary>
    InterfaceName = 41,
}

/// <summary>What is known of a <see cref="NftDataType"/>.</summary>
internal static class NftDataTypes
{
    /// <summary>As nft(8) writes it.</summary>
    internal static string Word(this NftDataType type) => type switch
    {
        NftDataType.IPv4Address => "ipv4_addr",
        NftDataType.IPv6Address => "ipv6_addr",
        NftDataType.EtherAddress => "ether_addr",
        NftDataType.InetProtocol => "inet_proto",
        NftDataType.InetService => "inet_service",
        NftDataType.Mark => "mark",
        _ => "ifname",
    };

    /// <summary>Bytes in a key, a multiple of four: parts of a key begin at registers of four bytes.</summary>
    internal static int PaddedLength(this NftDataType type) => type switch
    {
        NftDataType.IPv4Address or NftDataType.InetProtocol or NftDataType.InetService or NftDataType.Mark => 4,
        NftDataType.EtherAddress => 8,
        _ => 16,
    };

    /// <summary>The number by which nft(8) knows a sequence of types: six bits each.</summary>
    internal static uint Concatenated(IEnumerable<NftDataType> types) => types.Aggregate(0u, (sum, type) => sum << 6 | (uint)type);

    /// <summary>The register of four bytes that lies <paramref name="offset"/> bytes into the register file.</summary>
    internal static uint Register(int offset) => (uint)(NFT_REG32_00 + offset / 4);
}
