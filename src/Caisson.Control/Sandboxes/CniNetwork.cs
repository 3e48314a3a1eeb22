using System.Text.Json;

using Caisson.Errors;

namespace Caisson.Control.Sandboxes;

/// <summary>A network that plugins make: the parsed configuration, and what each plugin is told. Pure.</summary>
/// <remarks>Source: Container Network Interface Specification 1.0.0, sections 1, "Network configuration format", and 3, "Execution of Network Configurations".</remarks>
internal sealed class CniNetwork
{
    private const string OldestVersion = "0.3.0";
    private static readonly string[] Versions = [OldestVersion, "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

    /// <summary>Keys that the engine writes, whatever the file has there.</summary>
    private static readonly string[] OwnKeys = ["name", "cniVersion", "runtimeConfig", "prevResult", "capabilities"];

    private CniNetwork(string name, string version, bool disableCheck, IReadOnlyList<Plugin> plugins, string text)
    {
        (Name, Version, DisableCheck, Plugins, Text) = (name, version, disableCheck, plugins, text);
    }

    /// <summary>One plugin of the list.</summary>
    /// <param name="Type">The name of its program.</param>
    /// <param name="Configuration">As the file has it.</param>
    /// <param name="Capabilities">What it wants to be told.</param>
    internal sealed record Plugin(string Type, JsonElement Configuration, IReadOnlySet<string> Capabilities);

    /// <summary>The network's name.</summary>
    public string Name { get; }

    /// <summary>The version of the specification that the plugins are to speak.</summary>
    public string Version { get; }

    /// <summary>CHECK is not to be called.</summary>
    public bool DisableCheck { get; }

    /// <summary>The plugins, in the order in which they add.</summary>
    public IReadOnlyList<Plugin> Plugins { get; }

    /// <summary>The document, so that what was added by it can be taken away by it when the file has changed.</summary>
    public string Text { get; }

    /// <summary>Whether CHECK means something: it came with 0.4.0.</summary>
    public bool CanCheck => !DisableCheck && Version is not (OldestVersion or "0.3.1");

    /// <summary>Reads a list of plugins (<c>.conflist</c>) or a single one (<c>.conf</c>, <c>.json</c>).</summary>
    /// <param name="text">The document.</param>
    /// <param name="origin">What messages call it: the file's path.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: it is not a network's configuration; says where and why.</exception>
    public static CniNetwork Parse(string text, string origin)
    {
        JsonElement root;
        try
        {
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 32 });
            root = document.RootElement.Clone();
        }
        catch (JsonException error)
        {
            throw Broken(origin, $"it is not JSON: line {error.LineNumber + 1}, byte {error.BytePositionInLine + 1}", error);
        }
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw Broken(origin, "it is not a JSON object");
        }
        string name = TextOf(root, "name", origin);
        if (name.Length == 0 || !char.IsAsciiLetterOrDigit(name[0]) || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-'))
        {
            throw Broken(origin, $"the network's name is '{name}'; it begins with a letter or digit, and has letters, digits, '_', '.' and '-'");
        }
        string version = TextOf(root, "cniVersion", origin);
        if (!Versions.Contains(version))
        {
            throw Broken(origin, $"cniVersion is '{version}'; the engine speaks {string.Join(", ", Versions)}");
        }
        List<Plugin> plugins = [];
        bool disableCheck = false;
        if (root.TryGetProperty("plugins", out JsonElement list))
        {
            if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() == 0)
            {
                throw Broken(origin, "plugins is to be a list of at least one plugin");
            }
            plugins.AddRange(list.EnumerateArray().Select((plugin, index) => PluginOf(plugin, $"plugins[{index}]", origin)));
            // The specification has a boolean here; files in the wild have the word.
            disableCheck = root.TryGetProperty("disableCheck", out JsonElement disable)
                && (disable.ValueKind == JsonValueKind.True || (disable.ValueKind == JsonValueKind.String && disable.GetString() == "true"));
        }
        else
        {
            plugins.Add(PluginOf(root, "the plugin", origin));
        }
        return new CniNetwork(name, version, disableCheck, plugins, text);
    }

    /// <summary>What a plugin reads from its standard input.</summary>
    /// <param name="plugin">One of <see cref="Plugins"/>.</param>
    /// <param name="facts">What the pod asked for, by the name of the capability; values are JSON.</param>
    /// <param name="previous">The result of what came before, as JSON; null for none.</param>
    public byte[] InputFor(Plugin plugin, IReadOnlyDictionary<string, string> facts, string? previous)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteString("cniVersion", Version);
            json.WriteString("name", Name);
            foreach (JsonProperty property in plugin.Configuration.EnumerateObject())
            {
                if (!OwnKeys.Contains(property.Name))
                {
                    property.WriteTo(json);
                }
            }
            string[] told = [.. facts.Keys.Where(plugin.Capabilities.Contains)];
            if (told.Length > 0)
            {
                json.WriteStartObject("runtimeConfig");
                foreach (string capability in told)
                {
                    json.WritePropertyName(capability);
                    json.WriteRawValue(facts[capability]);
                }
                json.WriteEndObject();
            }
            if (previous is not null)
            {
                json.WritePropertyName("prevResult");
                json.WriteRawValue(previous);
            }
            json.WriteEndObject();
        }
        return stream.ToArray();
    }

    private static Plugin PluginOf(JsonElement plugin, string place, string origin)
    {
        if (plugin.ValueKind != JsonValueKind.Object)
        {
            throw Broken(origin, $"{place} is not a JSON object");
        }
        string type = TextOf(plugin, "type", origin);
        if (type.Length == 0 || type.Contains('/', StringComparison.Ordinal) || type is "." or "..")
        {
            throw Broken(origin, $"the type of {place} is '{type}'; it is the name of the plugin's program");
        }
        HashSet<string> capabilities = [];
        if (plugin.TryGetProperty("capabilities", out JsonElement wanted) && wanted.ValueKind == JsonValueKind.Object)
        {
            capabilities.UnionWith(wanted.EnumerateObject().Where(each => each.Value.ValueKind == JsonValueKind.True).Select(each => each.Name));
        }
        return new Plugin(type, plugin, capabilities);
    }

    private static string TextOf(JsonElement element, string name, string origin) =>
        !element.TryGetProperty(name, out JsonElement value) ? ""
        : value.ValueKind == JsonValueKind.String ? value.GetString()!
        : throw Broken(origin, $"{name} is to be a text");

    private static CaissonException Broken(string origin, string why, Exception? cause = null) =>
        new(ErrorKind.FailedPrecondition, $"the network configuration {origin} cannot be used: {why}", cause);
}
