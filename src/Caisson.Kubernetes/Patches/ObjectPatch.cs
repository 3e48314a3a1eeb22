using System.Collections.Immutable;
using System.Globalization;

using Caisson.Documents;
using Caisson.Errors;
using Caisson.Kubernetes.Schema;

namespace Caisson.Kubernetes.Patches;

/// <summary>Changes of documents by patches. Pure. Source: RFC 7386, RFC 6902, Kubernetes API conventions, "Strategic Merge Patch".</summary>
public static class ObjectPatch
{
    private static readonly ScalarNode Nothing = new("", ScalarKind.Null, SourcePosition.None);

    /// <summary>Puts a JSON merge patch over a document: null takes away, lists are replaced.</summary>
    public static MappingNode Merge(MappingNode document, MappingNode patch)
    {
        foreach (MappingEntry entry in patch.Entries)
        {
            document = entry.Value switch
            {
                ScalarNode { Is: ScalarKind.Null } => document.Without(entry.Key),
                MappingNode inner => document.With(entry.Key, Merge(document[entry.Key] as MappingNode ?? MappingNode.Empty, inner)),
                _ => document.With(entry.Key, entry.Value),
            };
        }
        return document;
    }

    /// <summary>Puts a strategic merge patch over an object: lists whose items have a key are merged item by item.</summary>
    public static MappingNode MergeStrategic(ResourceKind kind, MappingNode document, MappingNode patch)
    {
        var fields = ObjectSchema.Types[kind.Kind].Fields.ToDictionary(pair => pair.Key, pair => pair.Value.Shape);
        fields["metadata"] = new(ShapeKind.Fields, TypeName: "ObjectMeta");
        return MergeFields(document, patch, key => fields.GetValueOrDefault(key));
    }

    /// <summary>Carries out a JSON patch.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: it is none, or does not fit the document.</exception>
    public static MappingNode Apply(MappingNode document, SequenceNode operations)
    {
        DocumentNode result = document;
        foreach (DocumentNode operation in operations.Items)
        {
            string[] path = Pointer(operation.Text("path"));
            DocumentNode value = operation.Field("value") ?? Nothing;
            switch (operation.Text("op"))
            {
                case "add":
                    result = Change(result, path, 0, value, isAdd: true);
                    break;
                case "replace":
                    _ = Find(result, path);
                    result = Change(result, path, 0, value, isAdd: false);
                    break;
                case "remove":
                    _ = Find(result, path);
                    result = Change(result, path, 0, null, isAdd: false);
                    break;
                case "test":
                    if (!Find(result, path).Same(value))
                    {
                        throw new CaissonException(ErrorKind.InvalidArgument, $"the patch's test of {operation.Text("path")} fails: the value is another one");
                    }
                    break;
                case "copy":
                    result = Change(result, path, 0, Find(result, Pointer(operation.Text("from"))), isAdd: true);
                    break;
                case "move":
                    string[] from = Pointer(operation.Text("from"));
                    DocumentNode moved = Find(result, from);
                    result = Change(Change(result, from, 0, null, isAdd: false), path, 0, moved, isAdd: true);
                    break;
                default:
                    throw new CaissonException(ErrorKind.InvalidArgument, $"the patch has an unknown operation '{operation.Text("op")}'; add, remove, replace, move, copy and test are known");
            }
        }
        return result as MappingNode ?? throw new CaissonException(ErrorKind.InvalidArgument, "the patch leaves no object");
    }

    /// <summary>Changes what an apply changes: what the user gives now, and what was given last and is no more.</summary>
    /// <param name="kind">Of the object.</param>
    /// <param name="live">As it is.</param>
    /// <param name="last">What was applied before; null for nothing.</param>
    /// <param name="applied">What is applied now.</param>
    public static MappingNode ApplyOver(ResourceKind kind, MappingNode live, MappingNode? last, MappingNode applied)
    {
        var fields = ObjectSchema.Types[kind.Kind].Fields.ToDictionary(pair => pair.Key, pair => pair.Value.Shape);
        fields["metadata"] = new(ShapeKind.Fields, TypeName: "ObjectMeta");
        return ThreeWay(live, last ?? MappingNode.Empty, applied, key => fields.GetValueOrDefault(key));
    }

    private static MappingNode ThreeWay(MappingNode live, MappingNode last, MappingNode applied, Func<string, Shape?> shapeOf)
    {
        foreach (MappingEntry gone in last.Entries)
        {
            if (applied[gone.Key] is null)
            {
                live = live.Without(gone.Key);
            }
        }
        foreach (MappingEntry entry in applied.Entries)
        {
            Shape? shape = shapeOf(entry.Key);
            DocumentNode? before = live[entry.Key];
            live = entry.Value switch
            {
                ScalarNode { Is: ScalarKind.Null } => live.Without(entry.Key),
                MappingNode inner when before is MappingNode there => live.With(entry.Key, ThreeWay(there, last[entry.Key] as MappingNode ?? MappingNode.Empty, inner, Inner(shape))),
                SequenceNode list when before is SequenceNode there && shape is { MergeKey.Length: > 0 } =>
                    live.With(entry.Key, ThreeWayList(there, last[entry.Key] as SequenceNode ?? Doc.EmptyList, list, shape)),
                _ => live.With(entry.Key, entry.Value),
            };
        }
        return live;
    }

    private static SequenceNode ThreeWayList(SequenceNode live, SequenceNode last, SequenceNode applied, Shape shape)
    {
        string key = shape.MergeKey;
        HashSet<string> given = [.. applied.Items.Select(item => item.Text(key))];
        HashSet<string> gone = [.. last.Items.Select(item => item.Text(key)).Where(value => !given.Contains(value))];
        List<DocumentNode> items = [];
        foreach (DocumentNode item in applied.Items)
        {
            string name = item.Text(key);
            items.Add(item is MappingNode wanted && live.Items.FirstOrDefault(one => one.Text(key) == name) is MappingNode there
                ? ThreeWay(there, last.Items.FirstOrDefault(one => one.Text(key) == name) as MappingNode ?? MappingNode.Empty, wanted, Inner(shape.Item))
                : item);
        }
        items.AddRange(live.Items.Where(item => !given.Contains(item.Text(key)) && !gone.Contains(item.Text(key))));
        return Doc.List(items);
    }

    private static MappingNode MergeFields(MappingNode document, MappingNode patch, Func<string, Shape?> shapeOf)
    {
        if (patch.Text("$patch") == "replace")
        {
            return patch.Without("$patch");
        }
        if (patch["$retainKeys"] is SequenceNode retained)
        {
            HashSet<string> kept = [.. retained.Items.Select(item => item.AsText())];
            foreach (MappingEntry entry in document.Entries.Where(entry => !kept.Contains(entry.Key)))
            {
                document = document.Without(entry.Key);
            }
        }
        foreach (MappingEntry entry in patch.Entries)
        {
            if (entry.Key.StartsWith('$'))
            {
                continue; // instructions about other fields
            }
            Shape? shape = shapeOf(entry.Key);
            document = entry.Value switch
            {
                ScalarNode { Is: ScalarKind.Null } => document.Without(entry.Key),
                MappingNode { } inner when inner.Text("$patch") == "delete" => document.Without(entry.Key),
                MappingNode inner => document.With(entry.Key, MergeFields(document[entry.Key] as MappingNode ?? MappingNode.Empty, inner, Inner(shape))),
                SequenceNode list when shape is { MergeKey.Length: > 0 } => document.With(entry.Key, MergeList(document[entry.Key] as SequenceNode ?? Doc.EmptyList, list, shape)),
                _ => document.With(entry.Key, entry.Value),
            };
        }
        foreach (MappingEntry entry in patch.Entries.Where(entry => entry.Key.StartsWith("$deleteFromPrimitiveList/", StringComparison.Ordinal)))
        {
            string field = entry.Key["$deleteFromPrimitiveList/".Length..];
            HashSet<string> gone = [.. entry.Value.Items().Select(item => item.AsText())];
            if (document[field] is SequenceNode list)
            {
                document = document.With(field, Doc.List(list.Items.Where(item => !gone.Contains(item.AsText()))));
            }
        }
        return document;
    }

    private static SequenceNode MergeList(SequenceNode document, SequenceNode patch, Shape shape)
    {
        string key = shape.MergeKey;
        if (patch.Items.Any(item => item.Text("$patch") == "replace"))
        {
            return Doc.List(patch.Items.Where(item => item.Text("$patch") != "replace"));
        }
        List<DocumentNode> items = [.. document.Items];
        foreach (DocumentNode item in patch.Items)
        {
            int at = items.FindIndex(one => one.Text(key) == item.Text(key));
            if (item.Text("$patch") == "delete")
            {
                if (at >= 0)
                {
                    items.RemoveAt(at);
                }
            }
            else if (at >= 0 && items[at] is MappingNode there && item is MappingNode change)
            {
                items[at] = MergeFields(there, change, Inner(shape.Item));
            }
            else
            {
                items.Add(item);
            }
        }
        return Doc.List(items);
    }

    private static Func<string, Shape?> Inner(Shape? shape) => shape switch
    {
        { Kind: ShapeKind.Fields } => key => shape.Type.Fields.GetValueOrDefault(key)?.Shape,
        { Kind: ShapeKind.Map } => _ => shape.Item,
        _ => _ => null,
    };

    private static string[] Pointer(string text) => text.Length == 0 ? []
        : text[0] == '/' ? [.. text[1..].Split('/').Select(part => part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal))]
        : throw new CaissonException(ErrorKind.InvalidArgument, $"the patch has a path '{text}' that does not begin with a slash");

    private static DocumentNode Find(DocumentNode document, string[] path)
    {
        DocumentNode? at = document;
        foreach (string part in path)
        {
            at = at switch
            {
                MappingNode mapping => mapping[part],
                SequenceNode list when int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int index) && index < list.Items.Length => list.Items[index],
                _ => null,
            };
        }
        return at ?? throw new CaissonException(ErrorKind.InvalidArgument, $"the patch speaks of /{string.Join('/', path)}, which is not there");
    }

    /// <summary>A document with another value at a path; null takes it away.</summary>
    private static DocumentNode Change(DocumentNode at, string[] path, int depth, DocumentNode? value, bool isAdd)
    {
        if (depth == path.Length)
        {
            return value ?? Nothing;
        }
        string part = path[depth];
        bool isLast = depth == path.Length - 1;
        switch (at)
        {
            case MappingNode mapping when isLast:
                return value is null ? mapping.Without(part) : mapping.With(part, value);
            case MappingNode mapping when mapping[part] is { } inner:
                return mapping.With(part, Change(inner, path, depth + 1, value, isAdd));
            case SequenceNode list:
                int index = part == "-" ? list.Items.Length : int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : -1;
                if (index >= 0 && (index < list.Items.Length || (isLast && isAdd && index == list.Items.Length)))
                {
                    ImmutableArray<DocumentNode> items = !isLast ? list.Items.SetItem(index, Change(list.Items[index], path, depth + 1, value, isAdd))
                        : value is null ? list.Items.RemoveAt(index)
                        : isAdd ? list.Items.Insert(index, value)
                        : list.Items.SetItem(index, value);
                    return Doc.List(items);
                }
                break;
        }
        throw new CaissonException(ErrorKind.InvalidArgument, $"the patch speaks of /{string.Join('/', path)}, which is not there");
    }
}
