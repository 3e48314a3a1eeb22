using Caisson.Linux;

namespace Caisson.Images.Layers.Tar;

/// <summary>The fields of a 512-byte header block.</summary>
/// <remarks>
/// <code>
///   0 name[100]   100 mode[8]  108 uid[8]  116 gid[8]  124 size[12]  136 mtime[12]  148 checksum[8]  156 type
/// 157 link[100]   257 magic[6] 263 version[2]  265 uname[32]  297 gname[32]  329 major[8]  337 minor[8]  345 prefix[155]
/// old GNU:        386 sparse[4 × (offset[12] length[12])]  482 extended  483 real size[12]
/// </code>
/// Source: pax(1) "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".
/// </remarks>
internal static class TarField
{
    public const int BlockSize = 512;

    /// <summary>True when the header's own sum is right: all bytes, the sum itself read as spaces.</summary>
    public static bool IsChecksumRight(ReadOnlySpan<byte> block)
    {
        if (!TryNumber(block.Slice(148, 8), out long told))
        {
            return false;
        }
        return told == Checksum(block);
    }

    /// <summary>The sum a header must state.</summary>
    public static long Checksum(ReadOnlySpan<byte> block)
    {
        long sum = 8 * ' ';
        foreach (byte b in block[..148])
        {
            sum += b;
        }
        foreach (byte b in block[156..BlockSize])
        {
            sum += b;
        }
        return sum;
    }

    /// <summary>
    /// A number: octal with blanks around it, or base-256 when the first bit is set (negative when the second is).
    /// An empty field is zero.
    /// </summary>
    public static bool TryNumber(ReadOnlySpan<byte> field, out long value)
    {
        value = 0;
        return (field[0] & 0x80) != 0 ? TryBase256(field, out value) : TryOctal(field, out value);
    }

    /// <summary>Text up to the first NUL; bytes that are not UTF-8 survive by the rule of <see cref="PathText"/>.</summary>
    public static string Text(ReadOnlySpan<byte> field)
    {
        int end = field.IndexOf((byte)0);
        return PathText.Decode(end < 0 ? field : field[..end]);
    }

    /// <summary>A number of decimal digits and nothing else.</summary>
    public static bool TryDecimal(ReadOnlySpan<byte> digits, out long value)
    {
        value = 0;
        if (digits.IsEmpty || digits.Length > 19)
        {
            return false;
        }
        foreach (byte b in digits)
        {
            if (b is < (byte)'0' or > (byte)'9' || value > (long.MaxValue - (b - '0')) / 10)
            {
                return false;
            }
            value = value * 10 + (b - '0');
        }
        return true;
    }

    private static bool TryOctal(ReadOnlySpan<byte> field, out long value)
    {
        value = 0;
        ReadOnlySpan<byte> digits = field.TrimStart((byte)' ');
        int end = digits.IndexOfAny((byte)' ', (byte)0);
        ReadOnlySpan<byte> rest = end < 0 ? [] : digits[end..];
        digits = end < 0 ? digits : digits[..end];
        if (rest.ContainsAnyExcept((byte)' ', (byte)0))
        {
            return false;
        }
        foreach (byte b in digits)
        {
            if (b is < (byte)'0' or > (byte)'7')
            {
                return false;
            }
            value = (value << 3) | (long)(b - '0');
        }
        return true;
    }

    private static bool TryBase256(ReadOnlySpan<byte> field, out long value)
    {
        bool negative = (field[0] & 0x40) != 0;
        Int128 sum = negative ? -1 : 0;
        sum = (sum << 6) | (Int128)(field[0] & 0x3f);
        foreach (byte b in field[1..])
        {
            sum = (sum << 8) | b;
        }
        value = (long)sum;
        return sum == value;
    }
}
