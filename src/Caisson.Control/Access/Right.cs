namespace Caisson.Control.Access;

/// <summary>What somebody may do: a verb, and what with.</summary>
/// <param name="Verb">
/// <c>get</c>, <c>list</c>, <c>watch</c> read; <c>create</c>, <c>update</c>, <c>patch</c>, <c>delete</c>, <c>deletecollection</c> change; <c>operate</c> starts and
/// stops; <c>use</c> is of what belongs to the host.
/// </param>
/// <param name="Resource">In plural, with a part of it behind a slash: <c>containers</c>, <c>pods/log</c>.</param>
/// <param name="Group">The API group: <see cref="EngineGroup"/> for what Kubernetes has not, empty for its core.</param>
public sealed record Right(string Verb, string Resource, string Group = Right.EngineGroup)
{
    /// <summary>The group of everything that Kubernetes has no word for: containers, images, networks….</summary>
    public const string EngineGroup = "caisson.io";

    private const string CoreWord = "core";

    /// <summary>Whether who looks over the log later wants to see it: changes, and looks at what is secret.</summary>
    public bool IsLogged => Verb is not ("get" or "list" or "watch") || this is { Resource: "machines/passphrase", Group: EngineGroup } or { Resource: "secrets", Group: "" };

    /// <summary>Reads <c>create containers</c>, <c>get pods.core/log</c>, <c>update deployments.apps/scale</c>.</summary>
    /// <param name="verb">The verb.</param>
    /// <param name="word">The resource; without a group of the engine's own where that has it, else of Kubernetes.</param>
    /// <param name="groupOf">The group and the plural of a word of Kubernetes; null for one that it has not.</param>
    public static Right Parse(string verb, string word, Func<string, (string Group, string Plural)?> groupOf)
    {
        ArgumentNullException.ThrowIfNull(word);
        ArgumentNullException.ThrowIfNull(groupOf);
        int slash = word.IndexOf('/', StringComparison.Ordinal);
        string part = slash < 0 ? "" : word[slash..];
        string name = slash < 0 ? word : word[..slash];
        int dot = name.IndexOf('.', StringComparison.Ordinal);
        if (dot >= 0)
        {
            string group = name[(dot + 1)..];
            return new(verb, name[..dot] + part, group == CoreWord ? "" : group);
        }
        if (name == "*")
        {
            return new(verb, word, "*");
        }
        return EngineResources.Has(name) || groupOf(name) is not { } found ? new(verb, word) : new(verb, found.Plural + part, found.Group);
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        if (Group == EngineGroup)
        {
            return $"{Verb} {Resource}";
        }
        int slash = Resource.IndexOf('/', StringComparison.Ordinal);
        string group = Group.Length == 0 ? CoreWord : Group;
        return slash < 0 ? $"{Verb} {Resource}.{group}" : $"{Verb} {Resource[..slash]}.{group}{Resource[slash..]}";
    }
}

/// <summary>The words for what only this engine has.</summary>
public static class EngineResources
{
    /// <summary>Every resource of the group <see cref="Right.EngineGroup"/>, with the verbs that are asked of it.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<string>> All { get; } = new Dictionary<string, IReadOnlyList<string>>
    {
        ["audit"] = ["get"],
        ["builds"] = ["create", "delete"],
        ["configs"] = ["list", "get", "create", "update", "delete"],
        ["containers"] = ["list", "get", "create", "update", "operate", "delete"],
        ["containers/attach"] = ["create"],
        ["containers/exec"] = ["create"],
        ["containers/files"] = ["get", "update"],
        ["containers/logs"] = ["get", "delete"],
        ["containers/stats"] = ["get"],
        ["containers/volumes"] = ["update"],
        ["engine"] = ["get", "operate"],
        ["events"] = ["watch"],
        ["grants"] = ["list", "create", "delete"],
        ["host/devices"] = ["use"],
        ["host/namespaces"] = ["use"],
        ["host/paths"] = ["use"],
        ["host/privileges"] = ["use"],
        ["images"] = ["list", "get", "create", "update", "delete"],
        ["images/bootstrap"] = ["create"],
        ["images/content"] = ["get"],
        ["images/push"] = ["create"],
        ["kernels"] = ["list", "create", "delete"],
        ["kubeconfig"] = ["create"],
        ["machines"] = ["list", "get", "create", "update", "operate", "delete"],
        ["machines/console"] = ["get", "create"],
        ["machines/devices"] = ["update"],
        ["machines/exec"] = ["create"],
        ["machines/passphrase"] = ["get"],
        ["machines/snapshots"] = ["create", "update", "delete"],
        ["machines/transfer"] = ["create"],
        ["metrics"] = ["get"],
        ["networks"] = ["list", "get", "create", "update", "delete"],
        ["plans"] = ["get"],
        ["roles"] = ["list"],
        ["secrets"] = ["list", "get", "create", "update", "delete"],
        ["users"] = ["list", "create", "delete"],
        ["users/token"] = ["create", "delete"],
        ["volumes"] = ["list", "get", "create", "update", "delete"],
        ["volumes/snapshots"] = ["list", "create", "update", "delete"],
    };

    /// <summary>Whether <paramref name="resource"/>, without a part, is one of them.</summary>
    public static bool Has(string resource) => All.ContainsKey(resource) || resource == "host";
}
