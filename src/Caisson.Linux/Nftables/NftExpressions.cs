using System.Buffers.Binary;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux.Nftables;

/// <summary>Writes the expressions of one rule. Numbers of nf_tables are big-endian. Source: linux/netfilter/nf_tables.h.</summary>
internal sealed class NftExpressions(NetlinkWriter writer)
{
    /// <summary>Loads what the kernel knows of a packet.</summary>
    internal void Meta(int key, int offset = 0) => Expression("meta", () =>
    {
        Number(NFTA_META_DREG, NftDataTypes.Register(offset));
        Number(NFTA_META_KEY, (uint)key);
    });

    /// <summary>Loads bytes of a header.</summary>
    internal void Payload(int header, int start, int length, int offset = 0) => Expression("payload", () =>
    {
        Number(NFTA_PAYLOAD_DREG, NftDataTypes.Register(offset));
        Number(NFTA_PAYLOAD_BASE, (uint)header);
        Number(NFTA_PAYLOAD_OFFSET, (uint)start);
        Number(NFTA_PAYLOAD_LEN, (uint)length);
    });

    /// <summary>Writes the first register to a header and mends the checksum at <paramref name="checksum"/> of the same header.</summary>
    internal void SetPayload(int header, int start, int length, int checksum) => Expression("payload", () =>
    {
        Number(NFTA_PAYLOAD_SREG, NftDataTypes.Register(0));
        Number(NFTA_PAYLOAD_BASE, (uint)header);
        Number(NFTA_PAYLOAD_OFFSET, (uint)start);
        Number(NFTA_PAYLOAD_LEN, (uint)length);
        Number(NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET);
        Number(NFTA_PAYLOAD_CSUM_OFFSET, (uint)checksum);
    });

    /// <summary>Loads what connection tracking knows.</summary>
    internal void Connection(int key) => Expression("ct", () =>
    {
        Number(NFTA_CT_DREG, NftDataTypes.Register(0));
        Number(NFTA_CT_KEY, (uint)key);
    });

    /// <summary>Loads the kind of the destination address.</summary>
    internal void DestinationKind() => Expression("fib", () =>
    {
        Number(NFTA_FIB_DREG, NftDataTypes.Register(0));
        Number(NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
        Number(NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
    });

    /// <summary>Goes on when the first registers are, or are not, <paramref name="value"/>.</summary>
    internal void Compare(ReadOnlySpan<byte> value, bool equal = true)
    {
        byte[] bytes = value.ToArray();
        Expression("cmp", () =>
        {
            Number(NFTA_CMP_SREG, NftDataTypes.Register(0));
            Number(NFTA_CMP_OP, (uint)(equal ? NFT_CMP_EQ : NFT_CMP_NEQ));
            Data(NFTA_CMP_DATA, bytes);
        });
    }

    /// <summary>Masks the first registers.</summary>
    internal void And(byte[] mask) => Expression("bitwise", () =>
    {
        Number(NFTA_BITWISE_SREG, NftDataTypes.Register(0));
        Number(NFTA_BITWISE_DREG, NftDataTypes.Register(0));
        Number(NFTA_BITWISE_LEN, (uint)mask.Length);
        Data(NFTA_BITWISE_MASK, mask);
        Data(NFTA_BITWISE_XOR, new byte[mask.Length]);
    });

    /// <summary>Goes on when the key in the registers is, or is not, in <paramref name="set"/>; of a map the value goes to the registers.</summary>
    internal void Lookup(string set, bool inverted = false, bool map = false) => Expression("lookup", () =>
    {
        writer.Attribute(NFTA_LOOKUP_SET, set);
        Number(NFTA_LOOKUP_SREG, NftDataTypes.Register(0));
        if (map)
        {
            Number(NFTA_LOOKUP_DREG, NftDataTypes.Register(0));
        }
        if (inverted)
        {
            Number(NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
        }
    });

    /// <summary>Puts bytes into the first registers.</summary>
    internal void Load(byte[] value) => Expression("immediate", () =>
    {
        Number(NFTA_IMMEDIATE_DREG, NftDataTypes.Register(0));
        Data(NFTA_IMMEDIATE_DATA, value);
    });

    /// <summary>Decides.</summary>
    internal void Verdict(int code, string? chain = null) => Expression("immediate", () =>
    {
        Number(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
        writer.BeginNested(NFTA_IMMEDIATE_DATA);
        writer.BeginNested(NFTA_DATA_VERDICT);
        Number(NFTA_VERDICT_CODE, unchecked((uint)code));
        if (chain is not null)
        {
            writer.Attribute(NFTA_VERDICT_CHAIN, chain);
        }
        writer.EndNested();
        writer.EndNested();
    });

    /// <summary>Translates the destination to the address in the registers and the port that follows it.</summary>
    internal void DestinationNat(bool isIPv6) => Expression("nat", () =>
    {
        Number(NFTA_NAT_TYPE, NFT_NAT_DNAT);
        Number(NFTA_NAT_FAMILY, (uint)(isIPv6 ? NFPROTO_IPV6 : NFPROTO_IPV4));
        Number(NFTA_NAT_REG_ADDR_MIN, NftDataTypes.Register(0));
        Number(NFTA_NAT_REG_PROTO_MIN, NftDataTypes.Register(isIPv6 ? 16 : 4));
    });

    /// <summary>Loads a number below <paramref name="modulus"/>, another one for each packet.</summary>
    internal void RandomNumber(int modulus, int offset) => Expression("numgen", () =>
    {
        Number(NFTA_NG_DREG, NftDataTypes.Register(offset));
        Number(NFTA_NG_MODULUS, (uint)modulus);
        Number(NFTA_NG_TYPE, NFT_NG_RANDOM);
    });

    /// <summary>Puts a number below <paramref name="modulus"/> in the place of the bytes that are loaded there, the same for the same bytes.</summary>
    internal void Hash(int length, int modulus, int offset) => Expression("hash", () =>
    {
        Number(NFTA_HASH_SREG, NftDataTypes.Register(offset));
        Number(NFTA_HASH_DREG, NftDataTypes.Register(offset));
        Number(NFTA_HASH_LEN, (uint)length);
        Number(NFTA_HASH_MODULUS, (uint)modulus);
    });

    /// <summary>Gives the packet the address of the device it leaves by.</summary>
    internal void Masquerade() => Expression("masq", () => { });

    /// <summary>Keeps the packet from connection tracking.</summary>
    internal void NoTrack() => Expression("notrack", () => { });

    /// <summary>Drops the packet and tells the sender that it was refused.</summary>
    internal void Reject() => Expression("reject", () =>
    {
        Number(NFTA_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
        writer.Attribute(NFTA_REJECT_ICMP_CODE, (byte)NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
    });

    private void Expression(string name, Action content)
    {
        writer.BeginNested(NFTA_LIST_ELEM);
        writer.Attribute(NFTA_EXPR_NAME, name);
        writer.BeginNested(NFTA_EXPR_DATA);
        content();
        writer.EndNested();
        writer.EndNested();
    }

    private void Data(int type, byte[] value)
    {
        writer.BeginNested(type);
        writer.Attribute(NFTA_DATA_VALUE, value);
        writer.EndNested();
    }

    private void Number(int type, uint value) => writer.Attribute(type, BinaryPrimitives.ReverseEndianness(value));
}
