using System.Globalization;

namespace Caisson.Linux;

/// <summary>Signals by the names people and image configurations use. Source: signal(7), kill(1).</summary>
public static class SignalNames
{
    /// <summary>Understands <c>9</c>, <c>KILL</c>, <c>SIGKILL</c>, <c>sigterm</c>, <c>RTMIN+3</c>, <c>SIGRTMAX-1</c> and the old names IOT, CLD, POLL.</summary>
    /// <returns>False when it is none of these or the number is outside 1..64.</returns>
    public static bool TryParse(ReadOnlySpan<char> text, out Signal signal)
    {
        if (text.StartsWith("SIG", StringComparison.OrdinalIgnoreCase))
        {
            text = text[3..];
        }
        else if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
        {
            signal = (Signal)number;
            return number is >= 1 and <= 64;
        }

        if (TryRealTime(text, "RTMIN", '+', 34, 1, out signal) || TryRealTime(text, "RTMAX", '-', 64, -1, out signal))
        {
            return true;
        }
        for (Signal candidate = Signal.HUP; candidate <= Signal.SYS; candidate++)
        {
            if (text.Equals(candidate.ToString(), StringComparison.OrdinalIgnoreCase))
            {
                signal = candidate;
                return true;
            }
        }
        signal = Is(text, "IOT") ? Signal.ABRT : Is(text, "CLD") ? Signal.CHLD : Is(text, "POLL") ? Signal.IO : 0;
        return signal != 0;
    }

    /// <summary>The full name, such as <c>SIGTERM</c> or <c>SIGRTMIN+3</c>.</summary>
    public static string NameOf(Signal signal) => signal switch
    {
        >= Signal.HUP and <= Signal.SYS => $"SIG{signal}",
        Signal.RTMIN => "SIGRTMIN",
        > Signal.RTMIN and <= Signal.RTMAX => string.Create(CultureInfo.InvariantCulture, $"SIGRTMIN+{(int)signal - 34}"),
        _ => string.Create(CultureInfo.InvariantCulture, $"signal {(int)signal}"),
    };

    private static bool TryRealTime(ReadOnlySpan<char> text, string name, char sign, int origin, int direction, out Signal signal)
    {
        signal = 0;
        if (!text.StartsWith(name, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }
        text = text[name.Length..];
        int distance = 0;
        if (!text.IsEmpty &&
            (text[0] != sign || !int.TryParse(text[1..], NumberStyles.None, CultureInfo.InvariantCulture, out distance) || distance > 30))
        {
            return false;
        }
        signal = (Signal)(origin + (direction * distance));
        return true;
    }

    private static bool Is(ReadOnlySpan<char> text, string name) => text.Equals(name, StringComparison.OrdinalIgnoreCase);
}
