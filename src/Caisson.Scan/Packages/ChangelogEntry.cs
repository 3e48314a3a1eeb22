using System.Text.RegularExpressions;

namespace Caisson.Scan;

/// <summary>One upload of a Debian source package, as its changelog tells it.</summary>
/// <param name="Source">The source package.</param>
/// <param name="Version">The version the entry is of.</param>
/// <param name="Urgency">As the maintainer states it: <c>low</c>, <c>medium</c>, <c>high</c>, <c>critical</c>, <c>emergency</c>.</param>
/// <param name="Vulnerabilities">CVE ids that the entry names, in its order, each once.</param>
/// <remarks>Source: deb-changelog(5).</remarks>
public sealed partial record ChangelogEntry(string Source, string Version, string Urgency, IReadOnlyList<string> Vulnerabilities)
{
    /// <summary>The entries of a changelog that name a CVE, newest first.</summary>
    internal static IEnumerable<ChangelogEntry> Parse(TextReader text)
    {
        ChangelogEntry? entry = null;
        List<string> ids = [];
        while (text.ReadLine() is { } line)
        {
            if (line.Length > 0 && line[0] != ' ' && Head().Match(line) is { Success: true } head)
            {
                if (entry is not null && ids.Count > 0)
                {
                    yield return entry;
                }
                ids = [];
                entry = new ChangelogEntry(head.Groups["source"].Value, head.Groups["version"].Value, head.Groups["urgency"].Value.ToLowerInvariant(), ids);
                continue;
            }
            foreach (ValueMatch found in Identifier().EnumerateMatches(line))
            {
                string id = line.Substring(found.Index, found.Length).ToUpperInvariant();
                if (!ids.Contains(id))
                {
                    ids.Add(id);
                }
            }
        }
        if (entry is not null && ids.Count > 0)
        {
            yield return entry;
        }
    }

    [GeneratedRegex(@"^(?<source>[a-z0-9][a-z0-9+.\-]*) \((?<version>[^()\s]+)\)[^;]*;(?:.*\burgency=(?<urgency>\w+))?", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Head();

    [GeneratedRegex(@"\bCVE-\d{4}-\d{4,7}\b", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Identifier();
}
