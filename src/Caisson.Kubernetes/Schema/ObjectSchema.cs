using System.Collections.Frozen;

namespace Caisson.Kubernetes.Schema;

/// <summary>What a value may be.</summary>
public enum ShapeKind
{
    /// <summary>Text.</summary>
    Text,

    /// <summary>A whole number.</summary>
    Whole,

    /// <summary>A number.</summary>
    Number,

    /// <summary><c>true</c> or <c>false</c>.</summary>
    Flag,

    /// <summary>A quantity, such as <c>500m</c> or <c>64Mi</c>.</summary>
    Quantity,

    /// <summary>A whole number or text.</summary>
    WholeOrText,

    /// <summary>1 to 65535.</summary>
    Port,

    /// <summary>A label of a domain name.</summary>
    Label,

    /// <summary>A domain name.</summary>
    Subdomain,

    /// <summary>A time of RFC 3339.</summary>
    Time,

    /// <summary>One of some words.</summary>
    Word,

    /// <summary>Anything, kept as it is.</summary>
    Any,

    /// <summary>Items of one shape.</summary>
    List,

    /// <summary>Values of one shape by any key.</summary>
    Map,

    /// <summary>A mapping of known fields.</summary>
    Fields,
}

/// <summary>What a value may be, with what goes with it.</summary>
/// <param name="Kind">Which kind.</param>
/// <param name="Item">Of lists and maps, what is in them.</param>
/// <param name="TypeName">Of fields, the name of the type; else empty.</param>
/// <param name="Words">The words to choose from.</param>
/// <param name="MergeKey">Of a list, the field by which a patch knows its items; empty for a list that a patch replaces.</param>
public sealed record Shape(ShapeKind Kind, Shape? Item = null, string TypeName = "", IReadOnlyList<string>? Words = null, string MergeKey = "")
{
    /// <summary>The fields of a shape of fields.</summary>
    public ObjectType Type => ObjectSchema.Types[TypeName];
}

/// <summary>A field of a type.</summary>
/// <param name="Name">As it is written.</param>
/// <param name="Shape">What it may be.</param>
/// <param name="Required">It must be there.</param>
public sealed record FieldShape(string Name, Shape Shape, bool Required);

/// <summary>A type: its fields by name.</summary>
/// <param name="Name">As messages show it.</param>
/// <param name="Fields">By name.</param>
public sealed record ObjectType(string Name, IReadOnlyDictionary<string, FieldShape> Fields);

/// <summary>The types of all kinds.</summary>
public static class ObjectSchema
{
    /// <summary>By name; read from the text at the first use.</summary>
    public static FrozenDictionary<string, ObjectType> Types { get; } = Read(SchemaText.Types);

    private static FrozenDictionary<string, ObjectType> Read(string text)
    {
        Dictionary<string, ObjectType> types = [];
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            string name = line[..equals].TrimEnd();
            Dictionary<string, FieldShape> fields = [];
            foreach (string word in line[(equals + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                int colon = word.IndexOf(':', StringComparison.Ordinal);
                bool required = word[colon - 1] == '!';
                string field = word[..(required ? colon - 1 : colon)];
                fields.Add(field, new(field, ReadShape(word[(colon + 1)..]), required));
            }
            types.Add(name, new(name, fields.ToFrozenDictionary()));
        }
        return types.ToFrozenDictionary();
    }

    private static Shape ReadShape(string text)
    {
        switch (text[0])
        {
            case '[':
                string[] parts = text[1..^1].Split('@');
                return new(ShapeKind.List, ReadShape(parts[0]), MergeKey: parts.Length > 1 ? parts[1] : "");
            case '{':
                return new(ShapeKind.Map, ReadShape(text[1..^1]));
            case '<':
                return new(ShapeKind.Word, Words: text[1..^1].Split('|'));
            default:
                return text switch
                {
                    "string" => new(ShapeKind.Text),
                    "int" => new(ShapeKind.Whole),
                    "number" => new(ShapeKind.Number),
                    "bool" => new(ShapeKind.Flag),
                    "quantity" => new(ShapeKind.Quantity),
                    "intorstring" => new(ShapeKind.WholeOrText),
                    "port" => new(ShapeKind.Port),
                    "label" => new(ShapeKind.Label),
                    "subdomain" => new(ShapeKind.Subdomain),
                    "time" => new(ShapeKind.Time),
                    "any" => new(ShapeKind.Any),
                    _ => new(ShapeKind.Fields, TypeName: text),
                };
        }
    }
}
