namespace Caisson.Scan.Versions;

/// <summary>The order of Ruby's versions: numbers and words, a word being before the end.</summary>
/// <remarks>Source: Gem::Version.</remarks>
public static class GemVersion
{
    /// <summary>Negative, zero or positive as <paramref name="a"/> is older than, equal to or newer than <paramref name="b"/>.</summary>
    public static int Compare(string a, string b)
    {
        List<string> left = Segments(a);
        List<string> right = Segments(b);
        for (int i = 0; i < Math.Max(left.Count, right.Count); i++)
        {
            string x = i < left.Count ? left[i] : "0";
            string y = i < right.Count ? right[i] : "0";
            bool numberX = char.IsAsciiDigit(x[0]);
            bool numberY = char.IsAsciiDigit(y[0]);
            int order = numberX != numberY ? numberX.CompareTo(numberY)
                : numberX ? NumberText.Compare(x, y)
                : string.CompareOrdinal(x, y);
            if (order != 0)
            {
                return order;
            }
        }
        return 0;
    }

    private static List<string> Segments(string version)
    {
        List<string> segments = [];
        ReadOnlySpan<char> rest = version.Trim().Replace("-", ".pre.", StringComparison.Ordinal);
        while (!rest.IsEmpty)
        {
            if (char.IsAsciiDigit(rest[0]))
            {
                segments.Add(NumberText.Take(ref rest).ToString());
                continue;
            }
            int length = 0;
            while (length < rest.Length && char.IsAsciiLetter(rest[length]))
            {
                length++;
            }
            if (length > 0)
            {
                segments.Add(rest[..length].ToString());
            }
            rest = rest[Math.Max(length, 1)..];
        }
        return segments;
    }
}
