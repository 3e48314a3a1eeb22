namespace Caisson.Cli.Values;

/// <summary>The short form of a mount: <c>[source:]target[:options]</c>.</summary>
internal static class VolumeSpec
{
    /// <summary>Adds an anonymous volume, or a bind whose relative source is made absolute.</summary>
    /// <exception cref="FormatException">Malformed.</exception>
    public static void Apply(string text, ISet<string> anonymous, ICollection<string> binds)
    {
        string[] parts = text.Split(':');
        if (parts.Length > 3 || parts.Any(part => part.Length == 0))
        {
            throw new FormatException($"invalid volume specification: '{text}'; write [source:]target[:options]");
        }
        if (!parts[Math.Min(1, parts.Length - 1)].StartsWith('/'))
        {
            throw new FormatException($"invalid volume specification: '{text}'; the target must be an absolute path");
        }
        if (parts.Length == 1)
        {
            anonymous.Add(parts[0]);
            return;
        }
        if (parts[0] is "." or ".." || parts[0].StartsWith("./", StringComparison.Ordinal) || parts[0].StartsWith("../", StringComparison.Ordinal))
        {
            parts[0] = Path.GetFullPath(parts[0]);
        }
        binds.Add(string.Join(':', parts));
    }
}
