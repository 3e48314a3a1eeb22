using System.Text;

namespace Caisson.Build.Expansion;

/// <summary>Takes away and replaces parts of text by patterns of <c>*</c> and <c>?</c>, without a regular expression that could run away.</summary>
internal static class GlobText
{
    /// <summary>Without the shortest (or longest) beginning that matches.</summary>
    public static string TrimStart(string value, string pattern, bool longest, char escape)
    {
        int end = LongestOrShortest(value.Length, longest, length => Matches(value.AsSpan(0, length), pattern, escape));
        return end < 0 ? value : value[end..];
    }

    /// <summary>Without the shortest (or longest) end that matches.</summary>
    public static string TrimEnd(string value, string pattern, bool longest, char escape)
    {
        int length = LongestOrShortest(value.Length, longest, length => Matches(value.AsSpan(value.Length - length), pattern, escape));
        return length < 0 ? value : value[..^length];
    }

    /// <summary>With the first longest match, or all, replaced.</summary>
    public static string Replace(string value, string pattern, string replacement, bool all, char escape)
    {
        var result = new StringBuilder();
        int at = 0;
        while (at < value.Length)
        {
            int from = at;
            int length = LongestOrShortest(value.Length - at, true, length => length > 0 && Matches(value.AsSpan(from, length), pattern, escape));
            if (length <= 0)
            {
                result.Append(value[at++]);
                continue;
            }
            result.Append(replacement);
            at += length;
            if (!all)
            {
                break;
            }
        }
        return result.Append(value.AsSpan(at)).ToString();
    }

    private static int LongestOrShortest(int max, bool longest, Func<int, bool> matches)
    {
        for (int i = 0; i <= max; i++)
        {
            int length = longest ? max - i : i;
            if (matches(length))
            {
                return length;
            }
        }
        return -1;
    }

    /// <summary>The whole of <paramref name="value"/>, in linear memory and at most quadratic time.</summary>
    private static bool Matches(ReadOnlySpan<char> value, ReadOnlySpan<char> pattern, char escape)
    {
        int v = 0;
        int p = 0;
        int star = -1;
        int resume = 0;
        while (v < value.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                star = p++;
                resume = v;
                continue;
            }
            bool escaped = p + 1 < pattern.Length && pattern[p] == escape;
            char wanted = p < pattern.Length ? pattern[escaped ? p + 1 : p] : '\0';
            if (p < pattern.Length && ((!escaped && wanted == '?') || wanted == value[v]))
            {
                p += escaped ? 2 : 1;
                v++;
                continue;
            }
            if (star < 0)
            {
                return false;
            }
            p = star + 1;
            v = ++resume;
        }
        while (p < pattern.Length && pattern[p] == '*')
        {
            p++;
        }
        return p == pattern.Length;
    }
}
