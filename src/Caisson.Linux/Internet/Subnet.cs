using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Caisson.Linux;

/// <summary>A block of addresses that share their first <paramref name="PrefixLength"/> bits. Source: RFC 4632, RFC 4291 §2.3.</summary>
/// <param name="First">Its lowest address: every bit after the prefix is zero.</param>
/// <param name="PrefixLength">0 to 32 or 128.</param>
public readonly record struct Subnet(InternetAddress First, int PrefixLength)
{
    /// <summary>Its highest address.</summary>
    public InternetAddress Last => First.Plus(HostMask);

    /// <summary>How many bits tell one address of it from another.</summary>
    public int HostBits => First.BitCount - PrefixLength;

    private UInt128 HostMask => HostBits == 128 ? UInt128.MaxValue : (UInt128.One << HostBits) - 1;

    /// <summary>The subnet of that length in which <paramref name="address"/> lies.</summary>
    public static Subnet Around(InternetAddress address, int prefixLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(prefixLength);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(prefixLength, address.BitCount);
        UInt128 mask = new Subnet(address, prefixLength).HostMask;
        return new(address.IsIPv6 ? InternetAddress.IPv6(address.Bits & ~mask) : InternetAddress.IPv4((uint)(address.Bits & ~mask)), prefixLength);
    }

    /// <summary>Reads <c>address/length</c>; an address inside stands for its subnet, as in 172.17.0.1/16.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out Subnet subnet)
    {
        subnet = default;
        int slash = text?.IndexOf('/', StringComparison.Ordinal) ?? -1;
        if (slash < 0 || !InternetAddress.TryParse(text![..slash], out var address)
            || !int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int length)
            || length > address.BitCount)
        {
            return false;
        }
        subnet = Around(address, length);
        return true;
    }

    /// <summary>Reads a subnet that is known to be one.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static Subnet Parse(string text) =>
        TryParse(text, out var subnet) ? subnet : throw new FormatException($"'{text}' is no subnet");

    /// <summary>Whether <paramref name="address"/> lies in it.</summary>
    public bool Contains(InternetAddress address) =>
        address.IsIPv6 == First.IsIPv6 && (address.Bits & ~HostMask) == First.Bits;

    /// <summary>Whether the whole of <paramref name="other"/> lies in it.</summary>
    public bool Contains(Subnet other) => other.PrefixLength >= PrefixLength && Contains(other.First);

    /// <summary>Whether they share an address.</summary>
    public bool Overlaps(Subnet other) => Contains(other.First) || other.Contains(First);

    /// <summary>As in <c>172.17.0.0/16</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{First}/{PrefixLength}");
}
