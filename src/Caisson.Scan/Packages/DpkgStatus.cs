namespace Caisson.Scan.Packages;

/// <summary>What dpkg has installed: <c>/var/lib/dpkg/status</c>, or a file of <c>status.d</c>.</summary>
/// <remarks>Source: dpkg-query(1), deb-control(5).</remarks>
internal static class DpkgStatus
{
    public static IEnumerable<Package> Parse(TextReader text, string location)
    {
        foreach (var stanza in ControlFile.Read(text, "Package", "Version", "Architecture", "Source", "Status"))
        {
            if (!stanza.TryGetValue("Package", out string? name) || !stanza.TryGetValue("Version", out string? version) || !IsThere(stanza))
            {
                continue;
            }
            var (sourceName, sourceVersion) = ControlFile.Source(stanza, name, version);
            yield return new Package
            {
                Type = "deb",
                Name = name,
                Version = version,
                Architecture = stanza.GetValueOrDefault("Architecture"),
                SourceName = sourceName,
                SourceVersion = sourceVersion,
                Location = location,
            };
        }
    }

    /// <summary>A package that was removed leaves configuration files and its stanza; files of status.d have no status.</summary>
    private static bool IsThere(Dictionary<string, string> stanza) =>
        !stanza.TryGetValue("Status", out string? status)
        || status.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, _, not ("config-files" or "not-installed")];
}
