using System.Globalization;

namespace Caisson.Cli.Templates;

/// <summary>Reads the language of Go's text/template, without definitions and blocks.</summary>
/// <remarks>Source: the documentation of Go's package text/template, "Actions" and "Pipelines".</remarks>
internal sealed class TemplateParser
{
    private const int DepthMax = 100;

    private readonly string _text;
    private int _at;
    private bool _trimNext;
    private List<Token> _tokens = [];
    private int _token;
    private int _depth;

    private TemplateParser(string text) => _text = text;

    /// <exception cref="TemplateException">The template is malformed.</exception>
    public static TemplateNode[] Parse(string text)
    {
        var parser = new TemplateParser(text);
        var nodes = parser.ParseBlock(out string? closing);
        return closing is null ? nodes : throw new TemplateException($"unexpected {{{{{closing}}}}}");
    }

    private Token Peek => _tokens[_token];

    private Token Take() => _tokens[_token++];

    /// <summary>Nodes up to the end of the text, or to an <c>end</c> or <c>else</c> that is left in the tokens.</summary>
    private TemplateNode[] ParseBlock(out string? closing)
    {
        if (++_depth > DepthMax)
        {
            throw new TemplateException("it is nested too deeply");
        }
        var nodes = new List<TemplateNode>();
        closing = null;
        while (closing is null && _at < _text.Length)
        {
            int open = _text.IndexOf("{{", _at, StringComparison.Ordinal);
            AddLiteral(nodes, open < 0 ? _text[_at..] : _text[_at..open], open);
            if (open < 0)
            {
                _at = _text.Length;
                break;
            }
            if (!ReadAction(open))
            {
                continue;
            }
            if (Peek.IsName("end") || Peek.IsName("else"))
            {
                closing = Take().Text;
                break;
            }
            nodes.Add(ParseAction());
        }
        _depth--;
        return [.. nodes];
    }

    private void AddLiteral(List<TemplateNode> nodes, string text, int open)
    {
        if (_trimNext)
        {
            text = text.TrimStart();
        }
        if (open >= 0 && _text.AsSpan(open).StartsWith("{{- "))
        {
            text = text.TrimEnd();
        }
        _trimNext = false;
        if (text.Length > 0)
        {
            nodes.Add(new TemplateNode.Literal(text));
        }
    }

    /// <summary>Reads one <c>{{ … }}</c> into tokens; false for a comment.</summary>
    private bool ReadAction(int open)
    {
        int close = FindClose(open + 2);
        string inside = _text[(open + 2)..close];
        _at = close + 2;
        if (inside.StartsWith("- ", StringComparison.Ordinal))
        {
            inside = inside[1..];
        }
        if (inside.EndsWith(" -", StringComparison.Ordinal))
        {
            inside = inside[..^1];
            _trimNext = true;
        }
        if (inside.Trim() is ['/', '*', ..])
        {
            return false;
        }
        _tokens = TemplateLexer.Split(inside.Trim());
        _token = 0;
        return true;
    }

    private int FindClose(int from)
    {
        char quote = '\0';
        for (int i = from; i + 1 < _text.Length; i++)
        {
            char c = _text[i];
            if (quote != '\0')
            {
                if (c == '\\' && quote != '`')
                {
                    i++;
                }
                else if (c == quote)
                {
                    quote = '\0';
                }
            }
            else if (c is '"' or '`')
            {
                quote = c;
            }
            else if (c == '}' && _text[i + 1] == '}')
            {
                return i;
            }
        }
        throw new TemplateException("an action is not closed: write }}");
    }

    private TemplateNode ParseAction()
    {
        switch (Peek)
        {
            case { Kind: TokenKind.Name, Text: "if" or "with" }:
                return ParseChoice(Take().Text == "with");
            case { Kind: TokenKind.Name, Text: "range" }:
                Take();
                return ParseLoop();
            case { Kind: TokenKind.Variable } when _tokens[_token + 1] is { Kind: TokenKind.Symbol, Text: ":=" or "=" }:
                string name = Take().Text;
                bool declare = Take().Text == ":=";
                return new TemplateNode.Assign(name, declare, ParseWholePipeline());
            default:
                return new TemplateNode.Print(ParseWholePipeline());
        }
    }

    private TemplateNode.Choice ParseChoice(bool movesDot)
    {
        string? name = null;
        if (Peek.Kind == TokenKind.Variable && _tokens[_token + 1].IsSymbol(":="))
        {
            name = Take().Text;
            Take();
        }
        var condition = ParseWholePipeline();
        var then = ParseBlock(out string? closing);
        return new(condition, movesDot, name, then, ParseElse(closing));
    }

    private TemplateNode[] ParseElse(string? closing)
    {
        if (closing == "end")
        {
            return [];
        }
        if (closing is null)
        {
            throw new TemplateException("an {{if}}, {{with}} or {{range}} lacks its {{end}}");
        }
        if (Peek is { Kind: TokenKind.Name, Text: "if" or "with" })
        {
            return [ParseChoice(Take().Text == "with")];
        }
        var nodes = ParseBlock(out closing);
        return closing == "end" ? nodes : throw new TemplateException("an {{else}} lacks its {{end}}");
    }

    private TemplateNode.Loop ParseLoop()
    {
        string? key = null;
        string? item = null;
        if (Peek.Kind == TokenKind.Variable && (_tokens[_token + 1].IsSymbol(":=") || _tokens[_token + 1].IsSymbol(",")))
        {
            item = Take().Text;
            if (Take().Text == ",")
            {
                (key, item) = (item, Take().Text);
                if (!Take().IsSymbol(":="))
                {
                    throw new TemplateException("a {{range}} with variables needs :=");
                }
            }
        }
        var items = ParseWholePipeline();
        var body = ParseBlock(out string? closing);
        return new(items, key, item, body, ParseElse(closing));
    }

    private TemplateExpression ParseWholePipeline()
    {
        var expression = ParsePipeline();
        return Peek.Kind == TokenKind.End ? expression : throw new TemplateException($"unexpected \"{Peek.Text}\"");
    }

    private TemplateExpression ParsePipeline()
    {
        if (++_depth > DepthMax)
        {
            throw new TemplateException("it is nested too deeply");
        }
        var expression = ParseCommand(null);
        while (Peek.IsSymbol("|"))
        {
            Take();
            expression = ParseCommand(expression);
        }
        _depth--;
        return expression;
    }

    /// <param name="piped">The value on the left of the bar: it becomes the last argument.</param>
    private TemplateExpression ParseCommand(TemplateExpression? piped)
    {
        var first = Peek;
        if (first.Kind == TokenKind.Name && first.Text is not ("true" or "false" or "nil"))
        {
            Take();
            if (!TemplateFunctions.Exists(first.Text))
            {
                throw new TemplateException($"function \"{first.Text}\" not defined");
            }
            return new TemplateExpression.Call(first.Text, ParseArguments(piped));
        }
        var operand = ParseOperand();
        var arguments = ParseArguments(piped);
        if (arguments.Length == 0)
        {
            return operand;
        }
        return operand is TemplateExpression.Field field
            ? field with { Arguments = arguments }
            : throw new TemplateException($"can't give argument to non-function {first.Text}");
    }

    private TemplateExpression[] ParseArguments(TemplateExpression? piped)
    {
        var arguments = new List<TemplateExpression>();
        while (Peek.Kind != TokenKind.End && !Peek.IsSymbol("|") && !Peek.IsSymbol(")"))
        {
            arguments.Add(ParseOperand());
        }
        if (piped is not null)
        {
            arguments.Add(piped);
        }
        return [.. arguments];
    }

    private TemplateExpression ParseOperand()
    {
        var token = Take();
        TemplateExpression operand = token switch
        {
            { Kind: TokenKind.Dot } => new TemplateExpression.Dot(),
            { Kind: TokenKind.Field } => new TemplateExpression.Field(new TemplateExpression.Dot(), token.Text, []),
            { Kind: TokenKind.Variable } => new TemplateExpression.Variable(token.Text),
            { Kind: TokenKind.Text } => new TemplateExpression.Constant(token.Text),
            { Kind: TokenKind.Number } => new TemplateExpression.Constant(ParseNumber(token.Text)),
            { Kind: TokenKind.Name, Text: "true" } => new TemplateExpression.Constant(true),
            { Kind: TokenKind.Name, Text: "false" } => new TemplateExpression.Constant(false),
            { Kind: TokenKind.Name, Text: "nil" } => new TemplateExpression.Constant(null),
            { Kind: TokenKind.Name } when TemplateFunctions.Exists(token.Text) => new TemplateExpression.Call(token.Text, []),
            { Kind: TokenKind.Symbol, Text: "(" } => ParseParentheses(),
            { Kind: TokenKind.End } => throw new TemplateException("missing value for command"),
            _ => throw new TemplateException($"unexpected \"{token.Text}\" in operand"),
        };
        while (Peek is { Kind: TokenKind.Field, Joined: true })
        {
            operand = new TemplateExpression.Field(operand, Take().Text, []);
        }
        return operand;
    }

    private TemplateExpression ParseParentheses()
    {
        var inner = ParsePipeline();
        return Take().IsSymbol(")") ? inner : throw new TemplateException("a parenthesis is not closed");
    }

    private static object ParseNumber(string text)
    {
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long integer))
        {
            return integer;
        }
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double real)
            ? real
            : throw new TemplateException($"bad number \"{text}\"");
    }
}
