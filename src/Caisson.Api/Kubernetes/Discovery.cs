using Caisson.Documents;
using Caisson.Kubernetes.Schema;

namespace Caisson.Api.Kubernetes;

/// <summary>What the API has, in its own words. Source: Kubernetes API reference, "API discovery".</summary>
internal static class Discovery
{
    /// <summary>An OpenAPI document of version 2 without any definition, in protocol buffers: clients check nothing by it, since we do.</summary>
    public static readonly byte[] OpenApi = [0x0a, 3, .. "2.0"u8, 0x12, 17, 0x0a, 7, .. "Caisson"u8, 0x12, 6, .. "v1.20"u8, (byte)'0'];

    /// <summary>Groups without objects that are kept, with their versions.</summary>
    private static readonly Dictionary<string, string> Virtual = new()
    {
        ["metrics.k8s.io"] = "v1beta1",
        ["authorization.k8s.io"] = "v1",
        ["authentication.k8s.io"] = "v1",
    };

    /// <summary>The document at a path; null when there is none.</summary>
    public static MappingNode? Find(string path) => path.Trim('/') switch
    {
        "version" => Doc.Map(
            ("major", Doc.Text("1")), ("minor", Doc.Text("30")), ("gitVersion", Doc.Text("v1.30.0+caisson")), ("gitCommit", Doc.Text("")), ("gitTreeState", Doc.Text("clean")),
            ("buildDate", Doc.Text("1970-01-01T00:00:00Z")), ("goVersion", Doc.Text("none")), ("compiler", Doc.Text("none")), ("platform", Doc.Text("linux/amd64"))),
        "api" => Doc.Map(
            ("kind", Doc.Text("APIVersions")), ("versions", Doc.List(["v1"])), ("serverAddressByClientCIDRs", Doc.EmptyList)),
        "apis" => Doc.Map(("kind", Doc.Text("APIGroupList")), ("apiVersion", Doc.Text("v1")), ("groups", Doc.List(Groups().Select(group => (DocumentNode)Group(group))))),
        "apis/metrics.k8s.io/v1beta1" => List("metrics.k8s.io/v1beta1",
        [
            Resource("pods", "PodMetrics", true, ["get", "list"], []), Resource("nodes", "NodeMetrics", false, ["get", "list"], []),
        ]),
        "apis/authorization.k8s.io/v1" => List("authorization.k8s.io/v1",
        [
            .. ((string[])["SelfSubjectAccessReview", "SelfSubjectRulesReview", "SubjectAccessReview"]).Select(kind => Resource(kind.ToLowerInvariant() + "s", kind, false, ["create"], [])),
            Resource("localsubjectaccessreviews", "LocalSubjectAccessReview", true, ["create"], []),
        ]),
        "apis/authentication.k8s.io/v1" => List("authentication.k8s.io/v1", [Resource("selfsubjectreviews", "SelfSubjectReview", false, ["create"], [])]),
        var other => FindResources(other.Split('/')),
    };

    private static MappingNode? FindResources(string[] parts)
    {
        if (parts is ["apis", var name] && Groups().Contains(name))
        {
            return Group(name).With("kind", Doc.Text("APIGroup")!).With("apiVersion", Doc.Text("v1")!);
        }
        (string group, string version) = parts switch
        {
            ["api", var v] => ("", v),
            ["apis", var g, var v] => (g, v),
            _ => ("?", ""),
        };
        ResourceKind[] kinds = [.. ResourceKind.All.Where(kind => kind.Group == group && kind.Version == version)];
        return kinds.Length == 0 ? null : List(kinds[0].ApiVersion, kinds.SelectMany(Resources));
    }

    private static IEnumerable<string> Groups() => ResourceKind.All.Select(kind => kind.Group).Where(group => group.Length > 0).Concat(Virtual.Keys).Distinct();

    private static MappingNode Group(string group)
    {
        string[] versions = Virtual.TryGetValue(group, out string? only) ? [only] : [.. ResourceKind.All.Where(kind => kind.Group == group).Select(kind => kind.Version).Distinct()];
        MappingNode Version(string version) => Doc.Map(("groupVersion", Doc.Text($"{group}/{version}")), ("version", Doc.Text(version)));
        return Doc.Map(
            ("name", Doc.Text(group)), ("versions", Doc.List(versions.Select(version => (DocumentNode)Version(version)))), ("preferredVersion", Version(versions[0])));
    }

    private static MappingNode List(string version, IEnumerable<DocumentNode> resources) => Doc.Map(
        ("kind", Doc.Text("APIResourceList")), ("apiVersion", Doc.Text("v1")), ("groupVersion", Doc.Text(version)), ("resources", Doc.List(resources)));

    private static IEnumerable<DocumentNode> Resources(ResourceKind kind)
    {
        yield return Resource(
            kind.Plural, kind.Kind, kind.Namespaced, ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"], kind.ShortNames, kind.InAll, kind.Singular);
        if (kind.HasStatus)
        {
            yield return Resource(kind.Plural + "/status", kind.Kind, kind.Namespaced, ["get", "patch", "update"], []);
        }
        if (kind.HasScale)
        {
            yield return Resource(kind.Plural + "/scale", "Scale", true, ["get", "patch", "update"], []).With("group", Doc.Text("autoscaling")!).With("version", Doc.Text("v1")!);
        }
        foreach (string part in kind.Kind == "Pod" ? (string[])["log", "exec", "attach", "portforward"] : [])
        {
            yield return Resource("pods/" + part, part switch { "log" => "Pod", "exec" => "PodExecOptions", "attach" => "PodAttachOptions", _ => "PodPortForwardOptions" }, true, ["create", "get"], []);
        }
        if (kind.Kind == "ServiceAccount")
        {
            yield return Resource("serviceaccounts/token", "TokenRequest", true, ["create"], []).With("group", Doc.Text("authentication.k8s.io")!).With("version", Doc.Text("v1")!);
        }
        if (kind.Kind == "Pod")
        {
            yield return Resource("pods/eviction", "Eviction", true, ["create"], []).With("group", Doc.Text("policy")!).With("version", Doc.Text("v1beta1")!);
        }
    }

    private static MappingNode Resource(string name, string kind, bool namespaced, string[] verbs, IReadOnlyList<string> shorts, bool inAll = false, string singular = "") => Doc.Map(
        ("name", Doc.Text(name)), ("singularName", Doc.Text(singular)), ("namespaced", Doc.Flag(namespaced)), ("kind", Doc.Text(kind)), ("verbs", Doc.List(verbs)),
        ("shortNames", shorts.Count > 0 ? Doc.List(shorts) : null), ("categories", inAll ? Doc.List(["all"]) : null));
}
