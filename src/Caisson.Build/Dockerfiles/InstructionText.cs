using System.Collections.Immutable;
using System.Text;
using System.Text.Json;

namespace Caisson.Build.Dockerfiles;

/// <summary>How the text of an instruction divides: its word, flags, words with quotes, JSON lists.</summary>
internal static class InstructionText
{
    private static readonly char[] Blanks = [' ', '\t', '\v', '\f', '\r'];

    /// <summary>Divides an instruction.</summary>
    public static (string Keyword, ImmutableArray<string> Flags, string Arguments) Split(string text, char escape)
    {
        text = text.Trim();
        int space = text.IndexOfAny(Blanks);
        if (space < 0)
        {
            return (text, [], "");
        }
        var flags = ImmutableArray.CreateBuilder<string>();
        string rest = TakeFlags(text[space..].Trim(), escape, flags);
        return (text[..space], flags.ToImmutable(), rest.Trim());
    }

    /// <summary>Divides at runs of blanks.</summary>
    public static string[] SplitBlanks(string text) => text.Split(Blanks, StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Divides at the first run of blanks; the second part is null when there is none.</summary>
    public static (string First, string? Others) SplitFirst(string text)
    {
        int space = text.IndexOfAny(Blanks);
        return space < 0 ? (text, null) : (text[..space], text[space..].TrimStart(Blanks));
    }

    /// <summary>The strings of a JSON list; null when the text is no such list.</summary>
    /// <param name="text">The arguments.</param>
    /// <param name="mixed">True when it is a list with something else than strings in it, which is a mistake rather than text.</param>
    public static ImmutableArray<string>? JsonList(string text, out bool mixed)
    {
        mixed = false;
        if (!text.AsSpan().TrimStart().StartsWith("["))
        {
            return null;
        }
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            if (document.RootElement.EnumerateArray().Any(item => item.ValueKind != JsonValueKind.String))
            {
                mixed = true;
                return null;
            }
            return [.. document.RootElement.EnumerateArray().Select(item => item.GetString()!)];
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or ArgumentException)
        {
            return null; // text that begins with a bracket, such as a test of the shell
        }
    }

    /// <summary>Divides at blanks outside quotes; quotes and escapes stay, since they are read when variables are expanded.</summary>
    public static List<string> QuotedWords(string text, char escape)
    {
        List<string> words = [];
        var word = new StringBuilder();
        char quote = '\0';
        bool hasQuotes = false;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (quote == '\0' && char.IsWhiteSpace(c))
            {
                Flush();
                continue;
            }
            if (c == escape && quote != '\'')
            {
                if (i + 1 == text.Length)
                {
                    break; // an escape at the very end escapes nothing
                }
                word.Append(c).Append(text[++i]);
                continue;
            }
            if (quote != '\0')
            {
                quote = c == quote ? '\0' : quote;
            }
            else if (c is '\'' or '"')
            {
                quote = c;
                hasQuotes = true;
            }
            word.Append(c);
        }
        Flush();
        return words;

        void Flush()
        {
            if (word.Length > 0 || hasQuotes)
            {
                words.Add(word.ToString());
            }
            word.Clear();
            hasQuotes = false;
        }
    }

    private static string TakeFlags(string text, char escape, ImmutableArray<string>.Builder flags)
    {
        int i = 0;
        while (true)
        {
            while (i < text.Length && char.IsWhiteSpace(text[i]))
            {
                i++;
            }
            if (!text.AsSpan(i).StartsWith("--"))
            {
                return text[i..];
            }
            var word = new StringBuilder();
            char quote = '\0';
            for (; i < text.Length && (quote != '\0' || !char.IsWhiteSpace(text[i])); i++)
            {
                char c = text[i];
                if (c == escape && quote != '\'' && i + 1 < text.Length)
                {
                    word.Append(text[++i]);
                }
                else if (quote != '\0' ? c == quote : c is '\'' or '"')
                {
                    quote = quote == '\0' ? c : '\0';
                }
                else if (c != escape || i + 1 < text.Length)
                {
                    word.Append(c);
                }
            }
            if (word.Length == 2)
            {
                return text[i..];
            }
            flags.Add(word.ToString());
        }
    }
}
