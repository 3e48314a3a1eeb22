using System.Text;

using Caisson.Documents;
using Caisson.Errors;

namespace Caisson.Compose.Loading;

/// <summary>Puts values of variables into text: <c>$NAME</c>, <c>${NAME}</c>, with <c>:-</c> <c>-</c> <c>:?</c> <c>?</c> <c>:+</c> <c>+</c>, nested; <c>$$</c> is a dollar sign.</summary>
/// <param name="lookup">The value of a variable; null when it is not set.</param>
/// <remarks>Source: Compose Specification, "Interpolation".</remarks>
public sealed class Interpolation(Func<string, string?> lookup)
{
    private const int DepthMax = 50;

    private readonly SortedSet<string> _missing = new(StringComparer.Ordinal);

    /// <summary>Variables that were not set and had no default.</summary>
    public IReadOnlyCollection<string> Missing => _missing;

    /// <summary>The text with its variables replaced.</summary>
    /// <exception cref="FormatException">A variable is malformed, or must be set and is not; the message says which.</exception>
    public string Apply(string text) => Apply(text, 0);

    /// <summary>The same tree with every value interpolated. Keys stay as they are.</summary>
    public DocumentNode Apply(DocumentNode node, ICollection<Problem> problems)
    {
        switch (node)
        {
            case ScalarNode scalar when scalar.Text.Contains('$', StringComparison.Ordinal):
                try
                {
                    return scalar with { Text = Apply(scalar.Text) };
                }
                catch (FormatException e)
                {
                    problems.Add(scalar.Problem(e.Message));
                    return scalar;
                }
            case SequenceNode sequence:
                return sequence with { Items = [.. sequence.Items.Select(item => Apply(item, problems))] };
            case MappingNode mapping:
                return mapping with { Entries = [.. mapping.Entries.Select(entry => entry with { Value = Apply(entry.Value, problems) })] };
            default:
                return node;
        }
    }

    /// <summary>The variables a text names, with what they are without a value.</summary>
    public static IReadOnlyList<(string Name, string Default)> Variables(string text)
    {
        var found = new List<(string Name, string Default)>();
        for (int at = text.IndexOf('$', StringComparison.Ordinal); at >= 0 && at + 1 < text.Length; at = text.IndexOf('$', at))
        {
            if (text[at + 1] == '{' && ClosingBrace(text, at + 2) is var end and > 0)
            {
                string inside = text[(at + 2)..end];
                int length = NameLength(inside);
                string rest = inside[length..].TrimStart(':');
                found.Add((inside[..length], rest.StartsWith('-') ? rest[1..] : ""));
                found.AddRange(Variables(rest));
                at = end + 1;
            }
            else if (NameLength(text.AsSpan(at + 1)) is var plain and > 0)
            {
                found.Add((text.Substring(at + 1, plain), ""));
                at += plain + 1;
            }
            else
            {
                at += text[at + 1] == '$' ? 2 : 1;
            }
            if (at >= text.Length)
            {
                break;
            }
        }
        return found;
    }

    private string Apply(string text, int depth)
    {
        if (depth > DepthMax)
        {
            throw new FormatException("variables are nested too deep");
        }
        var result = new StringBuilder(text.Length);
        int at = 0;
        while (at < text.Length)
        {
            char c = text[at];
            if (c != '$' || at + 1 == text.Length)
            {
                result.Append(c);
                at++;
                continue;
            }
            char next = text[at + 1];
            if (next == '$')
            {
                result.Append('$');
                at += 2;
            }
            else if (next == '{')
            {
                int end = ClosingBrace(text, at + 2);
                if (end < 0)
                {
                    throw new FormatException($"'{text[at..]}' has no closing brace; write $$ for a dollar sign");
                }
                result.Append(Braced(text[(at + 2)..end], depth));
                at = end + 1;
            }
            else if (NameLength(text.AsSpan(at + 1)) is var length and > 0)
            {
                result.Append(Value(text.Substring(at + 1, length)));
                at += length + 1;
            }
            else
            {
                result.Append('$');
                at++;
            }
        }
        return result.ToString();
    }

    private string Braced(string inside, int depth)
    {
        int length = NameLength(inside);
        string name = inside[..length];
        string rest = inside[length..];
        if (length == 0)
        {
            throw Malformed(inside);
        }
        if (rest.Length == 0)
        {
            return Value(name);
        }
        bool emptyCounts = rest[0] == ':';
        string operation = emptyCounts ? rest[1..] : rest;
        if (operation.Length == 0)
        {
            throw Malformed(inside);
        }
        string operand = operation[1..];
        string? value = lookup(name);
        bool isSet = value is not null && !(emptyCounts && value.Length == 0);
        return operation[0] switch
        {
            '-' => isSet ? value! : Apply(operand, depth + 1),
            '+' => isSet ? Apply(operand, depth + 1) : "",
            '?' => isSet ? value! : throw new FormatException($"required variable {name} is missing a value" + (operand.Length > 0 ? ": " + Apply(operand, depth + 1) : "")),
            _ => throw Malformed(inside),
        };
    }

    private string Value(string name)
    {
        if (lookup(name) is { } value)
        {
            return value;
        }
        _missing.Add(name);
        return "";
    }

    private static FormatException Malformed(string inside) => new(
        $"'${{{inside}}}' is no variable; write ${{NAME}}, ${{NAME:-default}}, ${{NAME:?message}} or ${{NAME:+value}}, and $$ for a dollar sign");

    /// <summary>Where the brace is that closes the one before <paramref name="start"/>; -1 when there is none.</summary>
    private static int ClosingBrace(string text, int start)
    {
        int open = 1;
        for (int i = start; i < text.Length; i++)
        {
            if (text[i] == '$' && i + 1 < text.Length && text[i + 1] == '{')
            {
                open++;
                i++;
            }
            else if (text[i] == '}' && --open == 0)
            {
                return i;
            }
        }
        return -1;
    }

    private static int NameLength(ReadOnlySpan<char> text)
    {
        int length = 0;
        while (length < text.Length && (char.IsAsciiLetter(text[length]) || text[length] == '_' || (length > 0 && char.IsAsciiDigit(text[length]))))
        {
            length++;
        }
        return length;
    }
}
