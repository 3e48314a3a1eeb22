using Caisson.Documents;
using Caisson.Kubernetes.Controllers;
using Caisson.Kubernetes.Objects;
using Caisson.Kubernetes.Schema;

namespace Caisson.Control.Orchestration;

/// <summary>What objects take of a quota. Pure. Source: Kubernetes, "Resource Quotas".</summary>
internal static class QuotaUse
{
    /// <summary>What one object takes of a resource.</summary>
    public static decimal Of(string resource, KubernetesObject one)
    {
        if (one.Kind.Kind == "Pod")
        {
            if (one.IsFinished)
            {
                return 0;
            }
            switch (resource)
            {
                case "pods" or "count/pods":
                    return 1;
                case "cpu" or "memory":
                    return Sum(one, "requests", resource);
                case "requests.cpu" or "requests.memory":
                    return Sum(one, "requests", resource["requests.".Length..]);
                case "limits.cpu" or "limits.memory":
                    return Sum(one, "limits", resource["limits.".Length..]);
            }
        }
        if (one.Kind.Kind == "PersistentVolumeClaim" && resource == "requests.storage")
        {
            return Quantity.Parse(one.Spec.At("resources", "requests").Text("storage"));
        }
        string counted = one.Kind.Group.Length == 0 ? one.Kind.Plural : $"{one.Kind.Plural}.{one.Kind.Group}";
        return resource == "count/" + counted || (one.Kind.Group.Length == 0 && resource == one.Kind.Plural) ? 1 : 0;
    }

    /// <summary>What all objects of a namespace take of a resource.</summary>
    public static decimal Of(string resource, string space, Func<string, IReadOnlyList<KubernetesObject>> list)
    {
        IEnumerable<string> kinds = resource.StartsWith("count/", StringComparison.Ordinal)
            ? ResourceKind.All.Where(kind => resource == "count/" + (kind.Group.Length == 0 ? kind.Plural : $"{kind.Plural}.{kind.Group}")).Select(kind => kind.Kind)
            : ResourceKind.All.Where(kind => kind.Group.Length == 0 && kind.Plural == resource).Select(kind => kind.Kind)
                .Concat(resource == "requests.storage" ? ["PersistentVolumeClaim"] : resource.Contains("cpu", StringComparison.Ordinal) || resource.Contains("memory", StringComparison.Ordinal) ? ["Pod"] : []);
        return kinds.Distinct().SelectMany(list).Where(one => one.Namespace == space).Sum(one => Of(resource, one));
    }

    private static decimal Sum(KubernetesObject pod, string part, string resource) =>
        pod.Spec.Field("containers").Items().Sum(container => Quantity.Parse(container.At("resources", part).Text(resource)));
}
