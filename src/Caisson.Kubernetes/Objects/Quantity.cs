using System.Globalization;

namespace Caisson.Kubernetes.Objects;

/// <summary>Amounts as manifests write them: <c>500m</c>, <c>64Mi</c>, <c>1.5</c>, <c>1e3</c>. Source: Kubernetes API, "Quantity".</summary>
public static class Quantity
{
    private static readonly (string Suffix, decimal Factor)[] Suffixes =
    [
        ("Ki", 1L << 10), ("Mi", 1L << 20), ("Gi", 1L << 30), ("Ti", 1L << 40), ("Pi", 1L << 50), ("Ei", 1L << 60),
        ("n", 0.000000001m), ("u", 0.000001m), ("m", 0.001m), ("k", 1_000m), ("M", 1_000_000m), ("G", 1_000_000_000m),
        ("T", 1_000_000_000_000m), ("P", 1_000_000_000_000_000m), ("E", 1_000_000_000_000_000_000m),
    ];

    /// <summary>The amount; false when it is none.</summary>
    public static bool TryParse(string text, out decimal amount)
    {
        foreach ((string suffix, decimal factor) in Suffixes)
        {
            if (text.EndsWith(suffix, StringComparison.Ordinal))
            {
                bool fits = decimal.TryParse(
                    text.AsSpan(0, text.Length - suffix.Length), NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out amount)
                    && Math.Abs(amount) < 1_000_000_000m;
                amount *= fits ? factor : 0;
                return fits;
            }
        }
        return decimal.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out amount);
    }

    /// <summary>The amount; 0 for what is none.</summary>
    public static decimal Parse(string text) => TryParse(text, out decimal amount) ? amount : 0;

    /// <summary>As a number of units that a person reads: whole where it is whole, thousandths else.</summary>
    public static string Write(decimal amount) => amount == decimal.Truncate(amount)
        ? decimal.Truncate(amount).ToString(CultureInfo.InvariantCulture)
        : decimal.Truncate(amount * 1_000).ToString(CultureInfo.InvariantCulture) + "m";

    /// <summary>An amount of bytes by the largest binary unit of which it is a whole number: <c>768Mi</c>.</summary>
    public static string WriteBytes(decimal amount)
    {
        string[] units = ["", "Ki", "Mi", "Gi", "Ti", "Pi"];
        int unit = 0;
        while (amount != 0 && unit + 1 < units.Length && amount % 1024 == 0)
        {
            amount /= 1024;
            unit++;
        }
        return Write(amount) + units[unit];
    }
}
