using System.Collections.Immutable;
using System.Text.Json;

namespace Caisson.Oci.Runtime;

/// <summary>Writes <c>config.json</c>; what is empty, null or false by default is left out, as the Go types do.</summary>
internal static partial class RuntimeSpecWriter
{
    public static void Spec(Utf8JsonWriter json, RuntimeSpec spec)
    {
        json.WriteStartObject();
        json.WriteString("ociVersion", spec.OciVersion);
        if (spec.Process is { } process)
        {
            json.WritePropertyName("process");
            Process(json, process);
        }
        if (spec.Root is { } root)
        {
            json.WriteStartObject("root");
            json.WriteString("path", root.Path);
            Flag(json, "readonly", root.Readonly);
            json.WriteEndObject();
        }
        Text(json, "hostname", spec.Hostname);
        Text(json, "domainname", spec.Domainname);
        Items(json, "mounts", spec.Mounts, Mount);
        if (!spec.Hooks.IsEmpty)
        {
            Hooks(json, spec.Hooks);
        }
        TextMap(json, "annotations", spec.Annotations);
        if (spec.Linux is { } linux)
        {
            Linux(json, linux);
        }
        json.WriteEndObject();
    }

    /// <summary>An object of strings under <paramref name="name"/>, unless it is empty.</summary>
    public static void TextMap(Utf8JsonWriter json, string name, IReadOnlyDictionary<string, string> map)
    {
        if (map.Count == 0)
        {
            return;
        }
        json.WriteStartObject(name);
        foreach ((string key, string value) in map)
        {
            json.WriteString(key, value);
        }
        json.WriteEndObject();
    }

    /// <summary>An array of strings under <paramref name="name"/>, unless it is empty.</summary>
    public static void Texts(Utf8JsonWriter json, string name, ImmutableArray<string> items) =>
        Items(json, name, items, static (json, item) => json.WriteStringValue(item));

    public static void Text(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null)
        {
            json.WriteString(name, value);
        }
    }

    private static void Items<T>(Utf8JsonWriter json, string name, ImmutableArray<T> items, Action<Utf8JsonWriter, T> write)
    {
        if (items.IsDefaultOrEmpty)
        {
            return;
        }
        json.WriteStartArray(name);
        foreach (T item in items)
        {
            write(json, item);
        }
        json.WriteEndArray();
    }

    private static void Flag(Utf8JsonWriter json, string name, bool value)
    {
        if (value)
        {
            json.WriteBoolean(name, true);
        }
    }

    private static void Number(Utf8JsonWriter json, string name, long? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, number);
        }
    }

    private static void Number(Utf8JsonWriter json, string name, ulong? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, number);
        }
    }

    private static void Mount(Utf8JsonWriter json, Mount mount)
    {
        json.WriteStartObject();
        json.WriteString("destination", mount.Destination);
        Text(json, "type", mount.Type);
        Text(json, "source", mount.Source);
        Texts(json, "options", mount.Options);
        Items(json, "uidMappings", mount.UidMappings, IdMapping);
        Items(json, "gidMappings", mount.GidMappings, IdMapping);
        json.WriteEndObject();
    }

    private static void IdMapping(Utf8JsonWriter json, IdMapping mapping)
    {
        json.WriteStartObject();
        json.WriteNumber("containerID", mapping.ContainerId);
        json.WriteNumber("hostID", mapping.HostId);
        json.WriteNumber("size", mapping.Size);
        json.WriteEndObject();
    }

    private static void Hooks(Utf8JsonWriter json, Hooks hooks)
    {
        json.WriteStartObject("hooks");
        Items(json, "prestart", hooks.Prestart, Hook);
        Items(json, "createRuntime", hooks.CreateRuntime, Hook);
        Items(json, "createContainer", hooks.CreateContainer, Hook);
        Items(json, "startContainer", hooks.StartContainer, Hook);
        Items(json, "poststart", hooks.Poststart, Hook);
        Items(json, "poststop", hooks.Poststop, Hook);
        json.WriteEndObject();
    }

    private static void Hook(Utf8JsonWriter json, Hook hook)
    {
        json.WriteStartObject();
        json.WriteString("path", hook.Path);
        Texts(json, "args", hook.Args);
        Texts(json, "env", hook.Env);
        Number(json, "timeout", hook.Timeout);
        json.WriteEndObject();
    }
}
