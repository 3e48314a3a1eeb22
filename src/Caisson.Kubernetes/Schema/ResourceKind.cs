using Caisson.Documents;
using Caisson.Errors;

namespace Caisson.Kubernetes.Schema;

/// <summary>A kind of object: how documents name it, and how paths do.</summary>
/// <param name="Group">Empty for the core group.</param>
/// <param name="Version">Such as <c>v1</c>.</param>
/// <param name="Kind">Such as <c>Deployment</c>.</param>
/// <param name="Plural">Such as <c>deployments</c>.</param>
/// <param name="ShortNames">Such as <c>deploy</c>.</param>
/// <param name="Namespaced">Its names are those of a namespace.</param>
public sealed record ResourceKind(string Group, string Version, string Kind, string Plural, IReadOnlyList<string> ShortNames, bool Namespaced = true)
{
    private static readonly ResourceKind[] Known =
    [
        new("", "v1", "Namespace", "namespaces", ["ns"], Namespaced: false),
        new("", "v1", "Node", "nodes", ["no"], Namespaced: false),
        new("", "v1", "Pod", "pods", ["po"]) { HasStatus = true, InAll = true },
        new("", "v1", "Service", "services", ["svc"]) { HasStatus = true, InAll = true },
        new("", "v1", "Endpoints", "endpoints", ["ep"]),
        new("", "v1", "ConfigMap", "configmaps", ["cm"]),
        new("", "v1", "Secret", "secrets", []),
        new("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", ["pvc"]) { HasStatus = true },
        new("", "v1", "ServiceAccount", "serviceaccounts", ["sa"]),
        new("", "v1", "ResourceQuota", "resourcequotas", ["quota"]) { HasStatus = true },
        new("", "v1", "LimitRange", "limitranges", ["limits"]),
        new("", "v1", "Event", "events", ["ev"]),
        new("apps", "v1", "Deployment", "deployments", ["deploy"]) { HasStatus = true, HasScale = true, InAll = true },
        new("apps", "v1", "ReplicaSet", "replicasets", ["rs"]) { HasStatus = true, HasScale = true, InAll = true },
        new("apps", "v1", "StatefulSet", "statefulsets", ["sts"]) { HasStatus = true, HasScale = true, InAll = true },
        new("apps", "v1", "DaemonSet", "daemonsets", ["ds"]) { HasStatus = true, InAll = true },
        new("batch", "v1", "Job", "jobs", []) { HasStatus = true, InAll = true },
        new("batch", "v1", "CronJob", "cronjobs", ["cj"]) { HasStatus = true, InAll = true },
        new("networking.k8s.io", "v1", "Ingress", "ingresses", ["ing"]) { HasStatus = true },
        new("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", ["netpol"]),
        new("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", ["hpa"]) { HasStatus = true, InAll = true },
        new("autoscaling", "v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers", ["hpa"]) { HasStatus = true, InAll = true },
        new("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", ["pdb"]) { HasStatus = true },
        new("node.k8s.io", "v1", "RuntimeClass", "runtimeclasses", [], Namespaced: false),
        new("rbac.authorization.k8s.io", "v1", "Role", "roles", []),
        new("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", []),
        new("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", [], Namespaced: false),
        new("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", [], Namespaced: false),
    ];

    /// <summary>Every kind; of one that has several versions each, the one that is kept first.</summary>
    public static IReadOnlyList<ResourceKind> All { get; } = Known;

    /// <summary>It has a status that is written apart.</summary>
    public bool HasStatus { get; init; }

    /// <summary>Its replicas can be asked for by a scale.</summary>
    public bool HasScale { get; init; }

    /// <summary>It belongs to <c>all</c>.</summary>
    public bool InAll { get; init; }

    /// <summary><c>v1</c> or <c>apps/v1</c>.</summary>
    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";

    /// <summary>The kind's one name in messages and tables.</summary>
    public string Singular { get; } = Kind.ToLowerInvariant();

    /// <summary><c>deployment.apps</c>, as messages name it.</summary>
    public string Qualified => Group.Length == 0 ? Singular : $"{Singular}.{Group}";

    /// <summary>The one whose version is kept.</summary>
    public ResourceKind Stored => Known.First(kind => kind.Group == Group && kind.Kind == Kind);

    /// <summary>The kind of a name; only for names of this table.</summary>
    public static ResourceKind Of(string kind) => Known.First(one => one.Kind == kind);

    /// <summary>The kind of a document; null when there is none.</summary>
    public static ResourceKind? Find(string apiVersion, string kind) => Known.FirstOrDefault(one => one.Kind == kind && one.ApiVersion == apiVersion);

    /// <summary>The kind of a path; null when there is none.</summary>
    public static ResourceKind? FindPlural(string group, string version, string plural) =>
        Known.FirstOrDefault(one => one.Plural == plural && one.Group == group && one.Version == version);

    /// <summary>The kind a person means: singular, plural, short, with or without a group.</summary>
    public static ResourceKind? FindWord(string word)
    {
        string name = word.ToLowerInvariant();
        return Known.FirstOrDefault(one => Is(one, name)) ?? Known.FirstOrDefault(one => name.Contains('.', StringComparison.Ordinal)
            && Is(one, name[..name.IndexOf('.', StringComparison.Ordinal)]) && (one.Group == name[(name.IndexOf('.', StringComparison.Ordinal) + 1)..]
                || name[(name.IndexOf('.', StringComparison.Ordinal) + 1)..] == $"{one.Version}.{one.Group}"));

        static bool Is(ResourceKind one, string name) => one.Singular == name || one.Plural == name || one.ShortNames.Contains(name);
    }

    /// <summary>The kind of a document, or a problem at the place where it says something else.</summary>
    public static ResourceKind? Read(MappingNode document, ICollection<Problem> problems)
    {
        DocumentNode? versionNode = document["apiVersion"];
        DocumentNode? kindNode = document["kind"];
        string version = versionNode.AsText();
        string kind = kindNode.AsText();
        if (kind.Length == 0)
        {
            problems.Add(document.Problem("has no 'kind'; a manifest says what it is, such as kind: Deployment"));
        }
        if (version.Length == 0)
        {
            problems.Add(document.Problem(Known.FirstOrDefault(one => one.Kind == kind) is { } meant
                ? $"has no 'apiVersion'; of kind {kind} it is {meant.ApiVersion}"
                : "has no 'apiVersion', such as apps/v1"));
        }
        if (kind.Length == 0 || version.Length == 0)
        {
            return null;
        }
        if (Find(version, kind) is { } found)
        {
            return found;
        }
        if (Known.FirstOrDefault(one => one.Kind == kind) is { } other)
        {
            problems.Add(versionNode!.Problem($"kind {kind} is not known in version '{version}'; it is in {string.Join(" and ", Known.Where(one => one.Kind == kind).Select(one => one.ApiVersion))}"));
        }
        else
        {
            problems.Add(kindNode!.Problem($"unknown kind '{kind}'{Spelling.Hint(kind, Known.Select(one => one.Kind))}"));
        }
        return null;
    }
}
