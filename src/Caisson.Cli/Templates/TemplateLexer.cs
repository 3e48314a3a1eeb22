using System.Globalization;
using System.Text;

namespace Caisson.Cli.Templates;

/// <summary>What a word of an action is.</summary>
internal enum TokenKind
{
    End,
    Dot,
    Field,
    Variable,
    Name,
    Text,
    Number,
    Symbol,
}

/// <summary>One word of an action.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">Its text: a field without its dot, a string without its quotes.</param>
/// <param name="Joined">No white space before it: a field then belongs to what is on its left.</param>
internal readonly record struct Token(TokenKind Kind, string Text, bool Joined)
{
    public bool IsSymbol(string symbol) => Kind == TokenKind.Symbol && Text == symbol;

    public bool IsName(string name) => Kind == TokenKind.Name && Text == name;
}

/// <summary>Splits the inside of <c>{{ … }}</c> into words.</summary>
internal static class TemplateLexer
{
    public static List<Token> Split(string action)
    {
        var tokens = new List<Token>();
        int i = 0;
        while (true)
        {
            int start = i;
            while (i < action.Length && char.IsWhiteSpace(action[i]))
            {
                i++;
            }
            bool joined = i == start && i > 0;
            if (i == action.Length)
            {
                tokens.Add(new(TokenKind.End, "", false));
                return tokens;
            }
            tokens.Add(Next(action, ref i, joined));
        }
    }

    private static Token Next(string action, ref int i, bool joined)
    {
        char c = action[i];
        if (c is '"' or '`' or '\'')
        {
            return ReadQuoted(action, ref i, joined);
        }
        if (c == '.')
        {
            string field = ReadWord(action, i + 1);
            i += 1 + field.Length;
            return field.Length == 0 ? new(TokenKind.Dot, ".", joined) : new(TokenKind.Field, field, joined);
        }
        if (c == '$')
        {
            string name = ReadWord(action, i + 1);
            i += 1 + name.Length;
            return new(TokenKind.Variable, "$" + name, joined);
        }
        if (char.IsAsciiDigit(c) || (c is '-' or '+' && i + 1 < action.Length && char.IsAsciiDigit(action[i + 1])))
        {
            int start = i++;
            while (i < action.Length && (char.IsAsciiLetterOrDigit(action[i]) || action[i] is '.' or '_'))
            {
                i++;
            }
            return new(TokenKind.Number, action[start..i], joined);
        }
        if (c == ':' && i + 1 < action.Length && action[i + 1] == '=')
        {
            i += 2;
            return new(TokenKind.Symbol, ":=", joined);
        }
        if (c is '|' or '(' or ')' or ',' or '=')
        {
            i++;
            return new(TokenKind.Symbol, c.ToString(), joined);
        }
        string word = ReadWord(action, i);
        if (word.Length == 0)
        {
            throw new TemplateException($"unexpected \"{c}\" in {{{{{action}}}}}");
        }
        i += word.Length;
        return new(TokenKind.Name, word, joined);
    }

    private static string ReadWord(string action, int start)
    {
        int end = start;
        while (end < action.Length && (char.IsLetterOrDigit(action[end]) || action[end] == '_'))
        {
            end++;
        }
        return action[start..end];
    }

    private static Token ReadQuoted(string action, ref int i, bool joined)
    {
        char quote = action[i++];
        var text = new StringBuilder();
        while (i < action.Length && action[i] != quote)
        {
            char c = action[i++];
            if (c == '\\' && quote != '`' && i < action.Length)
            {
                c = Unescape(action, ref i);
            }
            text.Append(c);
        }
        if (i == action.Length)
        {
            throw new TemplateException($"a quote is not closed in {{{{{action}}}}}");
        }
        i++;
        return quote == '\''
            ? new(TokenKind.Number, ((int)(text.Length == 1 ? text[0] : 0)).ToString(CultureInfo.InvariantCulture), joined)
            : new(TokenKind.Text, text.ToString(), joined);
    }

    private static char Unescape(string action, ref int i)
    {
        char c = action[i++];
        switch (c)
        {
            case 'n':
                return '\n';
            case 't':
                return '\t';
            case 'r':
                return '\r';
            case 'a':
                return '\a';
            case 'x' or 'u':
                int digits = c == 'x' ? 2 : 4;
                if (i + digits > action.Length
                    || !ushort.TryParse(action.AsSpan(i, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ushort code))
                {
                    throw new TemplateException($"a malformed escape in {{{{{action}}}}}");
                }
                i += digits;
                return (char)code;
            default:
                return c;
        }
    }
}
