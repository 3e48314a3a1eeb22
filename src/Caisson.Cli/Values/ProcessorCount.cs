using System.Globalization;

namespace Caisson.Cli.Values;

/// <summary>A number of processors with a fraction, such as <c>1.5</c>.</summary>
internal static class ProcessorCount
{
    /// <returns>Units of 10⁻⁹ processors.</returns>
    /// <exception cref="FormatException">Not such a number, or finer than that unit.</exception>
    public static long Parse(string text)
    {
        if (!decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal value) || value > 1_000_000)
        {
            throw new FormatException("not a number of processors; write one like 1.5");
        }
        decimal nano = value * 1_000_000_000m;
        return nano == decimal.Truncate(nano) ? (long)nano : throw new FormatException("value is too precise");
    }
}
