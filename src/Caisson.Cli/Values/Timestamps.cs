using System.Globalization;

namespace Caisson.Cli.Values;

/// <summary>Points in time as users write them: RFC 3339 with parts left out, a Unix time, or how long ago (<c>42m</c>).</summary>
internal static class Timestamps
{
    private static readonly string[] Formats =
    [
        "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK", "yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mmK", "yyyy-MM-dd'T'HHK", "yyyy-MM-ddK",
    ];

    /// <returns>Unix time as the engine takes it, with a fraction of nine digits; empty for an empty text.</returns>
    /// <exception cref="FormatException">Neither of those.</exception>
    public static string Parse(string text, DateTimeOffset now)
    {
        if (text.Length == 0)
        {
            return "";
        }
        if (Durations.TryParse(text, out long ago))
        {
            return Format(now.AddTicks(-(ago / 100)));
        }
        if (DateTimeOffset.TryParseExact(
            text, Formats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out var time))
        {
            return Format(time);
        }
        return text.All(c => char.IsAsciiDigit(c) || c == '.') && text.Count(c => c == '.') <= 1 && text[0] != '.'
            ? text
            : throw new FormatException($"invalid time \"{text}\"; write 2013-01-02T13:23:37Z, or 42m for 42 minutes ago");
    }

    private static string Format(DateTimeOffset time)
    {
        long ticks = (time - DateTimeOffset.UnixEpoch).Ticks;
        return string.Create(
            CultureInfo.InvariantCulture, $"{Math.DivRem(ticks, TimeSpan.TicksPerSecond, out long rest)}.{Math.Abs(rest) * 100:D9}");
    }
}
