using System.Text.RegularExpressions;

namespace Caisson.Scan.Versions;

/// <summary>The order of Python versions: <c>1!2.0rc1.post2.dev3+local</c>.</summary>
/// <remarks>What is no such version is older than any and ordered by its characters. Source: PEP 440.</remarks>
public static partial class PythonVersion
{
    /// <summary>Negative, zero or positive as <paramref name="a"/> is older than, equal to or newer than <paramref name="b"/>.</summary>
    public static int Compare(string a, string b)
    {
        Match left = Form().Match(a.Trim().ToLowerInvariant());
        Match right = Form().Match(b.Trim().ToLowerInvariant());
        if (!left.Success || !right.Success)
        {
            return left.Success ? 1 : right.Success ? -1 : string.CompareOrdinal(a, b);
        }
        int order = NumberText.Compare(left.Groups["epoch"].Value, right.Groups["epoch"].Value);
        order = order != 0 ? order : CompareReleases(left.Groups["release"].Value.Split('.'), right.Groups["release"].Value.Split('.'));
        order = order != 0 ? order : Stage(left).CompareTo(Stage(right));
        order = order != 0 ? order : NumberText.Compare(left.Groups["pren"].Value, right.Groups["pren"].Value);
        order = order != 0 ? order : ComparePosts(left, right);
        order = order != 0 ? order : CompareDevelopments(left, right);
        return order != 0 ? order : CompareLocals(left.Groups["local"], right.Groups["local"]);
    }

    private static int CompareReleases(string[] a, string[] b)
    {
        for (int i = 0; i < Math.Max(a.Length, b.Length); i++)
        {
            int order = NumberText.Compare(i < a.Length ? a[i] : "", i < b.Length ? b[i] : "");
            if (order != 0)
            {
                return order;
            }
        }
        return 0;
    }

    /// <summary>A development release of nothing else comes before the first alpha.</summary>
    private static int Stage(Match version) => version.Groups["pre"].Value switch
    {
        "a" or "alpha" => 1,
        "b" or "beta" => 2,
        "c" or "rc" or "pre" or "preview" => 3,
        _ => version.Groups["dev"].Success && !version.Groups["post"].Success ? 0 : 4,
    };

    private static int ComparePosts(Match a, Match b)
    {
        bool postA = a.Groups["post"].Success;
        bool postB = b.Groups["post"].Success;
        return postA != postB ? postA.CompareTo(postB) : NumberText.Compare(a.Groups["postn"].Value, b.Groups["postn"].Value);
    }

    private static int CompareDevelopments(Match a, Match b)
    {
        bool devA = a.Groups["dev"].Success;
        bool devB = b.Groups["dev"].Success;
        return devA != devB ? devB.CompareTo(devA) : NumberText.Compare(a.Groups["devn"].Value, b.Groups["devn"].Value);
    }

    private static int CompareLocals(Group a, Group b)
    {
        if (!a.Success || !b.Success)
        {
            return a.Success.CompareTo(b.Success);
        }
        string[] left = a.Value.Split('.', '-', '_');
        string[] right = b.Value.Split('.', '-', '_');
        for (int i = 0; i < Math.Min(left.Length, right.Length); i++)
        {
            bool numberA = NumberText.Length(left[i]) == left[i].Length;
            bool numberB = NumberText.Length(right[i]) == right[i].Length;
            int order = numberA != numberB ? numberA.CompareTo(numberB)
                : numberA ? NumberText.Compare(left[i], right[i])
                : string.CompareOrdinal(left[i], right[i]);
            if (order != 0)
            {
                return order;
            }
        }
        return left.Length.CompareTo(right.Length);
    }

    [GeneratedRegex(
        @"^v?(?:(?<epoch>\d+)!)?(?<release>\d+(?:\.\d+)*)"
        + @"(?:[-_.]?(?<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?<pren>\d*))?"
        + @"(?<post>-(?<postn>\d+)|[-_.]?(?:post|rev|r)[-_.]?(?<postn>\d*))?"
        + @"(?<dev>[-_.]?dev[-_.]?(?<devn>\d*))?"
        + @"(?:\+(?<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?$",
        RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Form();
}
