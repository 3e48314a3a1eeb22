namespace Caisson.Cli.Values;

/// <summary>A reference as users write it, in two parts.</summary>
/// <param name="Repository">With the registry's host where given.</param>
/// <param name="Tag">A tag or, with <c>@</c>, a digest; empty when not given.</param>
internal sealed record ImageName(string Repository, string Tag)
{
    public static ImageName Parse(string text)
    {
        int digest = text.IndexOf('@', StringComparison.Ordinal);
        if (digest >= 0)
        {
            return new(text[..digest], text[(digest + 1)..]);
        }
        // A colon before the last slash belongs to a registry's port.
        int colon = text.LastIndexOf(':');
        return colon > text.LastIndexOf('/') ? new(text[..colon], text[(colon + 1)..]) : new(text, "");
    }

    /// <summary>With the tag that is meant when none is written.</summary>
    public string Familiar => Tag.Length == 0 ? Repository + ":latest"
        : Tag.Contains(':', StringComparison.Ordinal) ? $"{Repository}@{Tag}" : $"{Repository}:{Tag}";
}
