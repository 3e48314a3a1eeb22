using Caisson.Errors;
using Caisson.Linux;
using Xunit;

namespace Caisson.Networks.Tests;

public sealed class BridgeTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Containers_of_a_network_reach_each_other_and_the_outside(bool isIPv6)
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one", asked => asked with { IPv6 = isIPv6 });
        var a = sandbox.Container(network, "a");
        var b = sandbox.Container(network, "b");
        sandbox.ServeTcp(b.Space, 80, isIPv6);
        sandbox.ServeTcp(sandbox.Outside, 80, isIPv6);

        Assert.Equal(isIPv6 ? a.Address6 : a.Address, Sandbox.Tcp(a.Space, isIPv6 ? b.Address6 : b.Address, 80));
        // Outside sees the host's address: the container's is translated.
        Assert.Equal(
            isIPv6 ? Sandbox.HostAddress6 : Sandbox.HostAddress,
            Sandbox.Tcp(a.Space, isIPv6 ? Sandbox.OutsideAddress6 : Sandbox.OutsideAddress, 80));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Networks_are_isolated_from_each_other_and_from_the_hosts_programs(bool isIPv6)
    {
        using var sandbox = new Sandbox();
        var one = sandbox.Network("one", asked => asked with { IPv6 = isIPv6 });
        var other = sandbox.Network("other", asked => asked with { IPv6 = isIPv6 });
        var a = sandbox.Container(one, "a");
        var b = sandbox.Container(other, "b");
        sandbox.ServeTcp(b.Space, 80, isIPv6);
        sandbox.ServeTcp(sandbox.Host, 80, isIPv6);
        string gateway = one.Subnets[^1].Gateway!.Value.ToString();

        Assert.Null(Sandbox.TryTcp(a.Space, isIPv6 ? b.Address6 : b.Address, 80));
        Assert.Null(Sandbox.TryTcp(a.Space, isIPv6 ? Sandbox.HostAddress6 : Sandbox.HostAddress, 80));
        Assert.Null(Sandbox.TryTcp(a.Space, gateway, 80));
        // The host itself may, in both directions of an answer.
        Assert.NotNull(Sandbox.Tcp(sandbox.Host, isIPv6 ? b.Address6 : b.Address, 80));
    }

    [Fact]
    public void A_network_that_says_so_may_reach_the_hosts_programs()
    {
        using var sandbox = new Sandbox();
        var a = sandbox.Container(sandbox.Network("one", asked => asked with { HostAccess = true }), "a");
        sandbox.ServeTcp(sandbox.Host, 80);

        Assert.Equal(a.Address, Sandbox.Tcp(a.Space, Sandbox.HostAddress, 80));
    }

    [Fact]
    public void An_internal_network_has_no_way_out_but_neighbours()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("inside", asked => asked with { Internal = true });
        var a = sandbox.Container(network, "a");
        var b = sandbox.Container(network, "b");
        sandbox.ServeTcp(b.Space, 80);
        sandbox.ServeTcp(sandbox.Outside, 80);
        // Also when the container, which may be root inside, gives itself a route.
        a.Space.RunInside(() => Sandbox.Run($"ip route add default via {network.Subnets[0].Gateway}"));

        Assert.NotNull(Sandbox.Tcp(a.Space, b.Address, 80));
        Assert.Null(Sandbox.TryTcp(a.Space, Sandbox.OutsideAddress, 80));
    }

    [Fact]
    public void Isolated_ports_reach_the_outside_and_not_each_other()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one", asked => asked with { IsolatedPorts = true });
        var a = sandbox.Container(network, "a");
        var b = sandbox.Container(network, "b");
        sandbox.ServeTcp(b.Space, 80);
        sandbox.ServeTcp(sandbox.Outside, 80);

        Assert.Null(Sandbox.TryTcp(a.Space, b.Address, 80));
        Assert.NotNull(Sandbox.Tcp(a.Space, Sandbox.OutsideAddress, 80));
    }

    [Fact]
    public void A_container_sends_by_no_address_but_its_own()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one");
        var a = sandbox.Container(network, "a");
        var b = sandbox.Container(network, "b");
        sandbox.ServeUdp(b.Space, 80);
        string free = network.Subnets[0].Subnet.First.Plus(77).ToString();
        a.Space.RunInside(() => Sandbox.Run($"ip addr add {free}/16 dev eth0"));
        Assert.Equal(a.Address, Sandbox.Udp(a.Space, b.Address, 80, a.Address));

        Assert.Null(Sandbox.TryUdp(a.Space, b.Address, 80, free));

        a.Space.RunInside(() => Sandbox.Run("ip link set eth0 down; ip link set eth0 address 02:00:00:00:00:77; ip link set eth0 up"));
        Assert.Null(Sandbox.TryUdp(a.Space, b.Address, 80, a.Address));
    }

    [Fact]
    public void Nobody_outside_reaches_a_port_that_is_not_published_not_even_by_a_route()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one");
        var a = sandbox.Container(network, "a");
        sandbox.ServeTcp(a.Space, 80);
        sandbox.Outside.RunInside(() => Sandbox.Run($"ip route add {network.Subnets[0].Subnet} via {Sandbox.HostAddress}"));

        Assert.Null(Sandbox.TryTcp(sandbox.Outside, a.Address, 80));
    }

    [Fact]
    public void A_running_container_joins_and_leaves_a_second_network()
    {
        using var sandbox = new Sandbox();
        var one = sandbox.Network("one");
        var other = sandbox.Network("other");
        var a = sandbox.Container(one, "a");
        var b = sandbox.Container(other, "b");
        sandbox.ServeTcp(b.Space, 80);

        var second = sandbox.Connect(other, "a", a.Space, asked => asked with { DeviceName = "eth1", DefaultRoute = false });
        Assert.Equal(second.IPv4.ToString(), Sandbox.Tcp(a.Space, b.Address, 80));

        sandbox.Plane.Disconnect(other.Id, second.Id, a.Space);
        Assert.Null(Sandbox.TryTcp(a.Space, b.Address, 80));
        a.Space.RunInside(() => Assert.DoesNotContain("eth1", Sandbox.Run("ip -br link")));
    }

    [Fact]
    public void Static_addresses_are_kept_and_a_taken_one_names_its_holder()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one", asked => asked with { Subnets = [new(Subnet.Parse("10.77.0.0/24")) { Gateway = InternetAddress.Parse("10.77.0.254") }] });
        var a = sandbox.Container(network, "a", asked => asked with { IPv4 = InternetAddress.Parse("10.77.0.9"), HardwareAddress = new(0x02AABBCCDDEE) });
        Assert.Equal(("10.77.0.9", "02:aa:bb:cc:dd:ee"), (a.Address, a.Endpoint.HardwareAddress.ToString()));
        string before = sandbox.OnHost("ip -o link | cut -d: -f2; nft list ruleset");

        var e = Assert.Throws<CaissonException>(() => sandbox.Container(network, "b", asked => asked with { IPv4 = InternetAddress.Parse("10.77.0.9") }));

        var hardware = Assert.Throws<CaissonException>(() => sandbox.Container(network, "b", asked => asked with { HardwareAddress = new(0x02AABBCCDDEE) }));
        Assert.Equal((ErrorKind.Conflict, ErrorKind.Conflict), (e.Kind, hardware.Kind));
        Assert.Contains("container a has it", e.Message);
        Assert.Contains("container a has it", hardware.Message);
        Assert.Equal(before, sandbox.OnHost("ip -o link | cut -d: -f2; nft list ruleset"));
    }

    [Fact]
    public void What_stays_in_a_bridge_is_not_followed_as_a_connection_and_what_leaves_it_is()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one", asked => asked with { IPv6 = true });
        var a = sandbox.Container(network, "a");
        var b = sandbox.Container(network, "b", asked => asked with { Ports = [new(TransportProtocol.Tcp, null, 8080, 80)] });
        sandbox.OnHost("echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables; echo 1 > /proc/sys/net/bridge/bridge-nf-call-ip6tables");
        sandbox.ServeTcp(b.Space, 80);
        sandbox.ServeTcp(b.Space, 81, isIPv6: true);
        sandbox.ServeTcp(sandbox.Outside, 80);

        Assert.Equal(a.Address, Sandbox.Tcp(a.Space, b.Address, 80));
        Assert.Equal(a.Address6, Sandbox.Tcp(a.Space, b.Address6, 81));
        Assert.Equal("", sandbox.OnHost("grep ESTABLISHED /proc/net/nf_conntrack; grep WAIT /proc/net/nf_conntrack"));
        Assert.NotNull(Sandbox.Tcp(a.Space, Sandbox.HostAddress, 8080));
        Assert.Equal(Sandbox.HostAddress, Sandbox.Tcp(a.Space, Sandbox.OutsideAddress, 80));
        Assert.NotEqual("", sandbox.OnHost("cat /proc/net/nf_conntrack"));
    }

    [Fact]
    public void The_default_network_has_the_first_addresses_whenever_it_is_made()
    {
        using var sandbox = new Sandbox();

        var other = sandbox.Network("other");
        var first = sandbox.Network("bridge", asked => asked with { IsDefault = true });

        Assert.Equal(("172.18.0.0/16", "172.17.0.0/16"), (other.Subnets[0].Subnet.ToString(), first.Subnets[0].Subnet.ToString()));
    }

    [Fact]
    public void Addresses_that_others_have_are_never_given_out()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one", asked => asked with
        {
            Subnets = [new(Subnet.Parse("10.77.0.0/24")) { Reserved = [new("router", InternetAddress.Parse("10.77.0.1")), new("printer", InternetAddress.Parse("10.77.0.3"))] }],
        });

        Assert.Equal("10.77.0.2", network.Subnets[0].Gateway.ToString());
        Assert.Equal("10.77.0.4", sandbox.Container(network, "a").Address);
        Assert.Contains("printer", Assert.Throws<CaissonException>(() => sandbox.Container(network, "b", asked => asked with { IPv4 = InternetAddress.Parse("10.77.0.3") })).Message);
        var e = Assert.Throws<ProblemsException>(() => sandbox.Network("two", asked => asked with
        {
            Subnets = [new(Subnet.Parse("10.78.0.0/24")) { Reserved = [new("far", InternetAddress.Parse("10.77.0.9")), new("x", InternetAddress.Parse("10.78.0.9")), new("y", InternetAddress.Parse("10.78.0.9"))] }],
        }));
        Assert.Equal(["/Subnets/0/Reserved/0", "/Subnets/0/Reserved/2"], e.Problems.Select(problem => problem.Path));
    }

    [Fact]
    public void A_bridge_may_have_a_name_of_its_own_and_is_isolated_as_any()
    {
        using var sandbox = new Sandbox();
        var named = sandbox.Network("named", asked => asked with { BridgeName = "front0" });
        var a = sandbox.Container(named, "a", asked => asked with { Ports = [new(TransportProtocol.Tcp, null, 8080, 80)] });
        var b = sandbox.Container(sandbox.Network("other"), "b");
        sandbox.ServeTcp(a.Space, 80);
        sandbox.ServeTcp(sandbox.Outside, 80);

        Assert.Equal(Sandbox.HostAddress, Sandbox.Tcp(a.Space, Sandbox.OutsideAddress, 80));
        Assert.NotNull(Sandbox.Tcp(sandbox.Outside, Sandbox.HostAddress, 8080));
        Assert.Null(Sandbox.TryTcp(b.Space, a.Address, 80));
        Assert.Contains("another device", Assert.Throws<ProblemsException>(() => sandbox.Network("x", asked => asked with { BridgeName = "up0" })).Message);
        Assert.Contains("another device", Assert.Throws<ProblemsException>(() => sandbox.Network("x", asked => asked with { BridgeName = "front0" })).Message);
        sandbox.Plane.RemoveAll();
        Assert.DoesNotContain("front0", sandbox.OnHost("ip -br link"));
    }

    [Theory]
    [InlineData(IpvlanMode.L2, "ip -n CONTAINER route add default via 10.77.0.1 dev eth0")]
    [InlineData(IpvlanMode.L3, "ip -n CONTAINER route add default dev eth0")]
    public void An_ipvlan_container_shares_the_parents_hardware_address(IpvlanMode mode, string route)
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("wire", asked => asked with { Driver = NetworkDriver.Ipvlan, Parent = "up0", IpvlanMode = mode, Subnets = [new(Subnet.Parse("10.77.0.0/24"))] });

        string plan = sandbox.Plane.Explain(new EndpointConfig { Id = "e", NetworkId = network.Id, ContainerId = "c", Name = "a" });

        Assert.StartsWith($"ip link add eth0 link up0 netns CONTAINER type ipvlan mode {mode.Word()}", plan);
        Assert.EndsWith(route, plan);
        Assert.Contains("share", Assert.Throws<ProblemsException>(() => sandbox.Container(network, "a", asked => asked with { HardwareAddress = new(0x02AABBCCDDEE) })).Message);
    }

    [Fact]
    public void A_network_that_cannot_be_is_refused_with_every_problem_and_changes_nothing()
    {
        using var sandbox = new Sandbox();
        sandbox.Network("one", asked => asked with { Subnets = [new(Subnet.Parse("10.77.0.0/24"))] });
        string before = sandbox.OnHost("ip -o link | cut -d: -f2; nft list ruleset");

        var e = Assert.Throws<ProblemsException>(() => sandbox.Network("two", asked => asked with
        {
            MtuBytes = 10,
            Subnets = [new(Subnet.Parse("10.77.0.128/25")), new(Subnet.Parse("198.51.100.0/25"))],
        }));

        Assert.Contains(e.Problems, problem => problem.Path == "/Subnets/0" && problem.Message.Contains("network one"));
        Assert.Contains(e.Problems, problem => problem.Path == "/Subnets/1" && problem.Message.Contains("198.51.100.0/24"));
        Assert.Contains(e.Problems, problem => problem.Path == "/MtuBytes");
        Assert.Equal(before, sandbox.OnHost("ip -o link | cut -d: -f2; nft list ruleset"));
        Assert.Equal(ErrorKind.NotFound, Assert.Throws<CaissonException>(() => sandbox.Plane.Remove("nothing")).Kind);
    }

    [Fact]
    public void A_connect_that_fails_at_its_last_step_leaves_nothing()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one");
        var taken = sandbox.Own(Namespace.CreateNetwork());
        taken.RunInside(() => Sandbox.Run("ip link add eth0 type bridge"));
        string before = sandbox.OnHost("ip -o link | cut -d: -f2; nft list ruleset");

        Assert.Throws<LinuxException>(() => sandbox.Connect(network, "a", taken));

        Assert.Equal(before, sandbox.OnHost("ip -o link | cut -d: -f2; nft list ruleset"));
        Assert.Empty(sandbox.Plane.EndpointsOf(network.Id));
    }

    [Fact]
    public void A_macvlan_container_is_on_the_wire()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("wire", asked => asked with { Driver = NetworkDriver.Macvlan, Parent = "up0", Subnets = [new(Subnet.Parse("198.51.100.0/24")) { Gateway = InternetAddress.Parse(Sandbox.OutsideAddress) }] });
        var a = sandbox.Container(network, "a", asked => asked with { IPv4 = InternetAddress.Parse("198.51.100.9") });
        sandbox.ServeTcp(sandbox.Outside, 80);

        Assert.Equal("198.51.100.9", Sandbox.Tcp(a.Space, Sandbox.OutsideAddress, 80));
        sandbox.Plane.Disconnect(network.Id, a.Endpoint.Id, a.Space);
        Assert.Null(Sandbox.TryTcp(a.Space, Sandbox.OutsideAddress, 80));
        Assert.Contains("no device 'none'", Assert.Throws<ProblemsException>(() => sandbox.Network("x", asked => asked with { Driver = NetworkDriver.Macvlan, Parent = "none" })).Message);
    }

    [Fact]
    public void A_network_in_use_is_not_removed_and_all_goes_in_the_end()
    {
        using var sandbox = new Sandbox();
        string before = sandbox.OnHost("ip -o link | cut -d: -f2; nft list ruleset");
        sandbox.Plane.RemoveAll();
        string empty = sandbox.OnHost("ip -o link | cut -d: -f2; nft list ruleset");
        sandbox.Plane.Dispose();
        sandbox.Plane = NetworkPlane.Open(sandbox.Options, [], []);
        Assert.Equal(before, sandbox.OnHost("ip -o link | cut -d: -f2; nft list ruleset"));
        var network = sandbox.Network("one", asked => asked with { IPv6 = true });
        var a = sandbox.Container(network, "a");

        Assert.Contains("a connected to it", Assert.Throws<CaissonException>(() => sandbox.Plane.Remove(network.Id)).Message);

        sandbox.Plane.Disconnect(network.Id, a.Endpoint.Id, a.Space);
        sandbox.Plane.Remove(network.Id);
        Assert.DoesNotContain("elements", sandbox.OnHost("nft list ruleset"));
        Assert.Equal(before.Split("table")[0], sandbox.OnHost("ip -o link | cut -d: -f2; nft list ruleset").Split("table")[0]);
        sandbox.Plane.RemoveAll();
        Assert.Equal(empty, sandbox.OnHost("ip -o link | cut -d: -f2; nft list ruleset"));
    }

    [Fact]
    public void A_plan_is_printed_as_commands_and_changes_nothing()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one", asked => asked with { Subnets = [new(Subnet.Parse("10.77.0.0/24"))], MtuBytes = 1400 });
        string before = sandbox.OnHost("ip -o link | cut -d: -f2; nft list ruleset");

        string plan = sandbox.Plane.Explain(new EndpointConfig { Id = "e", NetworkId = network.Id, ContainerId = "c", Name = "a" });

        Assert.Contains("mtu 1400 master c", plan);
        Assert.Contains("type veth peer eth0 address 02:42:0a:4d:00:02 netns CONTAINER", plan);
        Assert.Contains("ip -n CONTAINER addr add 10.77.0.2/24 dev eth0", plan);
        Assert.EndsWith("ip -n CONTAINER route add default via 10.77.0.1 dev eth0", plan);
        Assert.Contains("overlaps", Assert.Throws<ProblemsException>(() => sandbox.Plane.Explain(network with { Id = "x" })).Message);
        Assert.Equal(before, sandbox.OnHost("ip -o link | cut -d: -f2; nft list ruleset"));
    }

    [Fact]
    public void The_rules_that_are_printed_are_those_of_the_kernel()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one", asked => asked with { IPv6 = true });
        sandbox.Container(network, "a", asked => asked with { Ports = [new(TransportProtocol.Tcp, null, 8080, 80)] });
        string file = Path.GetTempFileName();
        // This nft has no word for the target of a neighbour's advertisement (1.0.8 has).
        File.WriteAllLines(file, sandbox.Plane.ExplainRules().Split('\n').Where(line => !line.Contains("nd-neighbor-advert", StringComparison.Ordinal)));
        using var copy = Namespace.CreateNetwork();

        string said = "", listed = "";
        copy.RunInside(() =>
        {
            said = Sandbox.Run($"nft -f {file}");
            listed = Sandbox.Run("nft list ruleset");
        });
        File.Delete(file);

        Assert.Equal("", said);
        Assert.Equal(string.Join('\n', Sorted(sandbox.OnHost("nft list ruleset"))), string.Join('\n', Sorted(listed)));
    }

    /// <summary>Elements of sets are in no order; and nft leaves out a family it can see otherwise, in rules it wrote itself.</summary>
    private static IEnumerable<string> Sorted(string text) => text
        .Replace("meta nfproto ipv4 ", "", StringComparison.Ordinal)
        .Replace("meta nfproto ipv6 ", "", StringComparison.Ordinal)
        .Replace("elements = { ", "", StringComparison.Ordinal)
        .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
        .SelectMany(line => line.Split(", "))
        .Select(line => line.Trim(' ', ',', '{', '}'))
        .Where(line => line.Length > 0)
        .Where(line => !line.Contains("nd-neighbor-advert", StringComparison.Ordinal))
        .Order(StringComparer.Ordinal);
}
