namespace Caisson.Scan.Data;

/// <summary>The base score of a CVSS vector of version 3.0 or 3.1. Source: CVSS v3.1 specification, section 7.1.</summary>
internal static class CvssVector
{
    /// <summary>The score of 0 to 10; null when the vector is of another version or incomplete.</summary>
    public static double? Score(string vector)
    {
        if (!vector.StartsWith("CVSS:3.", StringComparison.Ordinal))
        {
            return null;
        }
        Dictionary<string, string> metrics = new(StringComparer.Ordinal);
        foreach (string part in vector.Split('/')[1..])
        {
            if (part.Split(':') is [var name, var value])
            {
                metrics[name] = value;
            }
        }
        bool changed = metrics.GetValueOrDefault("S") == "C";
        double? attack = metrics.GetValueOrDefault("AV") switch { "N" => 0.85, "A" => 0.62, "L" => 0.55, "P" => 0.2, _ => null };
        double? complexity = metrics.GetValueOrDefault("AC") switch { "L" => 0.77, "H" => 0.44, _ => null };
        double? privileges = metrics.GetValueOrDefault("PR") switch { "N" => 0.85, "L" => changed ? 0.68 : 0.62, "H" => changed ? 0.5 : 0.27, _ => null };
        double? interaction = metrics.GetValueOrDefault("UI") switch { "N" => 0.85, "R" => 0.62, _ => null };
        double? miss = (1 - Impact("C")) * (1 - Impact("I")) * (1 - Impact("A"));
        if (miss is not { } missed || attack * complexity * privileges * interaction is not { } reach || !metrics.ContainsKey("S"))
        {
            return null;
        }
        double sub = 1 - missed;
        double impact = changed ? (7.52 * (sub - 0.029)) - (3.25 * Math.Pow(sub - 0.02, 15)) : 6.42 * sub;
        double exploitability = 8.22 * reach;
        return impact <= 0 ? 0 : RoundUp(Math.Min(changed ? 1.08 * (impact + exploitability) : impact + exploitability, 10));

        double? Impact(string metric) => metrics.GetValueOrDefault(metric) switch { "H" => 0.56, "L" => 0.22, "N" => 0, _ => null };
    }

    /// <summary>To one decimal, upwards, in whole numbers as the standard does it.</summary>
    private static double RoundUp(double value)
    {
        long rounded = (long)Math.Round(value * 100_000);
        return rounded % 10_000 == 0 ? rounded / 100_000.0 : (Math.Floor(rounded / 10_000.0) + 1) / 10;
    }
}
