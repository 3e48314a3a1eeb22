namespace Caisson.Scan.Packages;

/// <summary>Stanzas of <c>Field: value</c>, as dpkg and package indexes write them. Source: deb-control(5).</summary>
internal static class ControlFile
{
    private const int LineCharsMax = 1 << 20;

    /// <summary>The stanzas; of each the fields in <paramref name="wanted"/> (lower case), with the first line of their values.</summary>
    /// <remarks>The dictionary is the same for every stanza.</remarks>
    public static IEnumerable<Dictionary<string, string>> Read(TextReader text, params string[] wanted)
    {
        var stanza = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        while (text.ReadLine() is { } line)
        {
            if (line.Length > LineCharsMax)
            {
                throw new InvalidDataException($"a line has {line.Length} characters");
            }
            if (string.IsNullOrWhiteSpace(line))
            {
                if (stanza.Count > 0)
                {
                    yield return stanza;
                    stanza.Clear();
                }
                continue;
            }
            int colon = line.IndexOf(':');
            if (line[0] is ' ' or '\t' or '#' || colon <= 0)
            {
                continue;
            }
            foreach (string name in wanted)
            {
                if (name.Length == colon && line.AsSpan(0, colon).Equals(name, StringComparison.OrdinalIgnoreCase))
                {
                    stanza[name] = line[(colon + 1)..].Trim();
                }
            }
        }
        if (stanza.Count > 0)
        {
            yield return stanza;
        }
    }

    /// <summary>Reads <c>Source: name (version)</c>, which is absent when both are the package's own.</summary>
    public static (string Name, string Version) Source(Dictionary<string, string> stanza, string name, string version)
    {
        if (!stanza.TryGetValue("Source", out string? source) || source.Length == 0)
        {
            return (name, version);
        }
        int open = source.IndexOf('(');
        int close = source.IndexOf(')');
        return open > 0 && close > open
            ? (source[..open].Trim(), source[(open + 1)..close].Trim())
            : (source.Trim(), version);
    }
}
