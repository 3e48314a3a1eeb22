using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;

namespace Caisson.Linux;

/// <summary>An IPv4 or IPv6 address as a value; addresses of one family have an order and can be counted on.</summary>
/// <remarks>IPv4-mapped IPv6 addresses are read as the IPv4 address they stand for. Source: RFC 791, RFC 4291.</remarks>
public readonly record struct InternetAddress : IComparable<InternetAddress>
{
    private readonly UInt128 _bits;

    private InternetAddress(UInt128 bits, bool isIPv6)
    {
        _bits = bits;
        IsIPv6 = isIPv6;
    }

    /// <summary>Whether it has 128 bits instead of 32.</summary>
    public bool IsIPv6 { get; }

    /// <summary>32 or 128.</summary>
    public int BitCount => IsIPv6 ? 128 : 32;

    /// <summary>The address as a number; of IPv4 at most 32 bits.</summary>
    public UInt128 Bits => _bits;

    /// <summary>0.0.0.0: every address of IPv4, or none.</summary>
    public static InternetAddress AnyIPv4 => default;

    /// <summary>::, every address of IPv6, or none.</summary>
    public static InternetAddress AnyIPv6 => new(0, true);

    /// <summary>Whether it is 0.0.0.0 or ::.</summary>
    public bool IsAny => _bits == 0;

    /// <summary>Whether it is in 127.0.0.0/8 or ::1.</summary>
    public bool IsLoopback => IsIPv6 ? _bits == 1 : _bits >> 24 == 127;

    /// <summary>An address of IPv4 by its number, as in 0x7F000001.</summary>
    public static InternetAddress IPv4(uint bits) => new(bits, false);

    /// <summary>An address of IPv6 by its number.</summary>
    public static InternetAddress IPv6(UInt128 bits) => bits >> 32 == 0xFFFF ? new(bits & uint.MaxValue, false) : new(bits, true);

    /// <summary>Reads 4 or 16 bytes in network order.</summary>
    /// <exception cref="ArgumentException">Any other count.</exception>
    public static InternetAddress FromBytes(ReadOnlySpan<byte> bytes) => bytes.Length switch
    {
        4 => IPv4(BinaryPrimitives.ReadUInt32BigEndian(bytes)),
        16 => IPv6(BinaryPrimitives.ReadUInt128BigEndian(bytes)),
        _ => throw new ArgumentException($"an address has 4 or 16 bytes, not {bytes.Length}", nameof(bytes)),
    };

    /// <summary>Reads dotted decimal with four numbers, or any notation of RFC 4291 without a zone.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out InternetAddress address)
    {
        address = default;
        bool isIPv6 = text is not null && text.Contains(':', StringComparison.Ordinal);
        if (text is null || text.Length > 45 || text.Contains('%', StringComparison.Ordinal) || text.StartsWith('[')
            || (!isIPv6 && !IsDotted(text)) || !IPAddress.TryParse(text, out var parsed)
            || parsed.AddressFamily != (isIPv6 ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork))
        {
            return false;
        }
        address = FromBytes(parsed.GetAddressBytes());
        return true;
    }

    /// <summary>Reads an address that is known to be one.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static InternetAddress Parse(string text) =>
        TryParse(text, out var address) ? address : throw new FormatException($"'{text}' is no internet address");

    /// <summary>Writes 4 or 16 bytes in network order.</summary>
    public byte[] ToBytes()
    {
        byte[] bytes = new byte[BitCount / 8];
        if (IsIPv6)
        {
            BinaryPrimitives.WriteUInt128BigEndian(bytes, _bits);
        }
        else
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes, (uint)_bits);
        }
        return bytes;
    }

    /// <summary>The address that is <paramref name="count"/> further; wraps at the end of the family.</summary>
    public InternetAddress Plus(UInt128 count) => IsIPv6 ? new(unchecked(_bits + count), true) : IPv4(unchecked((uint)(_bits + count)));

    /// <summary>IPv4 before IPv6, then by number.</summary>
    public int CompareTo(InternetAddress other) => IsIPv6 == other.IsIPv6 ? _bits.CompareTo(other._bits) : IsIPv6.CompareTo(other.IsIPv6);

    /// <summary>Order by <see cref="CompareTo"/>.</summary>
    public static bool operator <(InternetAddress left, InternetAddress right) => left.CompareTo(right) < 0;

    /// <summary>Order by <see cref="CompareTo"/>.</summary>
    public static bool operator >(InternetAddress left, InternetAddress right) => left.CompareTo(right) > 0;

    /// <summary>Order by <see cref="CompareTo"/>.</summary>
    public static bool operator <=(InternetAddress left, InternetAddress right) => left.CompareTo(right) <= 0;

    /// <summary>Order by <see cref="CompareTo"/>.</summary>
    public static bool operator >=(InternetAddress left, InternetAddress right) => left.CompareTo(right) >= 0;

    /// <summary>Dotted decimal, or the canonical text of RFC 5952.</summary>
    public override string ToString() => new IPAddress(ToBytes()).ToString();

    /// <summary>Four decimal numbers; short and octal forms mean different things to different programs.</summary>
    private static bool IsDotted(string text)
    {
        string[] parts = text.Split('.');
        return parts.Length == 4 && Array.TrueForAll(parts, part =>
            part.Length is > 0 and <= 3 && part.All(char.IsAsciiDigit) && (part.Length == 1 || part[0] != '0'));
    }
}
