namespace Caisson.Scan.Packages;

/// <summary>Which system a root filesystem says it is. Source: os-release(5).</summary>
internal static class OsRelease
{
    public static SystemRelease? Parse(string text)
    {
        Dictionary<string, string> values = new(StringComparer.Ordinal);
        foreach (string line in text.Split('\n'))
        {
            int equals = line.IndexOf('=');
            if (equals > 0 && line[0] != '#')
            {
                values[line[..equals].Trim()] = line[(equals + 1)..].Trim().Trim('"', '\'');
            }
        }
        return values.TryGetValue("ID", out string? id) && id.Length > 0
            ? new SystemRelease(
                id,
                values.GetValueOrDefault("VERSION_ID", ""),
                values.GetValueOrDefault("VERSION_CODENAME", ""),
                values.GetValueOrDefault("PRETTY_NAME", id))
            : null;
    }
}
