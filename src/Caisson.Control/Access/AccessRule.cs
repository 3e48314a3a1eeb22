using Caisson.Documents;

namespace Caisson.Control.Access;

/// <summary>A line of a role: everything that is a combination of its parts. Source: Kubernetes API, "PolicyRule".</summary>
/// <param name="Groups">API groups; <c>*</c> is all.</param>
/// <param name="Resources">In plural, parts behind a slash; <c>*</c> is all, <c>*/scale</c> that part of all.</param>
/// <param name="Verbs"><c>*</c> is all.</param>
/// <param name="Names">Only objects of these names; empty for all.</param>
/// <param name="Paths">Paths that are no resources; <c>/healthz/*</c> is all below.</param>
public sealed record AccessRule(
    IReadOnlyList<string> Groups, IReadOnlyList<string> Resources, IReadOnlyList<string> Verbs, IReadOnlyList<string> Names, IReadOnlyList<string> Paths)
{
    /// <summary>Everything there is.</summary>
    public static AccessRule Everything { get; } = new(["*"], ["*"], ["*"], [], ["*"]);

    /// <summary>A rule over all names.</summary>
    public static AccessRule Of(string group, IReadOnlyList<string> verbs, params IReadOnlyList<string> resources) => new([group], resources, verbs, [], []);

    /// <summary>Of a document's rule.</summary>
    public static AccessRule Read(DocumentNode rule) => new(
        [.. rule.Texts("apiGroups")], [.. rule.Texts("resources")], [.. rule.Texts("verbs")], [.. rule.Texts("resourceNames")], [.. rule.Texts("nonResourceURLs")]);

    /// <summary>Whether it allows <paramref name="right"/>.</summary>
    /// <param name="right">What is asked.</param>
    /// <param name="name">Of which object; empty for none in particular, which a rule over some names does not allow.</param>
    public bool Allows(Right right, string name)
    {
        ArgumentNullException.ThrowIfNull(right);
        return Has(Verbs, right.Verb) && Has(Groups, right.Group) && HasResource(right.Resource) && (Names.Count == 0 || (name.Length > 0 && Names.Contains(name)));
    }

    /// <summary>Whether it allows a verb on a path that is no resource.</summary>
    public bool AllowsPath(string verb, string path) =>
        Has(Verbs, verb) && Paths.Any(pattern => pattern == "*" || pattern == path || (pattern.EndsWith('*') && path.StartsWith(pattern[..^1], StringComparison.Ordinal)));

    /// <summary>Its combinations, one at a time, so that another's rules can be asked for each.</summary>
    public IEnumerable<(Right Right, string Name)> Parts() =>
        from verb in Verbs
        from @group in Groups
        from resource in Resources
        from name in Names.Count == 0 ? [""] : Names
        select (new Right(verb, resource, @group), name);

    /// <summary>Whether <paramref name="rules"/> together allow all that this one does.</summary>
    public bool IsCoveredBy(IReadOnlyList<AccessRule> rules) =>
        Parts().All(part => rules.Any(rule => rule.Allows(part.Right, part.Name)))
        && Paths.All(path => Verbs.All(verb => rules.Any(rule => rule.AllowsPath(verb, path))));

    private static bool Has(IReadOnlyList<string> words, string word) => words.Contains(word) || words.Contains("*");

    private bool HasResource(string resource)
    {
        if (Has(Resources, resource))
        {
            return true;
        }
        int slash = resource.IndexOf('/', StringComparison.Ordinal);
        return slash >= 0 && Resources.Contains("*" + resource[slash..]);
    }
}
