using System.Globalization;

namespace Caisson.Build.Instructions;

/// <summary>Durations as Go writes them: <c>1m30s</c>, <c>1.5h</c>, <c>300ms</c>.</summary>
internal static class GoDuration
{
    private static readonly (string Unit, decimal Ns)[] Units =
        [("ns", 1), ("us", 1_000), ("µs", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)];

    public static bool TryParse(string text, out long nanoseconds)
    {
        nanoseconds = 0;
        if (text == "0")
        {
            return true;
        }
        decimal sum = 0;
        ReadOnlySpan<char> rest = text;
        while (!rest.IsEmpty)
        {
            int digits = 0;
            while (digits < rest.Length && (char.IsAsciiDigit(rest[digits]) || rest[digits] == '.'))
            {
                digits++;
            }
            int end = digits;
            while (end < rest.Length && !char.IsAsciiDigit(rest[end]) && rest[end] != '.')
            {
                end++;
            }
            string unit = rest[digits..end].ToString();
            decimal factor = Units.FirstOrDefault(known => known.Unit == unit).Ns;
            if (digits is 0 or > 18 || factor == 0 || !decimal.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal number))
            {
                return false;
            }
            sum += number * factor;
            rest = rest[end..];
        }
        if (text.Length == 0 || sum > long.MaxValue)
        {
            return false;
        }
        nanoseconds = (long)sum;
        return true;
    }
}
