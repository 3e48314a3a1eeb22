namespace Caisson.Cli.Values;

/// <summary>Filters of lists: <c>key=value</c>, repeatable.</summary>
internal static class Filters
{
    /// <summary>One filter as an option reads it.</summary>
    /// <exception cref="FormatException">There is no <c>=</c>.</exception>
    public static KeyValuePair<string, string> Parse(string text)
    {
        string[] parts = text.Split('=', 2);
        return parts.Length == 2
            ? new(parts[0].Trim().ToLowerInvariant(), parts[1].Trim())
            : throw new FormatException("bad format of filter (expected name=value)");
    }

    /// <summary>Values of the same key together.</summary>
    public static Dictionary<string, List<string>> Gather(IEnumerable<KeyValuePair<string, string>> filters)
    {
        var map = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        foreach (var (key, value) in filters)
        {
            if (!map.TryGetValue(key, out var values))
            {
                map[key] = values = [];
            }
            values.Add(value);
        }
        return map;
    }
}
