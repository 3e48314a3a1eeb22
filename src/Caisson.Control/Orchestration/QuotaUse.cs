using Caisson.Documents;
using Caisson.Kubernetes.Controllers;
using Caisson.Kubernetes.Objects;
using Caisson.Kubernetes.Schema;

namespace Caisson.Control.Orchestration;

/// <summary>What objects take of a quota. Pure. Source: Kubernetes, "Resource Quotas".</summary>
internal static class QuotaUse
{
    private const string Requests = "requests.";
    private const string Limits = "limits.";
    private const string Count = "count/";

    /// <summary>What one object takes of a resource.</summary>
    public static decimal Of(string resource, KubernetesObject one)
    {
        string name = NameOf(one.Kind);
        if (one.Kind.Kind == "Pod" && one.IsFinished)
        {
            return 0;
        }
        if (resource == Count + name || (one.Kind.Group.Length == 0 && resource == one.Kind.Plural))
        {
            return 1;
        }
        return one.Kind.Kind switch
        {
            "Pod" when resource is "cpu" or "memory" or "ephemeral-storage" => OfPod(one, container => Request(container, resource)) ?? 0,
            "Pod" when resource.StartsWith(Requests, StringComparison.Ordinal) => OfPod(one, container => Request(container, resource[Requests.Length..])) ?? 0,
            "Pod" when resource.StartsWith(Limits, StringComparison.Ordinal) => OfPod(one, container => Limit(container, resource[Limits.Length..])) ?? 0,
            "PersistentVolumeClaim" when resource == "requests.storage" => Quantity.Parse(one.Spec.At("resources", "requests").Text("storage")),
            "Service" when resource == "services.nodeports" => one.Spec.Text("type") is "NodePort" or "LoadBalancer" ? one.Spec.Field("ports").Items().Count() : 0,
            "Service" when resource == "services.loadbalancers" => one.Spec.Text("type") == "LoadBalancer" ? 1 : 0,
            _ => 0,
        };
    }

    /// <summary>What all objects that a quota counts take of a resource.</summary>
    public static decimal Of(string resource, KubernetesObject quota, Func<string, IEnumerable<KubernetesObject>> list) => Kinds(resource).Distinct()
        .SelectMany(list).Where(one => one.Namespace == quota.Namespace && IsCounted(quota, one)).Sum(one => Of(resource, one));

    /// <summary>Whether a quota is about an object: scopes leave some pods out.</summary>
    public static bool IsCounted(KubernetesObject quota, KubernetesObject one)
    {
        IEnumerable<(string Scope, string Operator, IReadOnlyList<string> Values)> scopes = quota.Spec.Texts("scopes").Select(scope => (scope, "Exists", (IReadOnlyList<string>)[]))
            .Concat(quota.Spec.Field("scopeSelector").Field("matchExpressions").Items().Select(term => (term.Text("scopeName"), term.Text("operator"), term.Texts("values"))));
        return scopes.All(scope => one.Kind.Kind == "Pod" && scope.Scope switch
        {
            "Terminating" => one.Spec.Whole("activeDeadlineSeconds") is >= 0,
            "NotTerminating" => one.Spec.Whole("activeDeadlineSeconds") is null,
            "BestEffort" => IsBestEffort(one),
            "NotBestEffort" => !IsBestEffort(one),
            "PriorityClass" => one.Spec.Text("priorityClassName") is var priority && scope.Operator switch
            {
                "In" => scope.Values.Contains(priority),
                "NotIn" => !scope.Values.Contains(priority),
                "DoesNotExist" => priority.Length == 0,
                _ => priority.Length > 0,
            },
            _ => false,
        });
    }

    /// <summary>What a pod takes: all its containers together, or its largest container of the beginning, which run one after another.</summary>
    /// <returns>Null when none of them says.</returns>
    public static decimal? OfPod(KubernetesObject pod, Func<DocumentNode, decimal?> amount)
    {
        decimal?[] running = [.. pod.Spec.Field("containers").Items().Concat(pod.Spec.Field("initContainers").Items().Where(IsSidecar)).Select(amount)];
        decimal?[] first = [.. pod.Spec.Field("initContainers").Items().Where(container => !IsSidecar(container)).Select(amount)];
        decimal? most = first.Max();
        decimal? sum = running.Any(one => one is not null) ? running.Sum(one => one ?? 0) : null;
        return most is null ? sum : sum is null || most > sum ? most : sum;
    }

    /// <summary>What a container asks for; its limit where it says only that; null when it says nothing.</summary>
    public static decimal? Request(DocumentNode container, string resource) => Amount(container, "requests", resource) ?? Limit(container, resource);

    /// <summary>What a container may have at most; null when it says nothing.</summary>
    public static decimal? Limit(DocumentNode container, string resource) => Amount(container, "limits", resource);

    private static IEnumerable<string> Kinds(string resource)
    {
        foreach (ResourceKind kind in ResourceKind.All.Where(kind => resource == Count + NameOf(kind) || (kind.Group.Length == 0 && kind.Plural == resource)))
        {
            yield return kind.Kind;
        }
        if (resource == "requests.storage")
        {
            yield return "PersistentVolumeClaim";
        }
        else if (resource.StartsWith("services.", StringComparison.Ordinal))
        {
            yield return "Service";
        }
        else if (resource is "cpu" or "memory" or "ephemeral-storage" || resource.StartsWith(Requests, StringComparison.Ordinal) || resource.StartsWith(Limits, StringComparison.Ordinal))
        {
            yield return "Pod";
        }
    }

    private static string NameOf(ResourceKind kind) => kind.Group.Length == 0 ? kind.Plural : $"{kind.Plural}.{kind.Group}";

    private static bool IsSidecar(DocumentNode container) => container.Text("restartPolicy") == "Always";

    private static bool IsBestEffort(KubernetesObject pod) => pod.Spec.Field("containers").Items().Concat(pod.Spec.Field("initContainers").Items())
        .All(container => ((string[])["cpu", "memory"]).All(resource => Request(container, resource) is null or 0));

    private static decimal? Amount(DocumentNode container, string part, string resource) =>
        container.At("resources", part).Text(resource) is { Length: > 0 } text ? Quantity.Parse(text) : null;
}
