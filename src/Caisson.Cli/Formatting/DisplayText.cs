using System.Globalization;
using System.Text;

namespace Caisson.Cli.Formatting;

/// <summary>Text made fit for a column.</summary>
internal static class DisplayText
{
    /// <summary>Replaces what a terminal would obey, in text of images.</summary>
    public static string Plain(string text) => text.Any(char.IsControl)
        ? string.Concat(text.Select(c => char.IsControl(c) ? '?' : c))
        : text;

    /// <summary>Cuts to <paramref name="width"/> characters, the last of which then is an ellipsis.</summary>
    public static string Ellipsis(string text, int width)
    {
        if (Length(text) <= width)
        {
            return text;
        }
        var cut = new StringBuilder();
        foreach (var rune in text.EnumerateRunes().Take(width - 1))
        {
            cut.Append(rune);
        }
        return cut.Append('…').ToString();
    }

    /// <summary>Between quotes, with what is not printable escaped as in Go: no control character reaches the terminal.</summary>
    public static string Quote(string text)
    {
        var quoted = new StringBuilder(text.Length + 2).Append('"');
        foreach (var rune in text.EnumerateRunes())
        {
            _ = rune.Value switch
            {
                '"' => quoted.Append("\\\""),
                '\\' => quoted.Append("\\\\"),
                '\n' => quoted.Append("\\n"),
                '\r' => quoted.Append("\\r"),
                '\t' => quoted.Append("\\t"),
                < 0x20 or 0x7f => quoted.Append(CultureInfo.InvariantCulture, $"\\x{rune.Value:x2}"),
                _ => Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format
                    ? quoted.Append(CultureInfo.InvariantCulture, $"\\u{rune.Value:x4}")
                    : quoted.Append(rune),
            };
        }
        return quoted.Append('"').ToString();
    }

    /// <summary>A digest or id cut to twelve digits, without its algorithm.</summary>
    public static string ShortId(string id)
    {
        int colon = id.IndexOf(':', StringComparison.Ordinal);
        string digits = id[(colon + 1)..];
        return digits.Length > 12 ? digits[..12] : digits;
    }

    /// <summary>Characters, as a table counts them.</summary>
    public static int Length(string text)
    {
        if (Ascii.IsValid(text))
        {
            return text.Length;
        }
        int length = 0;
        foreach (var _ in text.EnumerateRunes())
        {
            length++;
        }
        return length;
    }
}
