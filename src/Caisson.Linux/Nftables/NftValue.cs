using System.Buffers.Binary;
using System.Globalization;

namespace Caisson.Linux.Nftables;

/// <summary>A key of a set, or the value of a map: one part, or several one after the other. Equal by what it says.</summary>
public sealed class NftValue : IEquatable<NftValue>
{
    private readonly string _text;

    private NftValue(string text, byte[] bytes)
    {
        _text = text;
        Bytes = bytes;
    }

    /// <summary>As the kernel compares it; each part padded to four bytes.</summary>
    internal byte[] Bytes { get; }

    /// <summary>The name of a device.</summary>
    public static NftValue Interface(string name)
    {
        byte[] bytes = new byte[16];
        PathText.Encode(name).AsSpan().CopyTo(bytes.AsSpan(0, 15));
        return new($"\"{name}\"", bytes);
    }

    /// <summary>An address of IPv4 or IPv6.</summary>
    public static NftValue Address(InternetAddress address) => new(address.ToString(), address.ToBytes());

    /// <summary>An Ethernet address.</summary>
    public static NftValue Ether(HardwareAddress address) => new(address.ToString(), [.. address.ToBytes(), 0, 0]);

    /// <summary>An Ethernet address that is the whole key.</summary>
    public static NftValue EtherAlone(HardwareAddress address) => new(address.ToString(), address.ToBytes());

    /// <summary>A protocol.</summary>
#pragma warning disable CA1308 // nft's words are lower case
    public static NftValue Protocol(TransportProtocol protocol) => new(protocol.ToString().ToLowerInvariant(), [(byte)protocol, 0, 0, 0]);
#pragma warning restore CA1308

    /// <summary>A port.</summary>
    public static NftValue Port(ushort port)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, port);
        return new(port.ToString(CultureInfo.InvariantCulture), bytes);
    }

    /// <summary>A number of 32 bits in the order of this machine.</summary>
    public static NftValue Mark(uint number) => new(number.ToString(CultureInfo.InvariantCulture), BitConverter.GetBytes(number));

    /// <summary>This part and then <paramref name="next"/>.</summary>
    public NftValue Then(NftValue next) => new($"{_text} . {next._text}", [.. Bytes, .. next.Bytes]);

    /// <inheritdoc/>
    public bool Equals(NftValue? other) => other is not null && Bytes.AsSpan().SequenceEqual(other.Bytes);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as NftValue);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.AddBytes(Bytes);
        return hash.ToHashCode();
    }

    /// <summary>As nft(8) writes it.</summary>
    public override string ToString() => _text;
}

/// <summary>An element of a set or map.</summary>
/// <param name="Set">The set's name.</param>
/// <param name="Key">What is looked up.</param>
/// <param name="Data">What a map gives for it; null in a set.</param>
public sealed record NftElement(string Set, NftValue Key, NftValue? Data = null)
{
    /// <summary>As nft(8) writes it.</summary>
    public override string ToString() => Data is null ? Key.ToString() : $"{Key} : {Data}";
}
