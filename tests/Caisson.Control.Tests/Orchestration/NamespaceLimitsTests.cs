using Caisson.Control.Orchestration;
using Caisson.Documents;
using Caisson.Errors;
using Caisson.Kubernetes.Controllers;
using Caisson.Kubernetes.Objects;

using Xunit;

namespace Caisson.Control.Tests.Orchestration;

/// <summary>Quotas and limit ranges of a namespace, in Kubernetes' words.</summary>
public sealed class NamespaceLimitsTests : IAsyncDisposable
{
    private readonly EngineFixture _engine;
    private readonly SecretBox _box;
    private readonly ObjectStore _store;

    public NamespaceLimitsTests()
    {
        _engine = EngineFixture.CreateAsync().GetAwaiter().GetResult();
        _box = SecretBox.Open($"{_engine.Root}/objects.key");
        _store = new ObjectStore(_engine.State, _box, TimeProvider.System);
        Make("""{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}""");
    }

    public async ValueTask DisposeAsync()
    {
        _box.Dispose();
        await _engine.DisposeAsync();
    }

    [Fact]
    public void A_quota_of_pods_lets_in_as_many_and_says_what_is_exceeded()
    {
        Quota("""{"pods":"2","limits.memory":"1Gi"}""");
        Make(Pod("a", """{"limits":{"memory":"256Mi"}}"""));
        Make(Pod("b", """{"limits":{"memory":"512Mi"}}"""));

        CaissonException error = Assert.Throws<CaissonException>(() => Make(Pod("c", """{"limits":{"memory":"512Mi"}}""")));

        Assert.Equal(ErrorKind.PermissionDenied, error.Kind);
        Assert.Equal(
            "pods \"c\" is forbidden: exceeded quota: q, requested: limits.memory=512Mi,pods=1, used: limits.memory=768Mi,pods=2, limited: limits.memory=1Gi,pods=2", error.Message);
    }

    [Fact]
    public void A_pod_that_does_not_say_what_a_quota_counts_is_refused()
    {
        Quota("""{"requests.cpu":"1","limits.cpu":"2"}""");

        CaissonException error = Assert.Throws<CaissonException>(() => Make(Pod("a", """{"requests":{"cpu":"100m"}}""")));
        Make(Pod("b", """{"limits":{"cpu":"500m"}}""")); // its limit is its request

        Assert.Equal("pods \"a\" is forbidden: failed quota: q: must specify limits.cpu for: main", error.Message);
    }

    [Theory]
    [InlineData("configmaps", "count/configmaps")]
    [InlineData("configmaps", "configmaps")]
    public void Objects_of_any_kind_are_counted(string plural, string resource)
    {
        Quota($$"""{"{{resource}}":"1"}""");
        Make("""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one","namespace":"shop"}}""");

        CaissonException error = Assert.Throws<CaissonException>(() => Make("""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"two","namespace":"shop"}}"""));

        Assert.Equal($"{plural} \"two\" is forbidden: exceeded quota: q, requested: {resource}=1, used: {resource}=1, limited: {resource}=1", error.Message);
    }

    [Fact]
    public void Objects_of_groups_and_ports_of_nodes_are_counted_too()
    {
        Quota("""{"count/deployments.apps":"0","services.nodeports":"1"}""");
        const string Service = """{"apiVersion":"v1","kind":"Service","metadata":{"name":"NAME","namespace":"shop"},"spec":{"type":"NodePort","ports":[{"port":80}]}}""";
        Make(Service.Replace("NAME", "a", StringComparison.Ordinal));

        CaissonException deployment = Assert.Throws<CaissonException>(() => Make(
            """{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"main","image":"tiny"}]}}}}"""));
        CaissonException service = Assert.Throws<CaissonException>(() => Make(Service.Replace("NAME", "b", StringComparison.Ordinal)));

        Assert.StartsWith("deployments.apps \"web\" is forbidden: exceeded quota: q, requested: count/deployments.apps=1", deployment.Message, StringComparison.Ordinal);
        Assert.StartsWith("services \"b\" is forbidden: exceeded quota: q, requested: services.nodeports=1", service.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Pods_that_a_controller_makes_at_once_are_counted_together()
    {
        Quota("""{"pods":"3"}""");

        bool whole = _store.Apply([.. Enumerable.Range(0, 5).Select(i => new ClusterAction.Create(Read(Pod($"p{i}", "{}"))))]);

        Assert.False(whole);
        Assert.Equal(3, _store.List("Pod", "shop").Count);
    }

    [Fact]
    public void A_quota_with_a_scope_counts_what_is_in_it()
    {
        Make("""{"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"q","namespace":"shop"},"spec":{"hard":{"pods":"1"},"scopes":["BestEffort"]}}""");
        Make(Pod("a", "{}"));
        Make(Pod("b", """{"requests":{"cpu":"1"}}"""));

        Assert.Throws<CaissonException>(() => Make(Pod("c", "{}")));
    }

    [Fact]
    public void A_limit_range_gives_what_is_not_said()
    {
        Range("""[{"type":"Container","default":{"cpu":"500m"},"defaultRequest":{"cpu":"100m"},"max":{"memory":"1Gi"}}]""");

        KubernetesObject pod = Make(Pod("a", "{}"));
        KubernetesObject own = Make(Pod("b", """{"limits":{"cpu":"200m"}}"""));

        Assert.Equal("500m", pod.Spec.Field("containers").Items().First().At("resources", "limits", "cpu").AsText());
        Assert.Equal("100m", pod.Spec.Field("containers").Items().First().At("resources", "requests", "cpu").AsText());
        Assert.Equal("1Gi", pod.Spec.Field("containers").Items().First().At("resources", "limits", "memory").AsText());
        Assert.Equal("200m", own.Spec.Field("containers").Items().First().At("resources", "requests", "cpu").AsText());
    }

    [Theory]
    [InlineData("""{"type":"Container","max":{"cpu":"1"}}""", """{"limits":{"cpu":"2"}}""", "maximum cpu usage per Container is 1, but limit is 2")]
    [InlineData("""{"type":"Container","min":{"memory":"64Mi"}}""", """{"requests":{"memory":"32Mi"}}""", "minimum memory usage per Container is 64Mi, but request is 32Mi")]
    [InlineData("""{"type":"Container","maxLimitRequestRatio":{"cpu":"2"}}""", """{"requests":{"cpu":"1"},"limits":{"cpu":"4"}}""", "cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000")]
    [InlineData("""{"type":"Pod","max":{"cpu":"1"}}""", """{"limits":{"cpu":"2"}}""", "maximum cpu usage per Pod is 1, but limit is 2")]
    [InlineData("""{"type":"Pod","max":{"cpu":"1"}}""", "{}", "maximum cpu usage per Pod is 1. No limit is specified")]
    public void A_limit_range_refuses_what_is_beyond_it(string limit, string resources, string message)
    {
        Range($"[{limit}]");

        CaissonException error = Assert.Throws<CaissonException>(() => Make(Pod("a", resources)));

        Assert.Equal($"pods \"a\" is forbidden: {message}", error.Message);
    }

    [Fact]
    public void A_claim_has_bounds_too()
    {
        Range("""[{"type":"PersistentVolumeClaim","max":{"storage":"5Gi"}}]""");

        CaissonException error = Assert.Throws<CaissonException>(() => Make(
            """{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"data","namespace":"shop"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"10Gi"}}}}"""));

        Assert.Equal("persistentvolumeclaims \"data\" is forbidden: maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 10Gi", error.Message);
    }

    private static string Pod(string name, string resources) =>
        $$"""{"apiVersion":"v1","kind":"Pod","metadata":{"name":"{{name}}","namespace":"shop"},"spec":{"containers":[{"name":"main","image":"tiny","resources":{{resources}} }]} }""";

    private static KubernetesObject Read(string json)
    {
        List<Problem> problems = [];
        KubernetesObject? one = ManifestCheck.Check((MappingNode)JsonNodeReader.Read(System.Text.Encoding.UTF8.GetBytes(json)), problems);
        Assert.Empty(problems);
        return one!;
    }

    private KubernetesObject Make(string json) => _store.Create(Read(json));

    private void Quota(string hard) => Make($$"""{"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"q","namespace":"shop"},"spec":{"hard":{{hard}} } }""");

    private void Range(string limits) => Make($$"""{"apiVersion":"v1","kind":"LimitRange","metadata":{"name":"r","namespace":"shop"},"spec":{"limits":{{limits}} } }""");
}
