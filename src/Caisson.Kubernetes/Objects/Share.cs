using System.Globalization;

namespace Caisson.Kubernetes.Objects;

/// <summary>A number, or a share of one in percent: <c>3</c>, <c>25%</c>.</summary>
/// <param name="Value">The number, or percents.</param>
/// <param name="IsPercent">Which.</param>
public readonly record struct Share(int Value, bool IsPercent)
{
    /// <summary>Reads one; false when it is none.</summary>
    public static bool TryParse(string text, out Share share)
    {
        bool percent = text.EndsWith('%');
        bool fits = int.TryParse(percent ? text.AsSpan(0, text.Length - 1) : text, NumberStyles.None, CultureInfo.InvariantCulture, out int value);
        share = new(value, percent);
        return fits;
    }

    /// <summary>The number out of <paramref name="total"/>.</summary>
    /// <param name="total">What it is a share of.</param>
    /// <param name="up">Parts of one count as one.</param>
    public int Of(int total, bool up) => !IsPercent ? Value : up ? (int)((((long)total * Value) + 99) / 100) : (int)((long)total * Value / 100);
}
