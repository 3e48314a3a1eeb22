using System.Text.Json;

namespace Caisson.Qmp;

/// <summary>What one QEMU can be asked, by its own description. Source: QEMU docs/devel/qapi-code-gen, "Client introspection of QMP".</summary>
public sealed class QmpSchema
{
    private readonly Dictionary<string, JsonElement> _entities;

    private QmpSchema(Dictionary<string, JsonElement> entities) => _entities = entities;

    /// <summary>Whether there is a command or an event of that name.</summary>
    public bool Has(string name) => _entities.TryGetValue(name, out JsonElement entity) && Text(entity, "meta-type") is "command" or "event";

    /// <summary>Whether the arguments of a command have a member, found by a path such as <c>capabilities/capability</c>; unions are searched in all variants.</summary>
    /// <param name="command">The command.</param>
    /// <param name="path">Names of members, from the arguments inwards; the last may also be a value of an enumeration.</param>
    public bool Takes(string command, params ReadOnlySpan<string> path) =>
        _entities.TryGetValue(command, out JsonElement entity) && Text(entity, "arg-type") is { } type && Reaches(type, path, 0);

    /// <summary>Reads the answer of <c>query-qmp-schema</c>; what is not understood is left out.</summary>
    public static QmpSchema Read(JsonElement answer)
    {
        Dictionary<string, JsonElement> entities = [];
        if (answer.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement entity in answer.EnumerateArray())
            {
                if (Text(entity, "name") is { } name)
                {
                    entities[name] = entity;
                }
            }
        }
        return new QmpSchema(entities);
    }

    private bool Reaches(string type, ReadOnlySpan<string> path, int depth)
    {
        if (path.IsEmpty)
        {
            return true;
        }
        if (depth > 32 || !_entities.TryGetValue(type, out JsonElement entity))
        {
            return false;
        }
        switch (Text(entity, "meta-type"))
        {
            case "array":
                return Text(entity, "element-type") is { } element && Reaches(element, path, depth + 1);
            case "enum":
                return path.Length == 1 && Contains(entity, "values", path[0]);
            case "alternate":
                return AnyType(entity, "members", null, path, depth);
            case "object":
                return AnyType(entity, "members", path[0], path[1..], depth) || AnyType(entity, "variants", null, path, depth);
            default:
                return false;
        }
    }

    /// <param name="entity">Where.</param>
    /// <param name="list">The list with the types.</param>
    /// <param name="name">Only the one of this name; null for any.</param>
    /// <param name="rest">What is to be found behind it.</param>
    /// <param name="depth">How deep this is.</param>
    private bool AnyType(JsonElement entity, string list, string? name, ReadOnlySpan<string> rest, int depth)
    {
        if (!entity.TryGetProperty(list, out JsonElement entries) || entries.ValueKind != JsonValueKind.Array)
        {
            return false;
        }
        foreach (JsonElement entry in entries.EnumerateArray())
        {
            if ((name is null || Text(entry, "name") == name) && Text(entry, "type") is { } type && Reaches(type, rest, depth + 1))
            {
                return true;
            }
        }
        return false;
    }

    private static bool Contains(JsonElement entity, string list, string value) =>
        entity.TryGetProperty(list, out JsonElement values) && values.ValueKind == JsonValueKind.Array
            && values.EnumerateArray().Any(entry => entry.ValueKind == JsonValueKind.String && entry.GetString() == value);

    private static string? Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;
}
