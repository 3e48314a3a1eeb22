using Caisson.Linux;
using Xunit;

namespace Caisson.Networks.Tests;

public sealed class RestoreTests
{
    [Fact]
    public void A_new_engine_finds_what_is_there_mends_what_is_not_and_removes_what_should_not_be()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one");
        var gone = sandbox.Network("gone");
        var a = sandbox.Container(network, "a", asked => asked with { Ports = [new(TransportProtocol.Tcp, null, 8080, 80)] });
        var b = sandbox.Container(network, "b");
        var forgotten = sandbox.Container(gone, "forgotten");
        sandbox.ServeTcp(a.Space, 80);
        sandbox.Plane.Dispose();
        // While no engine runs the packets go on …
        Assert.NotNull(Sandbox.Tcp(sandbox.Outside, Sandbox.HostAddress, 8080));
        Assert.NotNull(Sandbox.Tcp(b.Space, a.Address, 80));
        // … and somebody may tread on what is ours.
        sandbox.OnHost("nft flush ruleset");
        b.Space.RunInside(() => Sandbox.Run("ip link del eth0"));

        sandbox.Plane = NetworkPlane.Open(sandbox.Options, [network], [new(a.Endpoint, a.Space), new(b.Endpoint, b.Space)]);

        Assert.NotNull(Sandbox.Tcp(sandbox.Outside, Sandbox.HostAddress, 8080));
        Assert.NotNull(Sandbox.Tcp(b.Space, a.Address, 80));
        Assert.Single(sandbox.OnHost("ip -br link show type bridge").Split('\n'));
        Assert.Equal(a.Endpoint, Assert.Single(sandbox.Plane.EndpointsOf(network.Id), endpoint => endpoint.Id == a.Endpoint.Id) with { Ports = a.Endpoint.Ports });
        forgotten.Space.RunInside(() => Assert.DoesNotContain("eth0", Sandbox.Run("ip -br link")));
        Assert.NotNull(NamesTests.Ask(b.Space, "a"));
    }

    [Fact]
    public void Rules_that_somebody_removed_come_back_by_repair_and_by_the_next_change()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one");
        var a = sandbox.Container(network, "a", asked => asked with { Ports = [new(TransportProtocol.Tcp, null, 8080, 80)] });
        sandbox.ServeTcp(a.Space, 80);
        Assert.False(sandbox.Plane.Repair());

        sandbox.OnHost("nft flush ruleset");
        Assert.True(sandbox.Plane.Repair());
        Assert.NotNull(Sandbox.Tcp(sandbox.Outside, Sandbox.HostAddress, 8080));

        sandbox.OnHost("nft flush ruleset");
        var b = sandbox.Container(network, "b");
        Assert.NotNull(Sandbox.Tcp(sandbox.Outside, Sandbox.HostAddress, 8080));

        sandbox.OnHost("nft flush ruleset");
        sandbox.Plane.Publish(network.Id, a.Endpoint.Id, [new(TransportProtocol.Tcp, null, 8081, 80)]);
        Assert.NotNull(Sandbox.Tcp(sandbox.Outside, Sandbox.HostAddress, 8081));

        sandbox.OnHost("nft flush ruleset");
        sandbox.Plane.Disconnect(network.Id, b.Endpoint.Id, container: null);
        Assert.NotNull(Sandbox.Tcp(sandbox.Outside, Sandbox.HostAddress, 8081));
    }

    [Fact]
    public void A_new_engine_knows_what_is_taken()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one");
        var a = sandbox.Container(network, "a", asked => asked with { Ports = [new(TransportProtocol.Tcp, null, 8080, 80)] });
        sandbox.Plane.Dispose();

        sandbox.Plane = NetworkPlane.Open(sandbox.Options, [network], [new(a.Endpoint, a.Space)]);

        var b = sandbox.Container(network, "b");
        Assert.NotEqual(a.Address, b.Address);
        Assert.Contains("container a", Assert.Throws<Errors.CaissonException>(() => sandbox.Plane.Publish(network.Id, b.Endpoint.Id, a.Endpoint.Ports)).Message);
    }

    [Fact]
    public void Two_engines_of_one_host_do_not_meet()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one");
        var a = sandbox.Container(network, "a");
        using var second = NetworkPlane.Open(sandbox.Options with { Owner = "/run/another" }, [], []);
        var theirs = second.Create(new() { Id = network.Id, Name = "one" });
        Assert.NotEqual(network.Subnets[0].Subnet, theirs.Subnets[0].Subnet);
        sandbox.ServeTcp(sandbox.Outside, 80);

        second.RemoveAll();

        Assert.NotNull(Sandbox.Tcp(a.Space, Sandbox.OutsideAddress, 80));
    }

    [Fact]
    public void A_host_that_was_no_router_becomes_none_for_others()
    {
        using var sandbox = new Sandbox();
        using var third = Namespace.CreateNetwork();
        sandbox.Host.RunInside(() =>
        {
            using var route = RouteSocket.Open();
            route.Execute(new RouteRequest.CreatePair("up1", 0, 0, "eth0", HardwareAddress.Local(3), third), new RouteRequest.Up("up1"));
            Sandbox.Run("sysctl -qw net.ipv4.ip_forward=0; ip addr add 203.0.113.1/24 dev up1");
        });
        third.RunInside(() => Sandbox.Run("ip addr add 203.0.113.2/24 dev eth0; ip link set eth0 up; ip route add default via 203.0.113.1"));
        sandbox.Outside.RunInside(() => Sandbox.Run($"ip route add default via {Sandbox.HostAddress}"));
        sandbox.ServeTcp(sandbox.Outside, 80);

        var a = sandbox.Container(sandbox.Network("one"), "a");

        Assert.NotNull(Sandbox.Tcp(a.Space, Sandbox.OutsideAddress, 80));
        Assert.Null(Sandbox.TryTcp(third, Sandbox.OutsideAddress, 80));
        sandbox.Plane.Dispose();
        sandbox.Plane = NetworkPlane.Open(sandbox.Options, [], []);
        Assert.Null(Sandbox.TryTcp(third, Sandbox.OutsideAddress, 80));
    }
}
