using System.Buffers;
using System.Globalization;

namespace Caisson.Compose.Loading;

/// <summary>Durations and sizes as Compose files write them. Source: Compose Specification, "Specifying durations", "Specifying byte values".</summary>
internal static class Quantities
{
    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789.");

    private static readonly (string Unit, decimal Nanoseconds)[] Units =
    [
        ("ns", 1m), ("us", 1_000m), ("ms", 1_000_000m), ("s", 1_000_000_000m), ("m", 60_000_000_000m), ("h", 3_600_000_000_000m), ("d", 86_400_000_000_000m),
    ];

    /// <summary>Nanoseconds of <c>1m30s</c>; null when it is none.</summary>
    public static long? Nanoseconds(string text)
    {
        if (text is "0")
        {
            return 0;
        }
        decimal sum = 0;
        ReadOnlySpan<char> left = text.Trim();
        if (left.IsEmpty)
        {
            return null;
        }
        while (!left.IsEmpty)
        {
            int digits = left.IndexOfAnyExcept(Digits);
            if (digits <= 0 || !decimal.TryParse(left[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal value))
            {
                return null;
            }
            left = left[digits..];
            int length = left.IndexOfAny(Digits);
            string unit = (length < 0 ? left : left[..length]).ToString();
            decimal scale = Units.FirstOrDefault(known => known.Unit == unit).Nanoseconds;
            if (scale == 0 || value > long.MaxValue / scale)
            {
                return null;
            }
            sum += value * scale;
            left = left[unit.Length..];
        }
        return sum <= long.MaxValue ? (long)sum : null;
    }

    /// <summary>Bytes of <c>64m</c>, <c>1gb</c>, <c>1024</c>; powers of 1024; null when it is none.</summary>
    public static long? Bytes(string text)
    {
        string number = text.Trim().ToLowerInvariant();
        number = number.EndsWith("ib", StringComparison.Ordinal) ? number[..^2] : number.EndsWith('b') ? number[..^1] : number;
        int power = number.Length == 0 ? -1 : "kmgtp".IndexOf(number[^1], StringComparison.Ordinal) + 1;
        number = power > 0 ? number[..^1] : number;
        if (power < 0
            || !decimal.TryParse(number.Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal value)
            || value > 1_000_000_000_000_000_000m)
        {
            return null;
        }
        for (int i = 0; i < power; i++)
        {
            value *= 1024;
        }
        return value <= long.MaxValue ? (long)value : null;
    }
}
