using System.Text.Json;

using Xunit;

namespace Caisson.Api.Tests.Access;

/// <summary>Kubernetes' roles, bindings, accounts and reviews, as kubectl's users expect them.</summary>
public sealed class KubernetesAccessTests
{
    private const string Prefix = "/caisson/kubernetes";
    private const string Core = Prefix + "/api/v1/namespaces/default";
    private const string Rbac = Prefix + "/apis/rbac.authorization.k8s.io/v1";

    [Fact]
    public async Task A_service_accounts_token_has_what_its_bindings_say()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync(withObjects: true);
        Assert.StartsWith("HTTP/1.1 201 ", await api.SendAsync("POST", Core + "/serviceaccounts", """{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"robot"}}"""), StringComparison.Ordinal);
        await MakeRoleAsync(api, "reader", """[{"apiGroups":[""],"resources":["configmaps"],"verbs":["get","list"]},{"apiGroups":[""],"resources":["secrets"],"resourceNames":["one"],"verbs":["get"]}]""");
        await BindAsync(api, "reader", """{"kind":"ServiceAccount","name":"robot","namespace":"default"}""");
        string answer = await api.SendAsync("POST", Core + "/serviceaccounts/robot/token", """{"spec":{"expirationSeconds":3600}}""");
        string token = Body(answer).GetProperty("status").GetProperty("token").GetString()!;

        Assert.Equal(200, await api.StatusAsync("GET", Core + "/configmaps", token));
        Assert.Equal(403, await api.StatusAsync("POST", Core + "/configmaps", token));
        Assert.Equal(403, await api.StatusAsync("GET", Core + "/secrets", token));
        Assert.Equal(404, await api.StatusAsync("GET", Core + "/secrets/one", token));
        Assert.Equal(403, await api.StatusAsync("GET", Core + "/secrets/two", token));
        Assert.Equal(403, await api.StatusAsync("GET", Prefix + "/api/v1/namespaces/kube-system/configmaps", token));
        Assert.Equal(403, await api.StatusAsync("GET", Prefix + "/api/v1/configmaps", token));
        Assert.Equal(403, await api.StatusAsync("GET", "/images/json", token));

        // Another account of the same name is another.
        _ = await api.GetAsync(Core + "/serviceaccounts/robot", "DELETE");
        _ = await api.SendAsync("POST", Core + "/serviceaccounts", """{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"robot"}}""");
        Assert.Equal(401, await api.StatusAsync("GET", Core + "/configmaps", token));
    }

    [Fact]
    public async Task A_refusal_is_a_status_that_names_what_is_missing()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync(withObjects: true);
        string token = api.TokenOf("alice", "viewer", project: "default");

        JsonElement status = Body(await api.AsAsync(token, "DELETE", Prefix + "/apis/apps/v1/namespaces/default/deployments/web"));

        Assert.Equal("Status", status.GetProperty("kind").GetString());
        Assert.Equal("Forbidden", status.GetProperty("reason").GetString());
        Assert.Equal(403, status.GetProperty("code").GetInt32());
        Assert.Equal(
            "deployments.apps \"web\" is forbidden: User \"alice\" cannot delete resource \"deployments\" in API group \"apps\" in the namespace \"default\": the right 'delete deployments.apps' is missing",
            status.GetProperty("message").GetString());
    }

    [Fact]
    public async Task Reviews_answer_for_oneself_and_impersonation_needs_its_right()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync(withObjects: true);
        string token = api.TokenOf("alice", "developer", project: "default");
        const string Review = Prefix + "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

        Assert.True(Allowed(await api.AsAsync(token, "POST", Review, Ask("create", "pods", "default"))));
        Assert.False(Allowed(await api.AsAsync(token, "POST", Review, Ask("create", "pods", "kube-system"))));
        Assert.False(Allowed(await api.AsAsync(token, "POST", Review, Ask("create", "roles", "default", "rbac.authorization.k8s.io"))));
        Assert.True(Allowed(await api.SendAsync("POST", Review, Ask("create", "pods", "kube-system"))));
        JsonElement rules = Body(await api.AsAsync(token, "POST", Prefix + "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", """{"spec":{"namespace":"default"}}"""));
        Assert.NotEmpty(rules.GetProperty("status").GetProperty("resourceRules").EnumerateArray());

        string asAlice = await api.RawAsync($"GET {Core}/configmaps HTTP/1.1\r\nHost: docker\r\nImpersonate-User: alice\r\nConnection: close\r\n\r\n");
        string asAliceElsewhere = await api.RawAsync($"GET {Prefix}/api/v1/configmaps HTTP/1.1\r\nHost: docker\r\nImpersonate-User: alice\r\nConnection: close\r\n\r\n");
        string byAlice = await api.RawAsync($"GET {Core}/configmaps HTTP/1.1\r\nHost: docker\r\nAuthorization: Bearer {token}\r\nImpersonate-User: root\r\nConnection: close\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 200 ", asAlice, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 403 ", asAliceElsewhere, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 403 ", byAlice, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_makes_roles_bindings_or_pods_beyond_its_own_rights()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync(withObjects: true);
        string token = api.TokenOf("boss", "project-admin", project: "default");
        const string Roles = Rbac + "/namespaces/default/roles";
        const string Bindings = Rbac + "/namespaces/default/rolebindings";

        Assert.StartsWith("HTTP/1.1 201 ", await api.AsAsync(token, "POST", Roles, RoleOf("mine", """[{"apiGroups":["apps"],"resources":["deployments"],"verbs":["get"]}]""")), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 403 ", await api.AsAsync(token, "POST", Roles, RoleOf("more", """[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]""")), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 201 ", await api.AsAsync(token, "POST", Bindings, BindingOf("b1", "ClusterRole", "edit", """{"kind":"User","name":"kid","apiGroup":"rbac.authorization.k8s.io"}""")), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 403 ", await api.AsAsync(token, "POST", Bindings, BindingOf("b2", "ClusterRole", "cluster-admin", """{"kind":"User","name":"boss","apiGroup":"rbac.authorization.k8s.io"}""")), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 403 ", await api.AsAsync(token, "POST", Bindings, BindingOf("b3", "ClusterRole", "made-later", """{"kind":"User","name":"boss","apiGroup":"rbac.authorization.k8s.io"}""")), StringComparison.Ordinal);
        const string Pod = """{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"replicas":0,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"tiny"SECURITY}]VOLUMES}}}}""";
        const string Deployments = Prefix + "/apis/apps/v1/namespaces/default/deployments";
        string privileged = await api.AsAsync(token, "POST", Deployments, Pod.Replace("SECURITY", ""","securityContext":{"privileged":true}""", StringComparison.Ordinal).Replace("VOLUMES", "", StringComparison.Ordinal));
        string hostPath = await api.AsAsync(token, "POST", Deployments, Pod.Replace("SECURITY", "", StringComparison.Ordinal).Replace("VOLUMES", ""","volumes":[{"name":"v","hostPath":{"path":"/"}}]""", StringComparison.Ordinal));
        string plain = await api.AsAsync(token, "POST", Deployments, Pod.Replace("SECURITY", "", StringComparison.Ordinal).Replace("VOLUMES", "", StringComparison.Ordinal));
        string patched = await api.AsAsync(token, "PATCH", Deployments + "/web", """{"spec":{"template":{"spec":{"hostNetwork":true}}}}""", "application/merge-patch+json");

        Assert.Contains("'use host/privileges' is missing", privileged, StringComparison.Ordinal);
        Assert.Contains("'use host/paths' is missing", hostPath, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 201 ", plain, StringComparison.Ordinal);
        Assert.Contains("'use host/namespaces' is missing", patched, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_path_without_a_namespace_is_no_way_into_another()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync(withObjects: true);
        string token = api.TokenOf("dev", "developer", project: "default");
        const string Elsewhere = """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"kept","namespace":"kube-system"},"data":{"a":"b"}}""";
        Assert.StartsWith("HTTP/1.1 201 ", await api.SendAsync("POST", Prefix + "/api/v1/namespaces/kube-system/configmaps", Elsewhere), StringComparison.Ordinal);

        Assert.StartsWith("HTTP/1.1 403 ", await api.AsAsync(token, "PUT", Prefix + "/api/v1/configmaps/kept", Elsewhere), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 403 ", await api.AsAsync(token, "POST", Prefix + "/api/v1/configmaps", Elsewhere), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 400 ", await api.AsAsync(token, "POST", Core + "/configmaps", Elsewhere), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 400 ", await api.AsAsync(token, "PUT", Core + "/configmaps/kept", Elsewhere), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Roles_that_gather_others_have_their_rules_and_cluster_bindings_hold_everywhere()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync(withObjects: true);
        string token = api.TokenOf("alice", "none");
        await CreateAsync(api, "clusterroles", """{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"part","labels":{"gather":"yes"}},"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["list"]},{"apiGroups":["caisson.io"],"resources":["images"],"verbs":["list"]}]}""");
        await CreateAsync(api, "clusterroles", """{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"whole"},"aggregationRule":{"clusterRoleSelectors":[{"matchLabels":{"gather":"yes"}}]}}""");
        Assert.Equal(403, await api.StatusAsync("GET", Prefix + "/api/v1/pods", token));

        await CreateAsync(api, "clusterrolebindings", """{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"all"},"subjects":[{"kind":"Group","name":"system:authenticated","apiGroup":"rbac.authorization.k8s.io"}],"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"whole"}}""");

        Assert.Equal(200, await api.StatusAsync("GET", Prefix + "/api/v1/pods", token));
        Assert.Equal(200, await api.StatusAsync("GET", "/images/json", token)); // roles of Kubernetes may name what is the engine's
        Assert.Equal(403, await api.StatusAsync("GET", Prefix + "/api/v1/services", token));
    }

    private static async Task CreateAsync(ApiFixture api, string plural, string json) =>
        Assert.StartsWith("HTTP/1.1 201 ", await api.SendAsync("POST", $"{Rbac}/{plural}", json), StringComparison.Ordinal);

    private static async Task MakeRoleAsync(ApiFixture api, string name, string rules) =>
        Assert.StartsWith("HTTP/1.1 201 ", await api.SendAsync("POST", Rbac + "/namespaces/default/roles", RoleOf(name, rules)), StringComparison.Ordinal);

    private static async Task BindAsync(ApiFixture api, string role, string subject) =>
        Assert.StartsWith("HTTP/1.1 201 ", await api.SendAsync("POST", Rbac + "/namespaces/default/rolebindings", BindingOf(role, "Role", role, subject)), StringComparison.Ordinal);

    private static string RoleOf(string name, string rules) => $$"""{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"{{name}}"},"rules":{{rules}}}""";

    private static string BindingOf(string name, string kind, string role, string subject) =>
        $$$"""{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"{{{name}}}"},"subjects":[{{{subject}}}],"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"{{{kind}}}","name":"{{{role}}}"}}""";

    private static string Ask(string verb, string resource, string space, string group = "") =>
        $$$"""{"spec":{"resourceAttributes":{"verb":"{{{verb}}}","resource":"{{{resource}}}","namespace":"{{{space}}}","group":"{{{group}}}"} } }""";

    private static bool Allowed(string answer) => Body(answer).GetProperty("status").GetProperty("allowed").GetBoolean();

    private static JsonElement Body(string answer) => JsonDocument.Parse(answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]).RootElement;
}
