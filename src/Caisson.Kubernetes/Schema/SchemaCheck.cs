using System.Globalization;
using System.Text.RegularExpressions;

using Caisson.Documents;
using Caisson.Errors;
using Caisson.Kubernetes.Objects;

namespace Caisson.Kubernetes.Schema;

/// <summary>Compares a document with its type, field by field. Reports everything, each at its place.</summary>
public static partial class SchemaCheck
{
    private static readonly Shape Metadata = new(ShapeKind.Fields, TypeName: "ObjectMeta");

    /// <summary>Checks a whole document.</summary>
    public static void Check(ResourceKind kind, MappingNode document, ICollection<Problem> problems)
    {
        ObjectType type = ObjectSchema.Types[kind.Kind];
        IEnumerable<string> names = ["apiVersion", "kind", "metadata", .. type.Fields.Keys];
        foreach (MappingEntry entry in document.Entries)
        {
            if (entry.Key == "metadata")
            {
                CheckValue(Metadata, entry.Value, problems);
            }
            else if (type.Fields.TryGetValue(entry.Key, out FieldShape? field))
            {
                CheckValue(field.Shape, entry.Value, problems);
            }
            else if (entry.Key is not ("apiVersion" or "kind"))
            {
                problems.Add(entry.Problem($"unknown field '{entry.Key}' of {type.Name}{Spelling.Hint(entry.Key, names)}"));
            }
        }
        CheckRequired(type, document, problems);
    }

    private static void CheckRequired(ObjectType type, MappingNode mapping, ICollection<Problem> problems)
    {
        foreach (FieldShape field in type.Fields.Values)
        {
            if (field.Required && mapping[field.Name] is null or ScalarNode { Is: ScalarKind.Null })
            {
                problems.Add(mapping.Problem($"{type.Name} needs the field '{field.Name}'"));
            }
        }
    }

    private static void CheckValue(Shape shape, DocumentNode value, ICollection<Problem> problems)
    {
        if (value.Tag != NodeTag.Merge)
        {
            problems.Add(value.Problem("tags such as !reset have no meaning in manifests"));
        }
        if (value is ScalarNode { Is: ScalarKind.Null } || shape.Kind == ShapeKind.Any)
        {
            return;
        }
        switch (shape.Kind)
        {
            case ShapeKind.List when value is SequenceNode list:
                foreach (DocumentNode item in list.Items)
                {
                    CheckValue(shape.Item!, item, problems);
                }
                return;
            case ShapeKind.Map when value is MappingNode map:
                foreach (MappingEntry entry in map.Entries)
                {
                    CheckValue(shape.Item!, entry.Value, problems);
                }
                return;
            case ShapeKind.Fields when value is MappingNode fields:
                CheckFields(shape.Type, fields, problems);
                return;
            default:
                if (value is ScalarNode scalar && Mistake(shape, scalar) is not { } mistake)
                {
                    return;
                }
                problems.Add(value.Problem(value is ScalarNode wrong ? Mistake(shape, wrong)! : $"is {value.Kind}, and should be {Word(shape)}"));
                return;
        }
    }

    private static void CheckFields(ObjectType type, MappingNode mapping, ICollection<Problem> problems)
    {
        foreach (MappingEntry entry in mapping.Entries)
        {
            if (type.Fields.TryGetValue(entry.Key, out FieldShape? field))
            {
                CheckValue(field.Shape, entry.Value, problems);
            }
            else
            {
                problems.Add(entry.Problem($"unknown field '{entry.Key}' of {type.Name}{Spelling.Hint(entry.Key, type.Fields.Keys)}"));
            }
        }
        CheckRequired(type, mapping, problems);
    }

    /// <summary>What is wrong with a single value; null when nothing is.</summary>
    private static string? Mistake(Shape shape, ScalarNode scalar)
    {
        string text = scalar.Text;
        bool isText = scalar.Is == ScalarKind.Text;
        bool isWhole = scalar.Is == ScalarKind.Number && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _);
        return shape.Kind switch
        {
            ShapeKind.Text when !isText => $"is {scalar.Kind}, and should be text; put it in quotes: \"{text}\"",
            ShapeKind.Whole when !isWhole => $"'{text}' should be a whole number{(isText && long.TryParse(text, out _) ? "; leave out the quotes" : "")}",
            ShapeKind.Number when scalar.Is != ScalarKind.Number => $"'{text}' should be a number",
            ShapeKind.Flag when scalar.Is != ScalarKind.Boolean => $"'{text}' should be true or false",
            ShapeKind.WholeOrText when !isText && !isWhole => $"'{text}' should be a whole number or text",
            ShapeKind.Port when !isWhole || !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int port) || port is < 1 or > 65535 => $"'{text}' should be a port, 1 to 65535",
            ShapeKind.Quantity when scalar.Is == ScalarKind.Boolean || !Quantity.TryParse(text, out decimal amount) || amount < 0 => $"'{text}' should be an amount, such as 500m, 2 or 64Mi",
            ShapeKind.Label when !isText || text.Length > 63 || !LabelText().IsMatch(text) => $"'{text}' should be a name of at most 63 lower case letters, digits and hyphens",
            ShapeKind.Subdomain when !isText || text.Length > 253 || !SubdomainText().IsMatch(text) => $"'{text}' should be a name of at most 253 lower case letters, digits, hyphens and dots",
            ShapeKind.Time when Times.Read(text) is null => $"'{text}' should be a time, such as 2024-01-31T12:00:00Z",
            ShapeKind.Word when !shape.Words!.Contains(text) => $"'{text}' should be {Or(shape.Words!)}{Spelling.Hint(text, shape.Words!)}",
            ShapeKind.List or ShapeKind.Map or ShapeKind.Fields => $"is {scalar.Kind}, and should be {Word(shape)}",
            _ => null,
        };
    }

    private static string Or(IReadOnlyList<string> words) => words.Count == 1 ? words[0] : $"{string.Join(", ", words.Take(words.Count - 1))} or {words[^1]}";

    private static string Word(Shape shape) => shape.Kind switch
    {
        ShapeKind.List => "a list",
        ShapeKind.Map => "a mapping",
        ShapeKind.Fields => $"a mapping ({shape.TypeName})",
        ShapeKind.Whole or ShapeKind.Port => "a whole number",
        ShapeKind.Number => "a number",
        ShapeKind.Flag => "true or false",
        ShapeKind.Quantity => "an amount",
        ShapeKind.Word => Or(shape.Words!),
        _ => "text",
    };

    [GeneratedRegex("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
    internal static partial Regex LabelText();

    [GeneratedRegex(@"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")]
    internal static partial Regex SubdomainText();
}
