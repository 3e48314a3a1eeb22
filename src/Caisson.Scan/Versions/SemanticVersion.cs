namespace Caisson.Scan.Versions;

/// <summary>The order of semantic versions, also with fewer or more numbers than three and with a leading <c>v</c>.</summary>
/// <remarks>What follows a plus does not count. Source: semver.org 2.0.0, item 11.</remarks>
public static class SemanticVersion
{
    /// <summary>Negative, zero or positive as <paramref name="a"/> is older than, equal to or newer than <paramref name="b"/>.</summary>
    public static int Compare(string a, string b)
    {
        var (numbersA, previewA) = Split(a);
        var (numbersB, previewB) = Split(b);
        int numbers = CompareNumbers(numbersA, numbersB);
        if (numbers != 0)
        {
            return numbers;
        }
        if (previewA.Length == 0 || previewB.Length == 0)
        {
            return previewB.Length.CompareTo(0) - previewA.Length.CompareTo(0);
        }
        return ComparePreviews(previewA.Split('.'), previewB.Split('.'));
    }

    private static (string[] Numbers, string Preview) Split(string version)
    {
        ReadOnlySpan<char> rest = version.AsSpan().Trim();
        if (!rest.IsEmpty && rest[0] is 'v' or 'V' or '=')
        {
            rest = rest[1..];
        }
        int plus = rest.IndexOf('+');
        rest = plus < 0 ? rest : rest[..plus];
        int dash = rest.IndexOf('-');
        return dash < 0 ? (rest.ToString().Split('.'), "") : (rest[..dash].ToString().Split('.'), rest[(dash + 1)..].ToString());
    }

    private static int CompareNumbers(string[] a, string[] b)
    {
        for (int i = 0; i < Math.Max(a.Length, b.Length); i++)
        {
            int order = CompareIdentifiers(i < a.Length ? a[i] : "0", i < b.Length ? b[i] : "0");
            if (order != 0)
            {
                return order;
            }
        }
        return 0;
    }

    private static int ComparePreviews(string[] a, string[] b)
    {
        for (int i = 0; i < Math.Min(a.Length, b.Length); i++)
        {
            int order = CompareIdentifiers(a[i], b[i]);
            if (order != 0)
            {
                return order;
            }
        }
        return a.Length.CompareTo(b.Length);
    }

    /// <summary>Numbers by value and before words; words by their characters.</summary>
    private static int CompareIdentifiers(string a, string b)
    {
        bool numberA = a.Length > 0 && NumberText.Length(a) == a.Length;
        bool numberB = b.Length > 0 && NumberText.Length(b) == b.Length;
        return numberA && numberB ? NumberText.Compare(a, b)
            : numberA ? -1
            : numberB ? 1
            : string.CompareOrdinal(a, b);
    }
}
