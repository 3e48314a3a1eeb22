using Caisson.Errors;

namespace Caisson.Oci.Runtime;

/// <summary>Where rules put what they find.</summary>
/// <param name="problems">Receives what is refused.</param>
/// <param name="warnings">Receives what is accepted but does not do what it seems to; null when nobody asks.</param>
internal readonly struct RuleReport(ICollection<Problem> problems, ICollection<Problem>? warnings)
{
    public void Problem(string path, string message) => problems.Add(new Problem(path, message));

    public void Warning(string path, string message) => warnings?.Add(new Problem(path, message));

    /// <summary>Refuses a path that is not absolute.</summary>
    public void Absolute(string path, string value)
    {
        if (!value.StartsWith('/'))
        {
            Problem(path, value.Length == 0 ? "must not be empty" : $"must be an absolute path, not '{value}'");
        }
    }

    /// <summary>A key as a segment of a JSON pointer.</summary>
    public static string Segment(string key) =>
        key.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);
}
