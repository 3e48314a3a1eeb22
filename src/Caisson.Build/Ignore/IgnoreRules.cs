using System.Collections.Immutable;

using Caisson.Errors;

namespace Caisson.Build.Ignore;

/// <summary>Which files of a context are left out: the rules of a <c>.dockerignore</c>, the last that matches decides.</summary>
/// <remarks>Source: Dockerfile reference, ".dockerignore files".</remarks>
public sealed class IgnoreRules
{
    private readonly ImmutableArray<(PathPattern Pattern, bool Excludes)> _rules;

    private IgnoreRules(ImmutableArray<(PathPattern, bool)> rules) => _rules = rules;

    /// <summary>Leaves nothing out.</summary>
    public static IgnoreRules None { get; } = new([]);

    /// <summary>True when nothing is left out.</summary>
    public bool IsEmpty => _rules.Length == 0;

    /// <summary>True when a rule brings back what another leaves out, so that a directory that is out must still be looked into.</summary>
    public bool HasExceptions => _rules.Any(rule => !rule.Excludes);

    /// <summary>Reads the rules, a line each.</summary>
    /// <param name="name">What to call the file.</param>
    /// <param name="text">Its content.</param>
    /// <param name="problems">Receives malformed patterns, by <c>NAME:LINE</c>.</param>
    public static IgnoreRules Parse(string name, string text, ICollection<Problem> problems)
    {
        var rules = ImmutableArray.CreateBuilder<(PathPattern, bool)>();
        string[] lines = text.TrimStart('\uFEFF').Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            if (lines[i].StartsWith('#'))
            {
                continue;
            }
            string line = lines[i].Trim();
            bool excludes = !line.StartsWith('!');
            string pattern = Clean(excludes ? line : line[1..].Trim());
            if (line.Length == 0 || pattern.Length == 0)
            {
                continue;
            }
            if (PathPattern.TryParse(pattern) is { } parsed)
            {
                rules.Add((parsed, excludes));
            }
            else
            {
                problems.Add(new($"{name}:{i + 1}", $"'{line}' is no pattern: a set is not closed"));
            }
        }
        return new IgnoreRules(rules.ToImmutable());
    }

    /// <summary>Patterns as arguments of <c>--exclude</c>: all of them leave out.</summary>
    public static IgnoreRules Excluding(IEnumerable<string> patterns) =>
        Parse("--exclude", string.Join('\n', patterns), new List<Problem>());

    /// <summary>Whether a path, relative and with <c>/</c>, is left out.</summary>
    public bool Ignores(string path)
    {
        bool ignored = false;
        foreach ((PathPattern pattern, bool excludes) in _rules)
        {
            if (excludes != ignored && pattern.MatchesOrContains(path))
            {
                ignored = excludes;
            }
        }
        return ignored;
    }

    private static string Clean(string pattern)
    {
        List<string> parts = [];
        foreach (string part in pattern.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (part == "..")
            {
                if (parts.Count > 0)
                {
                    parts.RemoveAt(parts.Count - 1);
                }
            }
            else if (part != ".")
            {
                parts.Add(part);
            }
        }
        return string.Join('/', parts);
    }
}
