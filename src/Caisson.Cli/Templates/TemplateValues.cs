using System.Collections;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Caisson.Cli.Templates;

/// <summary>What Go's templates do with values: fields, truth, order, printing.</summary>
/// <remarks>
/// Values are null, <see cref="bool"/>, <see cref="long"/>, <see cref="double"/>, <see cref="string"/>, lists of values,
/// <see cref="JsonElement"/> and <see cref="ITemplateObject"/>.
/// </remarks>
internal static class TemplateValues
{
    /// <summary>A field by its exact name, else by a name that differs in case only: Go's struct fields are written so.</summary>
    public static object? Field(object? of, string name, IReadOnlyList<object?> arguments)
    {
        if (of is ITemplateObject fields)
        {
            return fields.TryGet(name, arguments, out object? value)
                ? value
                : throw new TemplateException($"there is no field {name}; there are {string.Join(", ", fields.Names)}");
        }
        if (of is not JsonElement { ValueKind: JsonValueKind.Object } json)
        {
            throw new TemplateException(of is null or JsonElement { ValueKind: JsonValueKind.Null }
                ? $"nil pointer evaluating .{name}"
                : $"can't evaluate field {name} of a value that is no object");
        }
        if (json.TryGetProperty(name, out var exact))
        {
            return Unwrap(exact);
        }
        foreach (var property in json.EnumerateObject())
        {
            if (property.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                return Unwrap(property.Value);
            }
        }
        throw new TemplateException($"map has no entry for key \"{name}\"");
    }

    /// <summary>JSON scalars as plain values; objects and arrays stay.</summary>
    public static object? Unwrap(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.String => json.GetString(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Number => json.TryGetInt64(out long integer) ? integer : json.GetDouble(),
        JsonValueKind.Null or JsonValueKind.Undefined => null,
        _ => json,
    };

    public static bool IsTrue(object? value) => value switch
    {
        null => false,
        bool truth => truth,
        long number => number != 0,
        double number => number != 0,
        string text => text.Length > 0,
        ICollection list => list.Count > 0,
        JsonElement json => Length(json) > 0,
        _ => true,
    };

    /// <summary>Keys and items of a list or a map, in the order Go ranges over them.</summary>
    public static IEnumerable<(object? Key, object? Item)> Items(object? value) => value switch
    {
        null => [],
        JsonElement { ValueKind: JsonValueKind.Array } json => json.EnumerateArray().Select((item, i) => ((object?)(long)i, Unwrap(item))),
        JsonElement { ValueKind: JsonValueKind.Object } json => Sorted(json).Select(property => ((object?)property.Name, Unwrap(property.Value))),
        IEnumerable<object?> list => list.Select((item, i) => ((object?)(long)i, item)),
        long count => Enumerable.Range(0, (int)Math.Clamp(count, 0, int.MaxValue)).Select(i => ((object?)(long)i, (object?)(long)i)),
        _ => throw new TemplateException($"range can't iterate over {ToText(value)}"),
    };

    public static long Length(object? value) => value switch
    {
        string text => Encoding.UTF8.GetByteCount(text),
        JsonElement { ValueKind: JsonValueKind.Array } json => json.GetArrayLength(),
        JsonElement { ValueKind: JsonValueKind.Object } json => json.EnumerateObject().Count(),
        ICollection list => list.Count,
        null => 0,
        _ => throw new TemplateException($"len of {ToText(value)}"),
    };

    public static object? Index(object? value, object? key)
    {
        switch (value, key)
        {
            case (JsonElement { ValueKind: JsonValueKind.Object } map, string name):
                return map.TryGetProperty(name, out var found) ? Unwrap(found) : "";
            case (ITemplateObject fields, string name):
                return fields.TryGet(name, [], out object? field) ? field : "";
            case (null, _):
                throw new TemplateException("index of untyped nil");
            case (_, long at):
                var items = Items(value).ToList();
                return at >= 0 && at < items.Count ? items[(int)at].Item : throw new TemplateException($"index out of range: {at}");
            default:
                throw new TemplateException($"cannot index {ToText(value)} with {ToText(key)}");
        }
    }

    public static string ToText(object? value)
    {
        var output = new StringBuilder();
        Print(output, value);
        return output.ToString();
    }

    /// <summary>As Go's <c>%v</c> prints it: <c>[a b]</c>, <c>map[k:v]</c>.</summary>
    public static void Print(StringBuilder output, object? value)
    {
        switch (value)
        {
            case null:
                output.Append("<nil>");
                break;
            case bool truth:
                output.Append(truth ? "true" : "false");
                break;
            case double number:
                output.Append(number.ToString("R", CultureInfo.InvariantCulture));
                break;
            case JsonElement { ValueKind: JsonValueKind.Object } json:
                PrintAll(output, "map[", Sorted(json), (text, property) => Print(text.Append(property.Name).Append(':'), Unwrap(property.Value)));
                break;
            case JsonElement { ValueKind: JsonValueKind.Array } json:
                PrintAll(output, "[", json.EnumerateArray(), (text, item) => Print(text, Unwrap(item)));
                break;
            case IEnumerable<object?> list:
                PrintAll(output, "[", list, Print);
                break;
            case ITemplateObject fields:
                output.Append(TemplateJson.Write(fields));
                break;
            case IFormattable formattable:
                output.Append(formattable.ToString(null, CultureInfo.InvariantCulture));
                break;
            default:
                output.Append(value);
                break;
        }
    }

    private static void PrintAll<T>(StringBuilder output, string open, IEnumerable<T> items, Action<StringBuilder, T> print)
    {
        output.Append(open);
        bool first = true;
        foreach (var item in items)
        {
            if (!first)
            {
                output.Append(' ');
            }
            first = false;
            print(output, item);
        }
        output.Append(']');
    }

    private static IEnumerable<JsonProperty> Sorted(JsonElement json) =>
        json.EnumerateObject().OrderBy(property => property.Name, StringComparer.Ordinal);
}
