using System.Globalization;

using Caisson.Errors;

namespace Caisson.Api.Docker;

/// <summary>Moments as Docker writes and reads them.</summary>
internal static class Times
{
    /// <summary>What Docker writes for "never".</summary>
    private const string Never = "0001-01-01T00:00:00Z";

    /// <summary>RFC 3339 in UTC with nine digits, as Go writes it.</summary>
    public static string Text(DateTimeOffset? moment) =>
        moment is { } at ? at.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'00Z'", CultureInfo.InvariantCulture) : Never;

    /// <summary>Nanoseconds since 1970.</summary>
    public static long Nanoseconds(DateTimeOffset moment) => (moment - DateTimeOffset.UnixEpoch).Ticks * 100;

    /// <summary>Reads seconds since 1970 with an optional fraction, a date, or a length of time before now such as <c>10m</c>.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: none of these.</exception>
    public static DateTimeOffset? Parse(string? text, string name, DateTimeOffset now)
    {
        if (string.IsNullOrEmpty(text) || text == "0")
        {
            return null;
        }
        if (decimal.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out decimal seconds)
            && seconds is > -62_135_596_800m and < 253_402_300_800m)
        {
            return DateTimeOffset.UnixEpoch.AddTicks((long)(seconds * TimeSpan.TicksPerSecond));
        }
        if (ParseDuration(text) is { } ago)
        {
            return now - ago;
        }
        if (DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset moment))
        {
            return moment;
        }
        throw new CaissonException(ErrorKind.InvalidArgument, $"invalid value for \"{name}\": '{text}' is neither a time nor a length of time");
    }

    /// <summary>Reads Go's lengths of time: <c>1h30m</c>, <c>1.5s</c>; null when it is none.</summary>
    internal static TimeSpan? ParseDuration(string text)
    {
        double total = 0;
        int at = 0;
        while (at < text.Length)
        {
            int digits = at;
            while (at < text.Length && (char.IsAsciiDigit(text[at]) || text[at] == '.'))
            {
                at++;
            }
            int unit = at;
            while (at < text.Length && char.IsAsciiLetter(text[at]))
            {
                at++;
            }
            double factor = text[unit..at] switch { "h" => 3_600, "m" => 60, "s" => 1, "ms" => 1e-3, "us" => 1e-6, "ns" => 1e-9, _ => 0 };
            if (factor == 0 || !double.TryParse(text.AsSpan(digits, unit - digits), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value))
            {
                return null;
            }
            total += value * factor;
        }
        return text.Length > 0 && total < 1e9 ? TimeSpan.FromSeconds(total) : null;
    }
}
