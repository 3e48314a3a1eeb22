namespace Caisson.Scan.Versions;

/// <summary>The order of RPM versions: <c>[epoch:]version[-release]</c>.</summary>
/// <remarks>A missing epoch is 0; releases count only when both have one. Source: rpm-version(7).</remarks>
public static class RpmVersion
{
    /// <summary>Negative, zero or positive as <paramref name="a"/> is older than, equal to or newer than <paramref name="b"/>.</summary>
    public static int Compare(string a, string b)
    {
        var (epochA, versionA, releaseA) = Split(a);
        var (epochB, versionB, releaseB) = Split(b);
        int epoch = NumberText.Compare(epochA, epochB);
        if (epoch != 0)
        {
            return epoch;
        }
        int version = CompareParts(versionA, versionB);
        return version != 0 || releaseA.Length == 0 || releaseB.Length == 0 ? version : CompareParts(releaseA, releaseB);
    }

    /// <summary>Compares two versions or two releases.</summary>
    internal static int CompareParts(ReadOnlySpan<char> a, ReadOnlySpan<char> b)
    {
        if (a.SequenceEqual(b))
        {
            return 0;
        }
        while (!a.IsEmpty || !b.IsEmpty)
        {
            a = SkipSeparators(a);
            b = SkipSeparators(b);
            if (Starts(a, '~') || Starts(b, '~'))
            {
                // Before the end.
                if (!Starts(a, '~'))
                {
                    return 1;
                }
                if (!Starts(b, '~'))
                {
                    return -1;
                }
                a = a[1..];
                b = b[1..];
                continue;
            }
            if (Starts(a, '^') || Starts(b, '^'))
            {
                // After the end, but before anything that goes on.
                if (a.IsEmpty)
                {
                    return -1;
                }
                if (b.IsEmpty)
                {
                    return 1;
                }
                if (!Starts(a, '^'))
                {
                    return 1;
                }
                if (!Starts(b, '^'))
                {
                    return -1;
                }
                a = a[1..];
                b = b[1..];
                continue;
            }
            if (a.IsEmpty || b.IsEmpty)
            {
                break;
            }
            bool number = char.IsAsciiDigit(a[0]);
            ReadOnlySpan<char> partA = number ? NumberText.Take(ref a) : TakeLetters(ref a);
            ReadOnlySpan<char> partB = number ? NumberText.Take(ref b) : TakeLetters(ref b);
            if (partB.IsEmpty)
            {
                return number ? 1 : -1; // numbers are newer than letters
            }
            int part = number ? NumberText.Compare(partA, partB) : partA.SequenceCompareTo(partB);
            if (part != 0)
            {
                return part;
            }
        }
        return a.IsEmpty == b.IsEmpty ? 0 : a.IsEmpty ? -1 : 1;
    }

    private static (string Epoch, string Version, string Release) Split(string text)
    {
        ReadOnlySpan<char> rest = text.AsSpan().Trim();
        int colon = rest.IndexOf(':');
        string epoch = "";
        if (colon >= 0 && NumberText.Length(rest[..colon]) == colon)
        {
            epoch = rest[..colon].ToString();
            rest = rest[(colon + 1)..];
        }
        int dash = rest.LastIndexOf('-');
        return dash < 0 ? (epoch, rest.ToString(), "") : (epoch, rest[..dash].ToString(), rest[(dash + 1)..].ToString());
    }

    private static bool Starts(ReadOnlySpan<char> text, char c) => !text.IsEmpty && text[0] == c;

    private static ReadOnlySpan<char> SkipSeparators(ReadOnlySpan<char> text)
    {
        while (!text.IsEmpty && !char.IsAsciiLetterOrDigit(text[0]) && text[0] is not ('~' or '^'))
        {
            text = text[1..];
        }
        return text;
    }

    private static ReadOnlySpan<char> TakeLetters(ref ReadOnlySpan<char> text)
    {
        int length = 0;
        while (length < text.Length && char.IsAsciiLetter(text[length]))
        {
            length++;
        }
        ReadOnlySpan<char> letters = text[..length];
        text = text[length..];
        return letters;
    }
}
