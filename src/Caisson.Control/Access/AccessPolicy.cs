using Caisson.Documents;
using Caisson.Kubernetes.Objects;

namespace Caisson.Control.Access;

/// <summary>What was decided.</summary>
/// <param name="IsAllowed">Whether it may.</param>
/// <param name="Missing">The right that is missing; null when it is allowed.</param>
public readonly record struct AccessDecision(bool IsAllowed, Right? Missing);

/// <summary>Who may do what: one answer from grants of ours and from the bindings of Kubernetes. Pure.</summary>
/// <param name="Grants">All grants.</param>
/// <param name="Objects">Objects of a kind of Kubernetes; of roles and their bindings only.</param>
public sealed record AccessPolicy(IReadOnlyList<AccessGrant> Grants, Func<string, IReadOnlyList<KubernetesObject>> Objects)
{
    /// <summary>Says whether <paramref name="caller"/> has <paramref name="right"/>.</summary>
    /// <param name="caller">Who asks.</param>
    /// <param name="right">For what.</param>
    /// <param name="project">In which project; null for the whole engine, where what was granted in projects does not count.</param>
    /// <param name="name">Of which object; empty for none in particular.</param>
    public AccessDecision Decide(Caller caller, Right right, string? project, string name = "")
    {
        ArgumentNullException.ThrowIfNull(caller);
        ArgumentNullException.ThrowIfNull(right);
        bool isAllowed = caller.Standing == Standing.Owner || RulesOf(caller, project).Any(rule => rule.Allows(right, name));
        return new(isAllowed, isAllowed ? null : right);
    }

    /// <summary>Everything that <paramref name="caller"/> may, in a project, or, for null, in the whole engine.</summary>
    public IReadOnlyList<AccessRule> RulesOf(Caller caller, string? project)
    {
        ArgumentNullException.ThrowIfNull(caller);
        if (caller.Standing == Standing.Owner || (caller.Standing == Standing.Trusted && !Grants.Any(grant => grant.IsFor(caller))))
        {
            return [AccessRule.Everything];
        }
        List<AccessRule> rules = [];
        foreach (AccessGrant grant in Grants.Where(grant => (grant.Project.Length == 0 || grant.Project == project) && grant.IsFor(caller)))
        {
            rules.AddRange(RoleRules("ClusterRole", grant.Role, project) ?? []);
        }
        IEnumerable<KubernetesObject> bindings = Objects("ClusterRoleBinding");
        if (project is not null)
        {
            bindings = bindings.Concat(Objects("RoleBinding").Where(binding => binding.Namespace == project));
        }
        foreach (KubernetesObject binding in bindings.Where(binding => Binds(binding, caller)))
        {
            DocumentNode? role = binding.Tree["roleRef"];
            rules.AddRange(RoleRules(role.Text("kind"), role.Text("name"), binding.Namespace) ?? []);
        }
        return rules;
    }

    /// <summary>The projects where something was granted to <paramref name="caller"/> that does not hold everywhere.</summary>
    public IEnumerable<string> ProjectsOf(Caller caller) => Grants
        .Where(grant => grant.Project.Length > 0 && grant.IsFor(caller)).Select(grant => grant.Project)
        .Concat(Objects("RoleBinding").Where(binding => Binds(binding, caller)).Select(binding => binding.Namespace))
        .Distinct();

    /// <summary>The rules of a role; null when there is no such role.</summary>
    /// <param name="kind"><c>Role</c> or <c>ClusterRole</c>.</param>
    /// <param name="name">Its name; the built-in ones are roles of the whole engine.</param>
    /// <param name="project">Where a <c>Role</c> is.</param>
    public IReadOnlyList<AccessRule>? RoleRules(string kind, string name, string? project)
    {
        if (kind == "ClusterRole" && Role.Find(name) is { } builtIn)
        {
            return builtIn.Rules;
        }
        KubernetesObject? role = Objects(kind).FirstOrDefault(one => one.Name == name && (kind == "ClusterRole" || one.Namespace == project));
        if (role is null)
        {
            return null;
        }
        List<AccessRule> rules = [.. role.Tree["rules"].Items().Select(AccessRule.Read)];
        foreach (DocumentNode selector in role.Tree["aggregationRule"].Field("clusterRoleSelectors").Items())
        {
            LabelSelector labels = LabelSelector.Read(selector);
            rules.AddRange(Objects("ClusterRole").Where(other => other.Name != name && !labels.IsEmpty && labels.Fits(other.Labels)).SelectMany(other => other.Tree["rules"].Items()).Select(AccessRule.Read));
        }
        return rules;
    }

    private static bool Binds(KubernetesObject binding, Caller caller) => binding.Tree["subjects"].Items().Any(subject => subject.Text("kind") switch
    {
        "User" => subject.Text("name") == caller.Name,
        "Group" => caller.Groups.Contains(subject.Text("name")),
        "ServiceAccount" => ServiceAccountName(subject.Text("namespace") is { Length: > 0 } space ? space : binding.Namespace, subject.Text("name")) == caller.Name,
        _ => false,
    });

    /// <summary>The user that an account of services is.</summary>
    public static string ServiceAccountName(string project, string name) => $"system:serviceaccount:{project}:{name}";
}
