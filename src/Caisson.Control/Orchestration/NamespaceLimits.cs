using System.Globalization;

using Caisson.Documents;
using Caisson.Errors;
using Caisson.Kubernetes.Objects;

namespace Caisson.Control.Orchestration;

/// <summary>What a namespace lets in: defaults and bounds of its limit ranges, and its quotas. Pure, in Kubernetes' words. Source: Kubernetes, "Limit Ranges", "Resource Quotas".</summary>
internal static class NamespaceLimits
{
    private static readonly string[] ContainerLists = ["initContainers", "containers"];

    // What every container must say when a quota counts it.
    private static readonly string[] Compute = ["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"];

    /// <summary>A pod with what its namespace gives to containers that do not say; or a refusal.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.PermissionDenied"/>: it is beyond a bound.</exception>
    public static KubernetesObject Apply(KubernetesObject made, IEnumerable<KubernetesObject> ranges)
    {
        DocumentNode[] limits = [.. ranges.Where(range => range.Namespace == made.Namespace).SelectMany(range => range.Spec.Field("limits").Items())];
        if (made.Kind.Kind == "PersistentVolumeClaim")
        {
            foreach (DocumentNode limit in limits.Where(limit => limit.Text("type") == "PersistentVolumeClaim"))
            {
                RequireBounds(made, limit, name => made.Spec.At("resources", "requests", name).AsText() is { Length: > 0 } text ? Quantity.Parse(text) : null, _ => null);
            }
            return made;
        }
        foreach (DocumentNode limit in limits.Where(limit => limit.Text("type") == "Container"))
        {
            foreach (string list in ContainerLists)
            {
                if (made.Spec.Field(list) is SequenceNode containers)
                {
                    made = made.With(Doc.List(containers.Items.Select(container => (DocumentNode)WithDefaults((MappingNode)container, limit))), "spec", list);
                }
            }
        }
        foreach (DocumentNode limit in limits)
        {
            switch (limit.Text("type"))
            {
                case "Container":
                    foreach (DocumentNode container in ContainerLists.SelectMany(list => made.Spec.Field(list).Items()))
                    {
                        RequireBounds(made, limit, name => QuotaUse.Request(container, name), name => QuotaUse.Limit(container, name));
                    }
                    break;
                case "Pod":
                    RequireBounds(made, limit, name => QuotaUse.OfPod(made, container => QuotaUse.Request(container, name)), name => QuotaUse.OfPod(made, container => QuotaUse.Limit(container, name)));
                    break;
            }
        }
        return made;
    }

    /// <summary>Refuses what a quota has no room for.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.PermissionDenied"/>.</exception>
    public static void RequireQuota(KubernetesObject made, Func<string, IEnumerable<KubernetesObject>> list)
    {
        foreach (KubernetesObject quota in list("ResourceQuota").Where(quota => quota.Namespace == made.Namespace && QuotaUse.IsCounted(quota, made)))
        {
            RequireSaid(made, quota);
            List<(string Name, decimal More, decimal Used, string Hard)> exceeded = [];
            foreach ((string name, string hard) in quota.Spec.Pairs("hard").OrderBy(pair => pair.Key, StringComparer.Ordinal))
            {
                decimal more = QuotaUse.Of(name, made);
                if (more > 0 && QuotaUse.Of(name, quota, list) is var used && used + more > Quantity.Parse(hard))
                {
                    exceeded.Add((name, more, used, hard));
                }
            }
            if (exceeded.Count > 0)
            {
                string Say(Func<(string Name, decimal More, decimal Used, string Hard), string> amount) => string.Join(',', exceeded.Select(one => $"{one.Name}={amount(one)}"));
                throw Forbidden(
                    made, $"exceeded quota: {quota.Name}, requested: {Say(one => Amount(one.Name, one.More))}, used: {Say(one => Amount(one.Name, one.Used))}, limited: {Say(one => one.Hard)}");
            }
        }
    }

    /// <summary>A quota of the processor or memory can only be kept when every container says what it takes.</summary>
    private static void RequireSaid(KubernetesObject made, KubernetesObject quota)
    {
        if (made.Kind.Kind != "Pod")
        {
            return;
        }
        List<string> missing = [];
        foreach (string name in quota.Spec.Pairs("hard").Select(pair => pair.Key).Where(Compute.Contains).Order(StringComparer.Ordinal))
        {
            string resource = name[(name.IndexOf('.', StringComparison.Ordinal) + 1)..];
            string[] silent =
            [
                .. ContainerLists.SelectMany(list => made.Spec.Field(list).Items())
                    .Where(container => (name.StartsWith("limits.", StringComparison.Ordinal) ? QuotaUse.Limit(container, resource) : QuotaUse.Request(container, resource)) is null)
                    .Select(container => container.Text("name")),
            ];
            if (silent.Length > 0)
            {
                missing.Add($"{name} for: {string.Join(',', silent)}");
            }
        }
        if (missing.Count > 0)
        {
            throw Forbidden(made, $"failed quota: {quota.Name}: must specify {string.Join("; ", missing)}");
        }
    }

    private static MappingNode WithDefaults(MappingNode container, DocumentNode limit)
    {
        // What a range does not say itself follows from what it says: a most is the limit, a least the request.
        Dictionary<string, string> limits = limit.Pairs("default").ToDictionary(pair => pair.Key, pair => pair.Value);
        foreach ((string name, string most) in limit.Pairs("max"))
        {
            limits.TryAdd(name, most);
        }
        Dictionary<string, string> requests = limit.Pairs("defaultRequest").ToDictionary(pair => pair.Key, pair => pair.Value);
        foreach ((string name, string usual) in limits)
        {
            requests.TryAdd(name, usual);
        }
        foreach ((string name, string least) in limit.Pairs("min"))
        {
            requests.TryAdd(name, least);
        }
        foreach ((string name, string value) in requests)
        {
            if (container.At("resources", "requests", name) is null)
            {
                DocumentNode own = container.At("resources", "limits", name) ?? Doc.Text(value)!;
                container = container.Set(own, "resources", "requests", name);
            }
        }
        foreach ((string name, string value) in limits)
        {
            container = container.At("resources", "limits", name) is null ? container.Set(Doc.Text(value), "resources", "limits", name) : container;
        }
        return container;
    }

    private static void RequireBounds(KubernetesObject made, DocumentNode limit, Func<string, decimal?> requested, Func<string, decimal?> limited)
    {
        string type = limit.Text("type");
        bool hasLimits = type != "PersistentVolumeClaim";
        foreach ((string name, string least) in limit.Pairs("min"))
        {
            decimal bound = Quantity.Parse(least);
            if (requested(name) is not { } request)
            {
                throw Forbidden(made, $"minimum {name} usage per {type} is {least}. No request is specified");
            }
            if (request < bound)
            {
                throw Forbidden(made, $"minimum {name} usage per {type} is {least}, but request is {Amount(name, request)}");
            }
            if (limited(name) is { } most && most < bound)
            {
                throw Forbidden(made, $"minimum {name} usage per {type} is {least}, but limit is {Amount(name, most)}");
            }
        }
        foreach ((string name, string most) in limit.Pairs("max"))
        {
            decimal bound = Quantity.Parse(most);
            if (hasLimits && limited(name) is not { })
            {
                throw Forbidden(made, $"maximum {name} usage per {type} is {most}. No limit is specified");
            }
            if (limited(name) is { } given && given > bound)
            {
                throw Forbidden(made, $"maximum {name} usage per {type} is {most}, but limit is {Amount(name, given)}");
            }
            if (requested(name) is { } request && request > bound)
            {
                throw Forbidden(made, $"maximum {name} usage per {type} is {most}, but request is {Amount(name, request)}");
            }
        }
        foreach ((string name, string ratio) in limit.Pairs("maxLimitRequestRatio"))
        {
            if (requested(name) is not > 0 || limited(name) is not > 0)
            {
                throw Forbidden(made, $"{name} max limit to request ratio per {type} is {ratio}, but no request is specified or request is 0");
            }
            decimal given = limited(name)!.Value / requested(name)!.Value;
            if (given > Quantity.Parse(ratio))
            {
                throw Forbidden(made, string.Create(CultureInfo.InvariantCulture, $"{name} max limit to request ratio per {type} is {ratio}, but provided ratio is {given:0.000000}"));
            }
        }
    }

    private static string Amount(string name, decimal amount) =>
        name.Contains("memory", StringComparison.Ordinal) || name.Contains("storage", StringComparison.Ordinal) ? Quantity.WriteBytes(amount) : Quantity.Write(amount);

    private static CaissonException Forbidden(KubernetesObject one, string reason) =>
        new(ErrorKind.PermissionDenied, $"{one.Kind.Plural}{(one.Kind.Group.Length > 0 ? "." + one.Kind.Group : "")} \"{(one.Name.Length > 0 ? one.Name : one.Metadata.Text("generateName"))}\" is forbidden: {reason}");
}
