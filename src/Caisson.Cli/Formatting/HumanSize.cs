using System.Globalization;

namespace Caisson.Cli.Formatting;

/// <summary>Sizes as Docker prints them.</summary>
internal static class HumanSize
{
    private static readonly string[] DecimalUnits = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    private static readonly string[] BinaryUnits = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

    /// <summary>Powers of 1000, three digits: <c>1.98MB</c>.</summary>
    public static string Decimal(double bytes, int digits = 3) => Format(bytes, 1000, digits, DecimalUnits);

    /// <summary>Powers of 1024, four digits: <c>23.54GiB</c>.</summary>
    public static string Binary(double bytes) => Format(bytes, 1024, 4, BinaryUnits);

    private static string Format(double bytes, double unit, int digits, string[] units)
    {
        int power = 0;
        while (bytes >= unit && power < units.Length - 1)
        {
            bytes /= unit;
            power++;
        }
        return Shortest(bytes, digits) + units[power];
    }

    /// <summary>Go's <c>%.Ng</c> for what occurs here: exponents have two digits and a sign.</summary>
    private static string Shortest(double value, int digits)
    {
        string text = value.ToString("G" + digits.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        int exponent = text.IndexOf('E', StringComparison.Ordinal);
        return exponent < 0 ? text : $"{text[..exponent]}e{text[exponent + 1]}{text[(exponent + 2)..].PadLeft(2, '0')}";
    }
}
