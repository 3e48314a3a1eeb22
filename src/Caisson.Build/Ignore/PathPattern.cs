namespace Caisson.Build.Ignore;

/// <summary>A pattern of one path: <c>*</c>, <c>?</c>, <c>[a-z]</c> within a name, <c>**</c> over any number of them.</summary>
/// <remarks>Source: Go's filepath.Match, and Dockerfile reference, ".dockerignore files".</remarks>
public sealed class PathPattern
{
    private readonly string[] _parts;

    private PathPattern(string[] parts) => _parts = parts;

    /// <summary>How many names the pattern has.</summary>
    public int Depth => _parts.Length;

    /// <summary>True when some name of it is not plain text.</summary>
    public static bool HasWildcards(string text) => text.AsSpan().IndexOfAny("*?[") >= 0;

    /// <summary>Reads a pattern with <c>/</c> between names.</summary>
    /// <returns>Null when it is malformed, such as a set that is not closed.</returns>
    public static PathPattern? TryParse(string text)
    {
        string[] parts = text.Split('/', StringSplitOptions.RemoveEmptyEntries);
        return parts.All(IsWellFormed) ? new PathPattern(parts) : null;
    }

    /// <summary>Whether the whole path matches; names are divided by <c>/</c>.</summary>
    public bool Matches(string path) => Matches(path.Split('/', StringSplitOptions.RemoveEmptyEntries));

    /// <summary>Whether all names match.</summary>
    public bool Matches(ReadOnlySpan<string> names) => MatchParts(_parts, names);

    /// <summary>Whether the path or a directory above it matches.</summary>
    public bool MatchesOrContains(string path)
    {
        string[] names = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        for (int length = names.Length; length > 0; length--)
        {
            if (Matches(names.AsSpan(0, length)))
            {
                return true;
            }
        }
        return false;
    }

    private static bool MatchParts(ReadOnlySpan<string> parts, ReadOnlySpan<string> names)
    {
        // Of several **, only the last one met needs to be tried again: what lies before it has matched.
        int p = 0;
        int n = 0;
        int star = -1;
        int resume = 0;
        while (n < names.Length)
        {
            if (p < parts.Length && parts[p] == "**")
            {
                star = p++;
                resume = n;
            }
            else if (p < parts.Length && MatchName(parts[p], names[n]))
            {
                p++;
                n++;
            }
            else if (star >= 0)
            {
                p = star + 1;
                n = ++resume;
            }
            else
            {
                return false;
            }
        }
        while (p < parts.Length && parts[p] == "**")
        {
            p++;
        }
        return p == parts.Length;
    }

    /// <summary>Whether one name matches one part of a pattern.</summary>
    public static bool MatchName(ReadOnlySpan<char> pattern, ReadOnlySpan<char> name)
    {
        int p = 0;
        int n = 0;
        int star = -1;
        int resume = 0;
        while (n < name.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                star = p++;
                resume = n;
                continue;
            }
            if (p < pattern.Length && MatchOne(pattern, ref p, name[n]))
            {
                n++;
                continue;
            }
            if (star < 0)
            {
                return false;
            }
            p = star + 1;
            n = ++resume;
        }
        while (p < pattern.Length && pattern[p] == '*')
        {
            p++;
        }
        return p == pattern.Length;
    }

    /// <summary>Matches one character and moves on, or leaves the place as it is.</summary>
    private static bool MatchOne(ReadOnlySpan<char> pattern, ref int at, char c)
    {
        switch (pattern[at])
        {
            case '?':
                at++;
                return true;
            case '[':
                int i = at + 1;
                bool negated = i < pattern.Length && pattern[i] == '^';
                i += negated ? 1 : 0;
                bool found = false;
                for (bool first = true; i < pattern.Length && (first || pattern[i] != ']'); first = false)
                {
                    char low = Take(pattern, ref i);
                    char high = low;
                    if (i + 1 < pattern.Length && pattern[i] == '-' && pattern[i + 1] != ']')
                    {
                        i++;
                        high = Take(pattern, ref i);
                    }
                    found |= c >= low && c <= high;
                }
                if (found == negated)
                {
                    return false;
                }
                at = i + 1;
                return true;
            case '\\' when at + 1 < pattern.Length:
                if (pattern[at + 1] != c)
                {
                    return false;
                }
                at += 2;
                return true;
            default:
                if (pattern[at] != c)
                {
                    return false;
                }
                at++;
                return true;
        }
    }

    private static char Take(ReadOnlySpan<char> pattern, ref int i)
    {
        if (pattern[i] == '\\' && i + 1 < pattern.Length)
        {
            i++;
        }
        return pattern[i++];
    }

    private static bool IsWellFormed(string part)
    {
        for (int i = 0; i < part.Length; i++)
        {
            if (part[i] == '\\')
            {
                i++;
            }
            else if (part[i] == '[')
            {
                int from = i + 1 < part.Length && part[i + 1] == '^' ? i + 2 : i + 1;
                int end = from + 1 <= part.Length ? part.IndexOf(']', Math.Min(from + 1, part.Length)) : -1;
                if (end < 0)
                {
                    return false;
                }
                i = end;
            }
        }
        return true;
    }
}
