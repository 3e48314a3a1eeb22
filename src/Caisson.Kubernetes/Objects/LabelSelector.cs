using Caisson.Documents;
using Caisson.Errors;

namespace Caisson.Kubernetes.Objects;

/// <summary>Which objects are meant, by their labels. Source: Kubernetes API, "LabelSelector".</summary>
public sealed class LabelSelector
{
    private readonly List<(string Key, string Operator, string[] Values)> _requirements = [];

    /// <summary>Fits everything.</summary>
    public static LabelSelector Everything { get; } = new();

    /// <summary>Whether it asks for nothing.</summary>
    public bool IsEmpty => _requirements.Count == 0;

    /// <summary>Of a document's <c>matchLabels</c> and <c>matchExpressions</c>.</summary>
    public static LabelSelector Read(DocumentNode? node)
    {
        var selector = new LabelSelector();
        foreach ((string key, string value) in node.Pairs("matchLabels"))
        {
            selector._requirements.Add((key, "In", [value]));
        }
        foreach (DocumentNode requirement in node.Field("matchExpressions").Items())
        {
            selector._requirements.Add((requirement.Text("key"), requirement.Text("operator"), [.. requirement.Texts("values")]));
        }
        return selector;
    }

    /// <summary>Of a mapping of labels, as services have.</summary>
    public static LabelSelector ReadMap(DocumentNode? map)
    {
        var selector = new LabelSelector();
        foreach (MappingEntry entry in map.Entries())
        {
            selector._requirements.Add((entry.Key, "In", [entry.Value.AsText()]));
        }
        return selector;
    }

    /// <summary>As a query writes it: <c>a=b,c!=d,e in (f,g),h,!i</c>.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: it is none.</exception>
    public static LabelSelector Parse(string text)
    {
        var selector = new LabelSelector();
        foreach (string part in SplitOutsideParentheses(text))
        {
            string term = part.Trim();
            if (term.Length == 0)
            {
                continue;
            }
            string[] words = term.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length >= 3 && words[1] is "in" or "notin" && term.EndsWith(')'))
            {
                string values = term[(term.IndexOf('(', StringComparison.Ordinal) + 1)..^1];
                selector._requirements.Add((words[0], words[1] == "in" ? "In" : "NotIn", values.Split(',', StringSplitOptions.TrimEntries)));
            }
            else if (term.IndexOf("!=", StringComparison.Ordinal) is var not && not > 0)
            {
                selector._requirements.Add((term[..not].Trim(), "NotIn", [term[(not + 2)..].Trim()]));
            }
            else if (term.IndexOf('=', StringComparison.Ordinal) is var equals && equals > 0)
            {
                selector._requirements.Add((term[..equals].Trim(), "In", [term[equals..].TrimStart('=').Trim()]));
            }
            else if (words.Length == 1)
            {
                selector._requirements.Add(term[0] == '!' ? (term[1..], "DoesNotExist", []) : (term, "Exists", []));
            }
            else
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"'{term}' is no label selector; it is name=value, name!=value, name in (a,b), name or !name, joined by commas");
            }
        }
        return selector;
    }

    /// <summary>Whether labels are as asked for.</summary>
    public bool Fits(IReadOnlyDictionary<string, string> labels)
    {
        foreach ((string key, string op, string[] values) in _requirements)
        {
            bool has = labels.TryGetValue(key, out string? value);
            bool fits = op switch
            {
                "In" => has && Array.IndexOf(values, value) >= 0,
                "NotIn" => !has || Array.IndexOf(values, value) < 0,
                "Exists" => has,
                _ => !has,
            };
            if (!fits)
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>As a query writes it.</summary>
    public override string ToString() => string.Join(',', _requirements.Select(one => one.Operator switch
    {
        "In" when one.Values.Length == 1 => $"{one.Key}={one.Values[0]}",
        "In" => $"{one.Key} in ({string.Join(',', one.Values)})",
        "NotIn" => $"{one.Key} notin ({string.Join(',', one.Values)})",
        "Exists" => one.Key,
        _ => "!" + one.Key,
    }));

    private static IEnumerable<string> SplitOutsideParentheses(string text)
    {
        int depth = 0;
        int start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
            if (text[i] == ',' && depth == 0)
            {
                yield return text[start..i];
                start = i + 1;
            }
        }
        yield return text[start..];
    }
}
