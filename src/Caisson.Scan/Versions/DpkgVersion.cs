namespace Caisson.Scan.Versions;

/// <summary>The order of Debian versions: <c>[epoch:]upstream[-revision]</c>.</summary>
/// <remarks>Total over any text. Source: deb-version(7).</remarks>
public static class DpkgVersion
{
    /// <summary>Negative, zero or positive as <paramref name="a"/> is older than, equal to or newer than <paramref name="b"/>.</summary>
    public static int Compare(string a, string b)
    {
        var (epochA, upstreamA, revisionA) = Split(a);
        var (epochB, upstreamB, revisionB) = Split(b);
        int epoch = NumberText.Compare(epochA, epochB);
        if (epoch != 0)
        {
            return epoch;
        }
        int upstream = ComparePart(upstreamA, upstreamB);
        return upstream != 0 ? upstream : ComparePart(revisionA, revisionB);
    }

    /// <summary>The version without its epoch, as changelogs of the same source may leave it out.</summary>
    internal static string WithoutEpoch(string version)
    {
        var (epoch, _, _) = Split(version);
        return epoch.Length == 0 ? version : version[(version.IndexOf(':', StringComparison.Ordinal) + 1)..];
    }

    private static (string Epoch, string Upstream, string Revision) Split(string version)
    {
        ReadOnlySpan<char> rest = version.AsSpan().Trim();
        int colon = rest.IndexOf(':');
        string epoch = "";
        if (colon > 0 && NumberText.Length(rest[..colon]) == colon)
        {
            epoch = rest[..colon].ToString();
            rest = rest[(colon + 1)..];
        }
        int dash = rest.LastIndexOf('-');
        return dash < 0
            ? (epoch, rest.ToString(), "")
            : (epoch, rest[..dash].ToString(), rest[(dash + 1)..].ToString());
    }

    /// <summary>By turns what is no digit, letter by letter, and what is one, as numbers.</summary>
    private static int ComparePart(ReadOnlySpan<char> a, ReadOnlySpan<char> b)
    {
        while (!a.IsEmpty || !b.IsEmpty)
        {
            while ((!a.IsEmpty && !char.IsAsciiDigit(a[0])) || (!b.IsEmpty && !char.IsAsciiDigit(b[0])))
            {
                int weight = Weight(a).CompareTo(Weight(b));
                if (weight != 0)
                {
                    return weight;
                }
                a = a.IsEmpty ? a : a[1..];
                b = b.IsEmpty ? b : b[1..];
            }
            int number = NumberText.Compare(NumberText.Take(ref a), NumberText.Take(ref b));
            if (number != 0)
            {
                return number;
            }
        }
        return 0;
    }

    /// <summary>A tilde is before the end, letters before everything else.</summary>
    private static int Weight(ReadOnlySpan<char> text) => text.IsEmpty || char.IsAsciiDigit(text[0])
        ? 0
        : text[0] == '~' ? -1 : char.IsAsciiLetter(text[0]) ? text[0] : text[0] + 256;
}
