using System.Buffers;
using System.Globalization;

namespace Caisson.Cli.Values;

/// <summary>Durations as Go writes them: <c>1h30m</c>, <c>250ms</c>, <c>-1.5s</c>.</summary>
internal static class Durations
{
    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789.");

    private static readonly (string Unit, decimal Nanoseconds)[] Units =
    [
        ("ns", 1m), ("us", 1_000m), ("µs", 1_000m), ("ms", 1_000_000m), ("s", 1_000_000_000m), ("m", 60_000_000_000m), ("h", 3_600_000_000_000m),
    ];

    /// <returns>Nanoseconds.</returns>
    /// <exception cref="FormatException">Not a duration.</exception>
    public static long Parse(string text) =>
        TryParse(text, out long nanoseconds) ? nanoseconds : throw new FormatException($"invalid duration: \"{text}\"; write one like 1m30s");

    public static bool TryParse(string text, out long nanoseconds)
    {
        nanoseconds = 0;
        ReadOnlySpan<char> left = text;
        bool negative = left.StartsWith("-");
        left = negative || left.StartsWith("+") ? left[1..] : left;
        if (left is "0")
        {
            return true;
        }
        decimal sum = 0;
        bool any = false;
        while (!left.IsEmpty)
        {
            int digits = left.IndexOfAnyExcept(Digits);
            if (digits <= 0 || !decimal.TryParse(left[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal value))
            {
                return false;
            }
            left = left[digits..];
            int length = left.IndexOfAny(Digits);
            string unit = (length < 0 ? left : left[..length]).ToString();
            decimal scale = Units.FirstOrDefault(known => known.Unit == unit).Nanoseconds;
            if (scale == 0 || value > long.MaxValue / scale)
            {
                return false;
            }
            sum += value * scale;
            left = left[unit.Length..];
            any = true;
        }
        if (!any || sum > long.MaxValue)
        {
            return false;
        }
        nanoseconds = negative ? -(long)sum : (long)sum;
        return true;
    }
}
