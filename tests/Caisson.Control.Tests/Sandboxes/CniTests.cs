using System.Text;
using System.Text.Json;

using Caisson.Control.Sandboxes;
using Caisson.Errors;

using Xunit;

namespace Caisson.Control.Tests.Sandboxes;

public sealed class CniTests
{
    private const string Two = """
        {"cniVersion": "1.0.0", "name": "pods", "plugins": [
          {"type": "bridge", "bridge": "cni0", "ipam": {"type": "host-local"}},
          {"type": "portmap", "capabilities": {"portMappings": true, "dns": false}, "snat": true}]}
        """;

    private static readonly Dictionary<string, string> Facts = new() { ["portMappings"] = """[{"hostPort":80}]""", ["dns"] = "{}" };

    [Fact]
    public void A_plugin_is_told_the_network_what_came_before_and_only_what_it_wants_to_know()
    {
        CniNetwork network = CniNetwork.Parse(Two, "test");

        Assert.Equal(
            """{"cniVersion":"1.0.0","name":"pods","type":"bridge","bridge":"cni0","ipam":{"type": "host-local"}}""".Replace(" ", "", StringComparison.Ordinal),
            Input(network, 0, null));
        Assert.Equal(
            """{"cniVersion":"1.0.0","name":"pods","type":"portmap","snat":true,"runtimeConfig":{"portMappings":[{"hostPort":80}]},"prevResult":{"ips":[]}}""",
            Input(network, 1, """{"ips":[]}"""));
    }

    [Fact]
    public void A_single_plugin_is_a_network_too()
    {
        CniNetwork network = CniNetwork.Parse("""{"cniVersion":"0.3.1","name":"one","type":"ptp","prevResult":{"of":"the file"}}""", "test");

        Assert.Equal("""{"cniVersion":"0.3.1","name":"one","type":"ptp"}""", Input(network, 0, null));
        Assert.False(network.CanCheck);
    }

    [Theory]
    [InlineData("{", "line 1")]
    [InlineData("[]", "not a JSON object")]
    [InlineData("""{"cniVersion":"1.0.0","plugins":[{"type":"x"}]}""", "name is ''")]
    [InlineData("""{"cniVersion":"1.0.0","name":"../x","plugins":[{"type":"x"}]}""", "'../x'")]
    [InlineData("""{"cniVersion":"0.2.0","name":"x","plugins":[{"type":"x"}]}""", "1.0.0")]
    [InlineData("""{"cniVersion":"1.0.0","name":"x","plugins":[]}""", "at least one")]
    [InlineData("""{"cniVersion":"1.0.0","name":"x","plugins":[{"type":"../../bin/sh"}]}""", "plugins[0]")]
    [InlineData("""{"cniVersion":"1.0.0","name":"x","plugins":[{"type":1}]}""", "type is to be a text")]
    [InlineData("""{"cniVersion":"1.0.0","name":"x","plugins":["x"]}""", "plugins[0] is not a JSON object")]
    public void What_is_no_network_is_refused_with_its_place(string text, string expected)
    {
        var error = Assert.Throws<CaissonException>(() => CniNetwork.Parse(text, "/etc/cni/net.d/10-x.conflist"));

        Assert.Equal(ErrorKind.FailedPrecondition, error.Kind);
        Assert.Contains("/etc/cni/net.d/10-x.conflist", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Addresses_are_those_of_interfaces_in_the_pod()
    {
        const string result = """
            {"interfaces": [{"name": "cni0"}, {"name": "eth0", "sandbox": "/proc/1/ns/net"}],
             "ips": [{"interface": 0, "address": "10.0.0.1/24"}, {"interface": 1, "address": "10.0.0.2/24"}, {"address": "fd00::2/64"}]}
            """;

        Assert.Equal(["10.0.0.2", "fd00::2"], CniResult.Addresses(result));
    }

    [Theory]
    [InlineData("""{"code": 7, "msg": "no room", "details": "all of 10.0.0.0/24"}""", "", "no room; all of 10.0.0.0/24")]
    [InlineData("", "panic: out of memory", "panic: out of memory")]
    [InlineData("", "", "it gave no reason")]
    public void A_plugin_fails_in_its_own_words(string output, string errors, string expected)
    {
        Assert.Equal(expected, CniResult.Reason(output, errors));
    }

    [Fact]
    public void A_pod_with_ports_and_rates_tells_them_as_json()
    {
        var record = new SandboxRecord
        {
            Id = "1",
            Created = DateTimeOffset.UnixEpoch,
            Request = Pod() with
            {
                Ports = [new SandboxPort("udp", 53, 5353, "127.0.0.1"), new SandboxPort("tcp", 80, 0, "")],
                Annotations = new Dictionary<string, string> { ["kubernetes.io/egress-bandwidth"] = "10M" },
            },
        };

        CniPlace place = SandboxPlan.Place(record, "/proc/7/ns/net");

        Assert.Equal("""[{"hostPort":5353,"containerPort":53,"protocol":"udp","hostIP":"127.0.0.1"}]""", place.Facts["portMappings"]);
        Assert.Equal(10_000_000, JsonDocument.Parse(place.Facts["bandwidth"]).RootElement.GetProperty("egressRate").GetInt64());
        Assert.Equal("web", place.Arguments["K8S_POD_NAME"]);
        Assert.False(place.Facts.ContainsKey("dns"));
    }

    [Theory]
    [InlineData("kata", "", "", "container and vm")]
    [InlineData("", "kubepods-pod1.slice", "", "cgroupDriver: cgroupfs")]
    [InlineData("", "", "/var/log/../../etc", "log directory")]
    public void A_pod_that_cannot_be_is_refused_with_the_remedy(string handler, string parent, string logs, string expected)
    {
        var error = Assert.Throws<CaissonException>(() => SandboxPlan.Check(Pod() with { Handler = handler, CgroupParent = parent, LogDirectory = logs }));

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pod_with_ids_of_its_own_shares_nothing_with_the_host()
    {
        Assert.Throws<CaissonException>(() => SandboxPlan.Check(Pod() with { FirstId = 65_536, Network = NamespaceScope.Node }));
        Assert.Throws<CaissonException>(() => SandboxPlan.Check(Pod() with { FirstId = 65_537 }));
        SandboxPlan.Check(Pod() with { FirstId = 65_536 });
    }

    [Fact]
    public void A_log_lies_below_the_directory_of_its_pod()
    {
        var record = new SandboxRecord { Id = "1", Created = DateTimeOffset.UnixEpoch, Request = Pod() with { LogDirectory = "/var/log/pods/x" } };
        var request = new SandboxContainerRequest { Name = "c", Create = new() };

        Assert.Equal("/var/log/pods/x/c/0.log", SandboxPlan.LogFile(record, request with { LogPath = "c/0.log" }));
        Assert.Equal("", SandboxPlan.LogFile(record, request));
        Assert.Throws<CaissonException>(() => SandboxPlan.LogFile(record, request with { LogPath = "../../../etc/passwd" }));
    }

    private static string Input(CniNetwork network, int plugin, string? previous) =>
        Encoding.UTF8.GetString(network.InputFor(network.Plugins[plugin], Facts, previous)).Replace(": ", ":", StringComparison.Ordinal);

    private static SandboxRequest Pod() => new() { Identity = new SandboxIdentity("web", "default", "uid", 0) };
}
