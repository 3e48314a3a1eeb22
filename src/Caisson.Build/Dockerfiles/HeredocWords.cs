using System.Text.RegularExpressions;

using Caisson.Build.Expansion;

namespace Caisson.Build.Dockerfiles;

/// <summary>Finds what announces here-documents in a line: <c>&lt;&lt;WORD</c>, <c>&lt;&lt;-WORD</c>, with a quoted word where nothing is to be expanded.</summary>
public static partial class HeredocWords
{
    /// <summary>The here-documents that a line announces, still without content.</summary>
    public static IEnumerable<Heredoc> Find(string line)
    {
        var shell = new ShellWords { KeepsQuotes = true, KeepsEscapes = true, KeepsUnset = true };
        foreach (string word in shell.Split(line, _ => null, out _))
        {
            if (Read(word) is { } heredoc)
            {
                yield return heredoc;
            }
        }
    }

    /// <summary>The here-document that a word announces; null when it announces none.</summary>
    public static Heredoc? Read(string word)
    {
        if (Announcement().Match(word) is not { Success: true } match || match.Groups["word"].Value is not { Length: > 0 } quoted)
        {
            return null;
        }
        IReadOnlyList<string> plain = new ShellWords { KeepsUnset = true }.Split(quoted, _ => null, out string? fault);
        if (fault is not null || plain.Count != 1)
        {
            return null;
        }
        IReadOnlyList<string> raw = new ShellWords { KeepsUnset = true, KeepsQuotes = true }.Split(quoted, _ => null, out _);
        bool isQuoted = raw.Count == 1 && Quotes(raw[0]) != Quotes(plain[0]);
        return new Heredoc(plain[0], !isQuoted, match.Groups["dash"].Length > 0, "");
    }

    private static int Quotes(string word) => word.Count(c => c is '\'' or '"');

    [GeneratedRegex(@"^\d*<<(?<dash>-?)\s*(?<word>[^<]*)$")]
    private static partial Regex Announcement();
}
