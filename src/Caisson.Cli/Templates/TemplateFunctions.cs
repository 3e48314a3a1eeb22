using System.Globalization;
using System.Text;

namespace Caisson.Cli.Templates;

/// <summary>The functions of Go's templates and those Docker adds.</summary>
internal static class TemplateFunctions
{
    private static readonly string[] Names =
    [
        "and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index", "slice", "print", "printf", "println",
        "json", "split", "join", "title", "lower", "upper", "pad", "truncate",
    ];

    public static bool Exists(string name) => Names.Contains(name);

    public static object? Call(string name, object?[] arguments)
    {
        try
        {
            return Apply(name, arguments);
        }
        catch (Exception e) when (e is IndexOutOfRangeException or ArgumentOutOfRangeException)
        {
            throw new TemplateException($"wrong number of arguments for {name}: got {arguments.Length}");
        }
    }

    private static object? Apply(string name, object?[] a) => name switch
    {
        "not" => !TemplateValues.IsTrue(a[0]),
        "eq" => a[1..].Any(other => Compare(a[0], other, "eq") == 0) || (a.Length < 2 && Missing(name, a)),
        "ne" => Compare(a[0], a[1], name) != 0,
        "lt" => Compare(a[0], a[1], name) < 0,
        "le" => Compare(a[0], a[1], name) <= 0,
        "gt" => Compare(a[0], a[1], name) > 0,
        "ge" => Compare(a[0], a[1], name) >= 0,
        "len" => TemplateValues.Length(a[0]),
        "index" => a[1..].Aggregate(a[0], TemplateValues.Index),
        "slice" when a[0] is string text => SliceText(text, a.Length > 1 ? Integer(a[1]) : 0, a.Length > 2 ? Integer(a[2]) : text.Length),
        "slice" => SliceList(a[0], a.Length > 1 ? Integer(a[1]) : 0, a.Length > 2 ? Integer(a[2]) : null),
        "print" => string.Concat(a.Select(TemplateValues.ToText)),
        "println" => string.Join(' ', a.Select(TemplateValues.ToText)) + "\n",
        "printf" => Printf(Text(a[0]), a[1..]),
        "json" => TemplateJson.Write(a[0]),
        "split" => Text(a[0]).Split(Text(a[1])).Cast<object?>().ToArray(),
        "join" => string.Join(Text(a[1]), TemplateValues.Items(a[0]).Select(item => TemplateValues.ToText(item.Item))),
        "title" => CultureInfo.InvariantCulture.TextInfo.ToTitleCase(Text(a[0])),
        "lower" => Text(a[0]).ToLowerInvariant(),
        "upper" => Text(a[0]).ToUpperInvariant(),
        "pad" => Text(a[0]) is { Length: > 0 } text ? new string(' ', Width(a[1])) + text + new string(' ', Width(a[2])) : "",
        "truncate" => Truncate(Text(a[0]), Width(a[1])),
        _ => throw new TemplateException($"function \"{name}\" not defined"),
    };

    private static bool Missing(string name, object?[] a) =>
        throw new TemplateException($"wrong number of arguments for {name}: got {a.Length}");

    private static string Text(object? value) => value as string ?? TemplateValues.ToText(value);

    private static long Integer(object? value) =>
        value is long number ? number : throw new TemplateException($"{TemplateValues.ToText(value)} is not a whole number");

    private static int Width(object? value) => Integer(value) is >= 0 and <= 1_000_000 and long width
        ? (int)width
        : throw new TemplateException($"{TemplateValues.ToText(value)} is not a width");

    private static string Truncate(string text, int length) => text.Length > length ? text[..length] : text;

    private static int Compare(object? left, object? right, string function) => (left, right) switch
    {
        (long a, long b) => a.CompareTo(b),
        (double or long, double or long) => Convert.ToDouble(left, CultureInfo.InvariantCulture)
            .CompareTo(Convert.ToDouble(right, CultureInfo.InvariantCulture)),
        (string a, string b) => string.CompareOrdinal(a, b),
        (bool a, bool b) => a.CompareTo(b),
        (null, null) => 0,
        (null, _) or (_, null) => 1,
        _ => throw new TemplateException($"incompatible types for comparison in {function}"),
    };

    private static string SliceText(string text, long from, long to) => from >= 0 && from <= to && to <= text.Length
        ? text[(int)from..(int)to]
        : throw new TemplateException($"slice out of range: {from}:{to}");

    private static object?[] SliceList(object? value, long from, long? to)
    {
        object?[] items = [.. TemplateValues.Items(value).Select(item => item.Item)];
        long last = to ?? items.Length;
        return from >= 0 && from <= last && last <= items.Length
            ? items[(int)from..(int)last]
            : throw new TemplateException($"slice out of range: {from}:{last}");
    }

    /// <summary>Verbs v, s, d, q, t and f with width, precision and left alignment.</summary>
    private static string Printf(string format, object?[] arguments)
    {
        var output = new StringBuilder();
        int next = 0;
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%')
            {
                output.Append(format[i]);
                continue;
            }
            int start = ++i;
            while (i < format.Length && (char.IsAsciiDigit(format[i]) || format[i] is '-' or '.' or '0' or '+' or '#'))
            {
                i++;
            }
            if (i == format.Length)
            {
                return output.Append("%!(NOVERB)").ToString();
            }
            if (format[i] == '%')
            {
                output.Append('%');
            }
            else if (next == arguments.Length)
            {
                output.Append("%!").Append(format[i]).Append("(MISSING)");
            }
            else
            {
                output.Append(FormatOne(format[start..i], format[i], arguments[next++]));
            }
        }
        return output.ToString();
    }

    private static string FormatOne(string flags, char verb, object? value)
    {
        bool left = flags.StartsWith('-');
        string[] sizes = flags.TrimStart('-', '+', '#').Split('.');
        bool zeros = sizes[0].StartsWith('0');
        _ = int.TryParse(sizes[0], NumberStyles.None, CultureInfo.InvariantCulture, out int width);
        int? precision = sizes.Length > 1 && int.TryParse(sizes[1], NumberStyles.None, CultureInfo.InvariantCulture, out int digits) ? digits : null;
        width = Math.Min(width, 10_000);
        string text = verb switch
        {
            'q' => Formatting.DisplayText.Quote(Text(value)),
            'f' when value is double or long => Convert.ToDouble(value, CultureInfo.InvariantCulture)
                .ToString("F" + Math.Min(precision ?? 6, 20).ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture),
            's' or 'v' when precision is { } most => Truncate(Text(value), most),
            'x' when value is long number => number.ToString("x", CultureInfo.InvariantCulture),
            'v' or 's' or 'd' or 't' => Text(value),
            _ => $"%!{verb}({Text(value)})",
        };
        return left ? text.PadRight(width) : text.PadLeft(width, zeros ? '0' : ' ');
    }
}
