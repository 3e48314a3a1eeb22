using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Caisson.Documents;

/// <summary>Writes nodes as YAML in block style, or as JSON.</summary>
public static partial class YamlWriter
{
    [System.Text.RegularExpressions.GeneratedRegex(@"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$")]
    private static partial System.Text.RegularExpressions.Regex JsonNumber();

    /// <summary>The node as a YAML document, ended by a line feed.</summary>
    public static string Write(DocumentNode node)
    {
        var text = new StringBuilder();
        WriteNode(text, node, indent: 0, inline: false);
        return text.ToString();
    }

    /// <summary>The node as indented JSON, ended by a line feed.</summary>
    public static string WriteJson(DocumentNode node, bool indented = true)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, new() { Indented = indented, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            WriteJson(json, node);
        }
        return Encoding.UTF8.GetString(bytes.ToArray()) + (indented ? "\n" : "");
    }

    /// <summary>The node as JSON in UTF-8, without spaces.</summary>
    public static byte[] WriteJsonBytes(DocumentNode node)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true }))
        {
            WriteJson(json, node);
        }
        return bytes.ToArray();
    }

    private static void WriteNode(StringBuilder text, DocumentNode node, int indent, bool inline)
    {
        switch (node)
        {
            case ScalarNode scalar:
                text.Append(inline ? " " : "").Append(Scalar(scalar, indent)).Append('\n');
                break;
            case SequenceNode { Items.Length: 0 }:
                text.Append(inline ? " []\n" : "[]\n");
                break;
            case MappingNode { Entries.Length: 0 }:
                text.Append(inline ? " {}\n" : "{}\n");
                break;
            case SequenceNode sequence:
                text.Append(inline ? "\n" : "");
                foreach (var item in sequence.Items)
                {
                    text.Append(' ', indent).Append('-');
                    WriteItem(text, item, indent + 2);
                }
                break;
            case MappingNode mapping:
                text.Append(inline ? "\n" : "");
                WriteEntries(text, mapping, indent, firstIndent: indent);
                break;
        }
    }

    /// <summary>What follows the dash: a mapping begins in the same line.</summary>
    private static void WriteItem(StringBuilder text, DocumentNode item, int indent)
    {
        if (item is MappingNode { Entries.Length: > 0 } mapping)
        {
            text.Append(' ');
            WriteEntries(text, mapping, indent, firstIndent: 0);
            return;
        }
        WriteNode(text, item, indent, inline: true);
    }

    private static void WriteEntries(StringBuilder text, MappingNode mapping, int indent, int firstIndent)
    {
        foreach (var entry in mapping.Entries)
        {
            text.Append(' ', firstIndent).Append(Quoted(entry.Key)).Append(':');
            WriteNode(text, entry.Value, indent + 2, inline: true);
            firstIndent = indent;
        }
    }

    private static string Scalar(ScalarNode scalar, int indent) => scalar.Is switch
    {
        ScalarKind.Null => "null",
        ScalarKind.Text => scalar.Text.Contains('\n', StringComparison.Ordinal) && IsPrintable(scalar.Text) ? Block(scalar.Text, Math.Max(indent, 2)) : Quoted(scalar.Text),
        _ => scalar.Text,
    };

    /// <summary>Lines under a bar: the literal style, which needs no escapes.</summary>
    private static string Block(string content, int indent)
    {
        if (content.StartsWith(' ') || content.StartsWith('\n') || content.Trim('\n').Length == 0)
        {
            return Escaped(content);
        }
        string trimmed = content.TrimEnd('\n');
        int ends = content.Length - trimmed.Length;
        var text = new StringBuilder("|").Append(ends == 0 ? "-" : ends == 1 ? "" : "+");
        foreach (string line in trimmed.Split('\n'))
        {
            text.Append('\n').Append(' ', line.Length == 0 ? 0 : indent).Append(line);
        }
        return text.Append('\n', Math.Max(0, ends - 1)).ToString();
    }

    private static bool IsPrintable(string text) => !text.Any(c => (c < ' ' && c is not ('\n' or '\t')) || c == '\u007f');

    /// <summary>Plain where YAML reads it back as the same text; else in quotes.</summary>
    private static string Quoted(string text) =>
        !IsPrintable(text) || text.Contains('\n', StringComparison.Ordinal) || text.Contains('\t', StringComparison.Ordinal) ? Escaped(text)
        : IsPlain(text) ? text
        : text.Contains('\'', StringComparison.Ordinal) ? Escaped(text)
        : $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";

    private static bool IsPlain(string text) =>
        text.Length > 0
        && ScalarNode.KindOf(text) == ScalarKind.Text
        && text is not ("yes" or "no" or "on" or "off" or "y" or "n" or "Yes" or "No" or "On" or "Off" or "Y" or "N" or "YES" or "NO" or "ON" or "OFF" or "<<" or "=")
        && !"!&*-?|>@`\"'%#{}[],:=<~".Contains(text[0], StringComparison.Ordinal)
        && text[0] != ' ' && text[^1] is not (' ' or ':')
        && !text.Contains(": ", StringComparison.Ordinal)
        && !text.Contains(" #", StringComparison.Ordinal);

    private static string Escaped(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (char c in text)
        {
            _ = c switch
            {
                '"' => quoted.Append("\\\""),
                '\\' => quoted.Append("\\\\"),
                '\n' => quoted.Append("\\n"),
                '\t' => quoted.Append("\\t"),
                '\r' => quoted.Append("\\r"),
                < ' ' or '\u007f' => quoted.Append(CultureInfo.InvariantCulture, $"\\x{(int)c:x2}"),
                _ => quoted.Append(c),
            };
        }
        return quoted.Append('"').ToString();
    }

    /// <summary>Writes the node to a JSON document that somebody else has begun.</summary>
    public static void WriteJson(Utf8JsonWriter json, DocumentNode node)
    {
        switch (node)
        {
            case SequenceNode sequence:
                json.WriteStartArray();
                foreach (var item in sequence.Items)
                {
                    WriteJson(json, item);
                }
                json.WriteEndArray();
                break;
            case MappingNode mapping:
                json.WriteStartObject();
                foreach (var entry in mapping.Entries)
                {
                    json.WritePropertyName(entry.Key);
                    WriteJson(json, entry.Value);
                }
                json.WriteEndObject();
                break;
            case ScalarNode { Is: ScalarKind.Null }:
                json.WriteNullValue();
                break;
            case ScalarNode { Is: ScalarKind.Boolean } flag:
                json.WriteBooleanValue(flag.Text.Equals("true", StringComparison.OrdinalIgnoreCase));
                break;
            case ScalarNode { Is: ScalarKind.Number } number when decimal.TryParse(number.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out decimal value):
                if (JsonNumber().IsMatch(number.Text))
                {
                    json.WriteRawValue(number.Text, skipInputValidation: true); // as it was written: 1.50 stays 1.50
                }
                else
                {
                    json.WriteNumberValue(value);
                }
                break;
            case ScalarNode scalar:
                json.WriteStringValue(scalar.Text);
                break;
        }
    }
}
