using System.Collections.Immutable;

using Caisson.Documents;

namespace Caisson.Compose.Model;

/// <summary>An application as its files describe it: read, merged, checked and complete.</summary>
public sealed record ComposeProject
{
    /// <summary>Lower case letters, digits, dashes and underscores.</summary>
    public required string Name { get; init; }

    /// <summary>Absolute; where relative paths start.</summary>
    public required string Directory { get; init; }

    /// <summary>Absolute paths of the files it was read from, in order; empty when it is known by its name alone.</summary>
    public ImmutableArray<string> Files { get; init; } = [];

    /// <summary>Files of variables that were named on the command line.</summary>
    public ImmutableArray<string> EnvironmentFiles { get; init; } = [];

    /// <summary>Services whose profiles are enabled, by name.</summary>
    public required ImmutableSortedDictionary<string, ComposeService> Services { get; init; }

    /// <summary>Services whose profiles are not enabled.</summary>
    public required ImmutableSortedDictionary<string, ComposeService> DisabledServices { get; init; }

    /// <summary>Networks by their key in the files.</summary>
    public required ImmutableSortedDictionary<string, ComposeResource> Networks { get; init; }

    /// <summary>Volumes by their key in the files.</summary>
    public required ImmutableSortedDictionary<string, ComposeResource> Volumes { get; init; }

    /// <summary>Secrets by their key in the files.</summary>
    public required ImmutableSortedDictionary<string, ComposeResource> Secrets { get; init; }

    /// <summary>Configs by their key in the files.</summary>
    public required ImmutableSortedDictionary<string, ComposeResource> Configs { get; init; }

    /// <summary>Everything else of the files: extensions.</summary>
    public MappingNode Extensions { get; init; } = MappingNode.Empty;

    /// <summary>The variables that were used to read it.</summary>
    public ImmutableSortedDictionary<string, string> Variables { get; init; } = ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>What the user should know of the files: variables that are not set, attributes that have no effect.</summary>
    public ImmutableArray<string> Notices { get; init; } = [];

    /// <summary>The whole as one document in the long form: what <c>config</c> prints.</summary>
    public MappingNode ToDocument()
    {
        var document = new MappingNode([], SourcePosition.None).With("name", ScalarNode.Of(Name, SourcePosition.None));
        document = document.With("services", Map(Services, service => service.Definition));
        foreach (var (key, resources) in (ReadOnlySpan<(string, ImmutableSortedDictionary<string, ComposeResource>)>)
            [("networks", Networks), ("volumes", Volumes), ("secrets", Secrets), ("configs", Configs)])
        {
            if (resources.Count > 0)
            {
                document = document.With(key, Map(resources, resource => resource.Definition));
            }
        }
        return Extensions.Entries.Aggregate(document, (whole, entry) => whole.With(entry.Key, entry.Value));
    }

    /// <summary>Services in an order in which each comes after those it depends on.</summary>
    public IReadOnlyList<ComposeService> InDependencyOrder()
    {
        var ordered = new List<ComposeService>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var service in Services.Values)
        {
            Visit(service);
        }
        return ordered;

        void Visit(ComposeService service)
        {
            if (!seen.Add(service.Name))
            {
                return;
            }
            foreach (var dependency in service.DependsOn)
            {
                if (Services.TryGetValue(dependency.Service, out var other))
                {
                    Visit(other);
                }
            }
            ordered.Add(service);
        }
    }

    /// <summary>The named services, and unless <paramref name="alone"/> what they depend on; all when none is named.</summary>
    public ImmutableSortedSet<string> Select(IReadOnlyCollection<string> names, bool alone)
    {
        if (names.Count == 0)
        {
            return [.. Services.Keys];
        }
        var selected = new SortedSet<string>(StringComparer.Ordinal);
        foreach (string name in names)
        {
            Add(name);
        }
        return [.. selected];

        void Add(string name)
        {
            if (Services.TryGetValue(name, out var service) && selected.Add(name) && !alone)
            {
                foreach (var dependency in service.DependsOn)
                {
                    Add(dependency.Service);
                }
            }
        }
    }

    private static MappingNode Map<T>(ImmutableSortedDictionary<string, T> items, Func<T, MappingNode> definition) =>
        new([.. items.Select(item => new MappingEntry(item.Key, definition(item.Value).Position, definition(item.Value)))], SourcePosition.None);
}

/// <summary>A network, volume, secret or config of a project.</summary>
/// <param name="Key">Its name in the files.</param>
/// <param name="Name">Its name in the engine.</param>
/// <param name="IsExternal">It is there already and stays.</param>
/// <param name="Definition">Its attributes in the long form.</param>
public sealed record ComposeResource(string Key, string Name, bool IsExternal, MappingNode Definition)
{
    /// <summary>Changes exactly when it must be made anew.</summary>
    public string Hash() => ComposeService.HashOf(Definition);
}

/// <summary>What must be so before a service is started.</summary>
/// <param name="Service">The service it depends on.</param>
/// <param name="Condition">When that is.</param>
/// <param name="Restart">Restart this one, too, when that one is restarted.</param>
/// <param name="IsRequired">It cannot be left out.</param>
public sealed record ServiceDependency(string Service, DependencyCondition Condition, bool Restart, bool IsRequired);

/// <summary>When a dependency is met. Source: Compose Specification, "depends_on".</summary>
public enum DependencyCondition
{
    /// <summary>Its containers were started.</summary>
    Started,

    /// <summary>Its containers are healthy.</summary>
    Healthy,

    /// <summary>Its containers ended with exit code 0.</summary>
    CompletedSuccessfully,
}
