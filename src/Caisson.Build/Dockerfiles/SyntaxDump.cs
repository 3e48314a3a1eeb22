using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Caisson.Build.Dockerfiles;

/// <summary>A Dockerfile as nested lists, for comparing parsers: <c>(run "make")</c>.</summary>
public static class SyntaxDump
{
    /// <summary>One list for each instruction, a line each.</summary>
    public static string Write(Dockerfile file) =>
        string.Join('\n', file.Lines.Select(line => $"({Write(line.Keyword, line.Flags, line.Arguments, file.Escape)})"));

    private static string Write(string keyword, ImmutableArray<string> flags, string arguments, char escape)
    {
        var text = new StringBuilder(keyword.ToLowerInvariant());
        if (flags.Length > 0)
        {
            text.Append(" [").AppendJoin(' ', flags.Select(Quote)).Append(']');
        }
        foreach (string word in Words(keyword.ToUpperInvariant(), arguments, escape))
        {
            text.Append(' ').Append(Quote(word));
        }
        if (keyword.Equals("ONBUILD", StringComparison.OrdinalIgnoreCase) && arguments.Length > 0)
        {
            (string inner, ImmutableArray<string> innerFlags, string rest) = InstructionText.Split(arguments, escape);
            text.Append(" (").Append(Write(inner, innerFlags, rest, escape)).Append(')');
        }
        return text.ToString();
    }

    private static IEnumerable<string> Words(string keyword, string arguments, char escape)
    {
        if (arguments.Length == 0)
        {
            return [];
        }
        switch (keyword)
        {
            case "ADD" or "COPY" or "VOLUME":
                return InstructionText.JsonList(arguments, out _) ?? InstructionText.SplitBlanks(arguments).AsEnumerable();
            case "CMD" or "ENTRYPOINT" or "RUN" or "SHELL":
                return InstructionText.JsonList(arguments, out _) ?? [arguments];
            case "EXPOSE" or "FROM":
                return InstructionText.SplitBlanks(arguments);
            case "ARG":
                return InstructionText.QuotedWords(arguments, escape);
            case "MAINTAINER" or "STOPSIGNAL" or "USER" or "WORKDIR":
                return [arguments];
            case "HEALTHCHECK":
                (string type, string? rest) = InstructionText.SplitFirst(arguments);
                return rest is null or "" ? [type] : [type, .. InstructionText.JsonList(rest, out _) ?? [rest]];
            case "ENV" or "LABEL":
                List<string> words = InstructionText.QuotedWords(arguments, escape);
                if (!words[0].Contains('='))
                {
                    (string key, string? value) = InstructionText.SplitFirst(arguments);
                    return [key, value ?? "", ""];
                }
                return words.SelectMany(word => word.IndexOf('=') is >= 0 and var at ? (string[])[word[..at], word[(at + 1)..], "="] : [word]);
            default:
                return [];
        }
    }

    private static string Quote(string word)
    {
        var text = new StringBuilder("\"");
        foreach (Rune rune in word.EnumerateRunes())
        {
            text.Append(rune.Value switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\t' => "\\t",
                '\r' => "\\r",
                '\a' => "\\a",
                '\b' => "\\b",
                '\f' => "\\f",
                '\v' => "\\v",
                < 0x20 or 0x7f => string.Create(CultureInfo.InvariantCulture, $"\\x{rune.Value:x2}"),
                _ => rune.ToString(),
            });
        }
        return text.Append('"').ToString();
    }
}
