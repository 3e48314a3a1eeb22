using System.Globalization;

namespace Caisson.Cli.Values;

/// <summary>Sizes as users write them: <c>64m</c>, <c>1.5GB</c>, <c>1024</c>. Units are powers of 1024.</summary>
internal static class ByteSize
{
    /// <exception cref="FormatException">Not a size, or more than 2⁶³ bytes.</exception>
    public static long Parse(string text)
    {
        string number = text.Trim().ToLowerInvariant();
        number = number.EndsWith("ib", StringComparison.Ordinal) ? number[..^2] : number.EndsWith('b') ? number[..^1] : number;
        int power = number.Length == 0 ? -1 : "kmgtp".IndexOf(number[^1], StringComparison.Ordinal) + 1;
        number = power > 0 ? number[..^1] : number;
        if (power < 0
            || !decimal.TryParse(number.Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal value)
            || value > 1_000_000_000_000_000_000m)
        {
            throw new FormatException($"invalid size: '{text}'");
        }
        decimal bytes = value;
        for (int i = 0; i < power; i++)
        {
            bytes *= 1024;
        }
        return bytes <= long.MaxValue ? (long)bytes : throw new FormatException($"size too large: '{text}'");
    }

    /// <summary>As <see cref="Parse"/>; -1 means without limit.</summary>
    public static long ParseOrUnlimited(string text) => text.Trim() == "-1" ? -1 : Parse(text);
}
