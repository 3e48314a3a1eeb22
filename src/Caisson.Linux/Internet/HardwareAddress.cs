using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Caisson.Linux;

/// <summary>An Ethernet address of 48 bits as a value. Source: IEEE 802, packet(7).</summary>
/// <param name="Bits">The six bytes, the first one highest.</param>
public readonly record struct HardwareAddress(ulong Bits)
{
    /// <summary>Whether it names a single device, and not a group or nothing.</summary>
    public bool IsUnicast => Bits != 0 && (Bits >> 40 & 1) == 0;

    /// <summary>The address of the locally administered range that ends in <paramref name="low"/> (40 bits), beginning with 02.</summary>
    public static HardwareAddress Local(ulong low) => new(0x02UL << 40 | (low & 0xFF_FFFF_FFFF));

    /// <summary>The address of six bytes.</summary>
    public static HardwareAddress FromBytes(ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes.Length, 6);
        return new(((ulong)BinaryPrimitives.ReadUInt16BigEndian(bytes) << 32) | BinaryPrimitives.ReadUInt32BigEndian(bytes[2..]));
    }

    /// <summary>Reads six pairs of hexadecimal digits with colons or hyphens between.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out HardwareAddress address)
    {
        address = default;
        string[] parts = text?.Split(':', '-') ?? [];
        ulong bits = 0;
        foreach (string part in parts)
        {
            if (part.Length != 2 || !byte.TryParse(part, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte value))
            {
                return false;
            }
            bits = bits << 8 | value;
        }
        address = new(bits);
        return parts.Length == 6;
    }

    /// <summary>The six bytes in order.</summary>
    public byte[] ToBytes() =>
        [(byte)(Bits >> 40), (byte)(Bits >> 32), (byte)(Bits >> 24), (byte)(Bits >> 16), (byte)(Bits >> 8), (byte)Bits];

    /// <summary>The link-local IPv6 address that the kernel gives a device of this address. Source: RFC 4291, appendix A.</summary>
    public InternetAddress LinkLocalAddress()
    {
        ulong flipped = Bits ^ 0x02UL << 40;
        ulong interfaceId = (flipped >> 24 & 0xFF_FFFF) << 40 | 0xFFFEUL << 24 | (flipped & 0xFF_FFFF);
        return InternetAddress.IPv6(new UInt128(0xFE80UL << 48, interfaceId));
    }

    /// <summary>As in <c>02:42:ac:11:00:02</c>.</summary>
    public override string ToString() => string.Join(':', Array.ConvertAll(ToBytes(), part => part.ToString("x2", CultureInfo.InvariantCulture)));
}
