namespace Caisson.Control.Access;

/// <summary>A name for a set of rules.</summary>
/// <param name="Name">Unique.</param>
/// <param name="Summary">For whom it is.</param>
/// <param name="Rules">Any of them may allow.</param>
public sealed record Role(string Name, string Summary, IReadOnlyList<AccessRule> Rules)
{
    private const string Engine = Right.EngineGroup;

    private static readonly string[] Read = ["get", "list", "watch"];
    private static readonly string[] Write = ["create", "update", "patch", "delete", "deletecollection"];
    private static readonly string[] ReadWrite = [.. Read, .. Write];
    private static readonly string[] WorkGroups = ["apps", "batch", "autoscaling", "policy", "networking.k8s.io"];

    private static readonly AccessRule[] ViewerRules =
    [
        AccessRule.Of(
            Engine, Read, "containers", "containers/logs", "containers/stats", "images", "networks", "volumes", "volumes/snapshots", "secrets", "configs", "machines",
            "kernels", "engine", "events", "metrics", "plans", "roles"),
        AccessRule.Of(Engine, ["create"], "kubeconfig"),
        AccessRule.Of(
            "", Read, "pods", "pods/log", "pods/status", "services", "services/status", "endpoints", "configmaps", "persistentvolumeclaims", "persistentvolumeclaims/status",
            "serviceaccounts", "resourcequotas", "resourcequotas/status", "limitranges", "events", "namespaces", "namespaces/status", "nodes"),
        new([.. WorkGroups, "node.k8s.io", "metrics.k8s.io"], ["*"], Read, [], []),
    ];

    private static readonly AccessRule[] OperatorRules =
    [
        .. ViewerRules,
        AccessRule.Of(Engine, ["operate"], "containers", "machines", "engine"),
        AccessRule.Of(Engine, ["get"], "machines/console"),
        AccessRule.Of(Engine, ["delete"], "containers/logs"),
        AccessRule.Of(Engine, ["create", "update", "delete"], "machines/snapshots", "volumes/snapshots"),
        AccessRule.Of("", ["delete"], "pods"),
        AccessRule.Of("", ["create"], "pods/eviction"),
        AccessRule.Of("apps", ["update", "patch"], "*/scale"),
    ];

    private static readonly AccessRule[] DeveloperRules =
    [
        .. OperatorRules,
        AccessRule.Of(
            Engine, ["create", "update", "delete"], "containers", "containers/exec", "containers/attach", "containers/files", "containers/volumes", "images", "images/push", "networks",
            "volumes", "secrets", "configs", "builds", "machines", "machines/exec", "machines/console", "machines/devices"),
        AccessRule.Of(Engine, ["get"], "containers/files", "images/content"),
        AccessRule.Of(
            "", ReadWrite, "pods", "pods/attach", "pods/exec", "pods/portforward", "pods/eviction", "services", "configmaps", "secrets", "persistentvolumeclaims", "serviceaccounts"),
        new(WorkGroups, ["*"], ReadWrite, [], []),
    ];

    private static readonly AccessRule[] ProjectAdminRules =
    [
        .. DeveloperRules,
        AccessRule.Of(Engine, ["list", "create", "delete"], "grants"),
        AccessRule.Of("rbac.authorization.k8s.io", ReadWrite, "roles", "rolebindings"),
        AccessRule.Of("", ["create"], "serviceaccounts/token"),
        AccessRule.Of("authorization.k8s.io", ["create"], "localsubjectaccessreviews"),
    ];

    /// <summary>Looks, and cannot see what is secret.</summary>
    public static Role Viewer { get; } = new("viewer", "sees everything but secrets and files, changes nothing", ViewerRules);

    /// <summary>Keeps things running.</summary>
    public static Role Operator { get; } = new("operator", "as viewer, and starts, stops, scales and takes snapshots", OperatorRules);

    /// <summary>Makes workloads, without reach for the host.</summary>
    public static Role Developer { get; } = new("developer", "as operator, and makes, changes and enters workloads, without paths, devices or privileges of the host", DeveloperRules);

    /// <summary>Says who may do what in a project.</summary>
    public static Role ProjectAdmin { get; } = new("project-admin", "as developer, and grants what it has itself", ProjectAdminRules);

    /// <summary>Everything.</summary>
    public static Role ServerAdmin { get; } = new("server-admin", "everything, as root", [AccessRule.Everything]);

    /// <summary>Nothing: takes from a group what it has where nothing is granted.</summary>
    public static Role None { get; } = new("none", "nothing; for system:socket, system:certificates and system:local, which have everything otherwise", []);

    /// <summary>The roles there always are, each but the last with all that those before it have.</summary>
    public static IReadOnlyList<Role> BuiltIn { get; } = [Viewer, Operator, Developer, ProjectAdmin, ServerAdmin, None];

    /// <summary>The built-in role of a name, of ours or of the one that Kubernetes has for it; null when it is neither.</summary>
    public static Role? Find(string name) => name switch
    {
        "view" => Viewer,
        "edit" => Developer,
        "admin" => ProjectAdmin,
        "cluster-admin" => ServerAdmin,
        _ => BuiltIn.FirstOrDefault(role => role.Name == name),
    };

    /// <summary>The first built-in role that has a right; null when that is nothing but <see cref="ServerAdmin"/>'s.</summary>
    public static Role? Least(Right right, string name = "") => BuiltIn.FirstOrDefault(role => role != ServerAdmin && role.Rules.Any(rule => rule.Allows(right, name)));
}
