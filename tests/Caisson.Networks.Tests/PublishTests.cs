using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Caisson.Errors;
using Caisson.Linux;
using Xunit;

namespace Caisson.Networks.Tests;

public sealed class PublishTests
{
    private const TransportProtocol Tcp = TransportProtocol.Tcp;

    [Fact]
    public void A_port_is_reached_from_outside_from_the_host_and_by_containers()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one");
        var web = sandbox.Container(network, "web", asked => asked with { Ports = [new(Tcp, null, 8080, 80), new(TransportProtocol.Udp, null, 8053, 53)] });
        var neighbour = sandbox.Container(network, "neighbour");
        var stranger = sandbox.Container(sandbox.Network("other"), "stranger");
        sandbox.ServeTcp(web.Space, 80);
        sandbox.ServeUdp(web.Space, 53);

        // From outside with the client's own address.
        Assert.Equal(Sandbox.OutsideAddress, Sandbox.Tcp(sandbox.Outside, Sandbox.HostAddress, 8080));
        Assert.Equal(Sandbox.OutsideAddress, Sandbox.Udp(sandbox.Outside, Sandbox.HostAddress, 8053));
        Assert.Equal(Sandbox.HostAddress, Sandbox.Tcp(sandbox.Host, Sandbox.HostAddress, 8080));
        Assert.Equal(network.Subnets[0].Gateway.ToString(), Sandbox.Tcp(sandbox.Host, "127.0.0.1", 8080));
        Assert.Equal(network.Subnets[0].Gateway.ToString(), Sandbox.Udp(sandbox.Host, "127.0.0.1", 8053));
        Assert.NotNull(Sandbox.Tcp(neighbour.Space, Sandbox.HostAddress, 8080));
        Assert.NotNull(Sandbox.Tcp(web.Space, Sandbox.HostAddress, 8080));
        Assert.NotNull(Sandbox.Tcp(stranger.Space, Sandbox.HostAddress, 8080));
        Assert.Null(Sandbox.TryTcp(sandbox.Outside, Sandbox.HostAddress, 80));
    }

    [Fact]
    public void A_port_is_reached_by_IPv6()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("six", asked => asked with { IPv6 = true });
        var web = sandbox.Container(network, "web", asked => asked with { Ports = [new(Tcp, null, 8080, 80)] });
        sandbox.ServeTcp(web.Space, 80, isIPv6: true);

        Assert.Equal(Sandbox.OutsideAddress6, Sandbox.Tcp(sandbox.Outside, Sandbox.HostAddress6, 8080));
        Assert.Equal(Sandbox.HostAddress6, Sandbox.Tcp(sandbox.Host, Sandbox.HostAddress6, 8080));
        Assert.NotNull(Sandbox.Tcp(web.Space, Sandbox.HostAddress6, 8080));
    }

    [Fact]
    public void A_port_of_the_hosts_loopback_is_the_hosts_alone()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one");
        var web = sandbox.Container(network, "web", asked => asked with { Ports = [new(Tcp, InternetAddress.Parse("127.0.0.1"), 8080, 80)] });
        var neighbour = sandbox.Container(network, "neighbour");
        sandbox.ServeTcp(web.Space, 80);
        sandbox.ServeTcp(sandbox.Host, 99);
        foreach (var stranger in new[] { sandbox.Outside, neighbour.Space })
        {
            stranger.RunInside(() => Sandbox.Run(
                $"sysctl -qw net.ipv4.conf.eth0.route_localnet=1; ip route del local 127.0.0.0/8 table local; ip route del local 127.0.0.1 table local; ip route add 127.0.0.1 via {(stranger == sandbox.Outside ? Sandbox.HostAddress : network.Subnets[0].Gateway.ToString())} dev eth0"));
        }

        Assert.NotNull(Sandbox.Tcp(sandbox.Host, "127.0.0.1", 8080));
        Assert.Null(Sandbox.TryTcp(sandbox.Outside, Sandbox.HostAddress, 8080));
        Assert.Null(Sandbox.TryTcp(sandbox.Outside, "127.0.0.1", 8080, Sandbox.OutsideAddress));
        Assert.Null(Sandbox.TryTcp(neighbour.Space, "127.0.0.1", 8080, neighbour.Address));
        Assert.Null(Sandbox.TryTcp(neighbour.Space, "127.0.0.1", 99, neighbour.Address));
    }

    [Fact]
    public void A_range_leads_to_a_range_and_may_be_long()
    {
        using var sandbox = new Sandbox();
        var web = sandbox.Container(sandbox.Network("one"), "web", asked => asked with { Ports = [new(Tcp, null, 10000, 20000, 5000)] });
        sandbox.ServeTcp(web.Space, 24999);
        sandbox.ServeTcp(web.Space, 20000);

        Assert.NotNull(Sandbox.Tcp(sandbox.Outside, Sandbox.HostAddress, 14999));
        Assert.NotNull(Sandbox.Tcp(sandbox.Outside, Sandbox.HostAddress, 10000));
    }

    [Fact]
    public void The_hosts_own_rules_win()
    {
        using var sandbox = new Sandbox();
        var web = sandbox.Container(sandbox.Network("one"), "web", asked => asked with { Ports = [new(Tcp, null, 8080, 80), new(Tcp, null, 8081, 80)] });
        sandbox.ServeTcp(web.Space, 80);
        Assert.NotNull(Sandbox.Tcp(sandbox.Outside, Sandbox.HostAddress, 8080));

        Assert.Equal("", sandbox.OnHost("nft add table inet mine; nft add chain inet mine f '{ type filter hook forward priority 10; }'; nft add rule inet mine f meta l4proto tcp ct original proto-dst 8080 drop"));
        Assert.Null(Sandbox.TryTcp(sandbox.Outside, Sandbox.HostAddress, 8080));
        Assert.NotNull(Sandbox.Tcp(sandbox.Outside, Sandbox.HostAddress, 8081));

        Assert.Equal("", sandbox.OnHost("nft add chain inet mine p '{ type filter hook prerouting priority -150; }'; nft add rule inet mine p tcp dport 8081 drop"));
        Assert.Null(Sandbox.TryTcp(sandbox.Outside, Sandbox.HostAddress, 8081));
    }

    [Fact]
    public void What_is_forwarded_to_others_by_the_same_port_is_left_alone()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one");
        var web = sandbox.Container(network, "web", asked => asked with { Ports = [new(Tcp, null, 80, 80)] });
        var other = sandbox.Container(network, "other");
        sandbox.ServeTcp(web.Space, 80);
        sandbox.ServeTcp(sandbox.Outside, 80);

        Assert.Equal(Sandbox.HostAddress, Sandbox.Tcp(other.Space, Sandbox.OutsideAddress, 80));
    }

    [Fact]
    public void Ports_of_a_running_container_change()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one");
        var web = sandbox.Container(network, "web", asked => asked with { Ports = [new(Tcp, null, 8080, 80)] });
        sandbox.ServeTcp(web.Space, 80);

        var changed = sandbox.Plane.Publish(network.Id, web.Endpoint.Id, [new(Tcp, null, 8081, 80), new(Tcp, null, 0, 80)]);

        Assert.Null(Sandbox.TryTcp(sandbox.Outside, Sandbox.HostAddress, 8080));
        Assert.NotNull(Sandbox.Tcp(sandbox.Outside, Sandbox.HostAddress, 8081));
        Assert.InRange(changed.Ports[1].HostPort, 32768, 60999);
        Assert.NotNull(Sandbox.Tcp(sandbox.Outside, Sandbox.HostAddress, changed.Ports[1].HostPort));
    }

    [Fact]
    public void A_port_in_use_names_its_holder_and_nothing_changes()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one");
        var web = sandbox.Container(network, "web", asked => asked with { Ports = [new(Tcp, null, 8080, 80)] });
        sandbox.ServeTcp(sandbox.Host, 9090);
        string before = sandbox.OnHost("ip -o link | cut -d: -f2; nft list ruleset");

        var byContainer = Assert.Throws<CaissonException>(() => sandbox.Container(
            network, "second", asked => asked with { Ports = [new(Tcp, InternetAddress.Parse("127.0.0.1"), 8080, 80)] }));
        var byProgram = Assert.Throws<CaissonException>(() => sandbox.Plane.Publish(network.Id, web.Endpoint.Id, [new(Tcp, null, 9090, 80)]));

        Assert.Equal((ErrorKind.Conflict, ErrorKind.Conflict), (byContainer.Kind, byProgram.Kind));
        Assert.Contains("container web", byContainer.Message);
        Assert.Contains($"process {Environment.ProcessId} (", byProgram.Message);
        Assert.Equal(before, sandbox.OnHost("ip -o link | cut -d: -f2; nft list ruleset"));
        sandbox.ServeTcp(web.Space, 80);
        Assert.NotNull(Sandbox.Tcp(sandbox.Outside, Sandbox.HostAddress, 8080));
    }

    [Fact]
    public void A_program_of_the_host_cannot_take_a_published_port_unseen()
    {
        using var sandbox = new Sandbox();
        sandbox.Container(sandbox.Network("one"), "web", asked => asked with { Ports = [new(Tcp, null, 8080, 80)] });

        sandbox.Host.RunInside(() =>
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            Assert.Equal(SocketError.AddressAlreadyInUse, Assert.Throws<SocketException>(() => socket.Bind(new IPEndPoint(IPAddress.Any, 8080))).SocketErrorCode);
        });
    }

    [Fact]
    public void Ports_that_cannot_be_are_refused_at_their_place()
    {
        using var sandbox = new Sandbox();
        var inside = sandbox.Network("inside", asked => asked with { Internal = true });

        var e = Assert.Throws<ProblemsException>(() => sandbox.Container(inside, "a", asked => asked with { Ports = [new(Tcp, null, 65535, 80, 2)] }));

        Assert.Contains(e.Problems, problem => problem.Path == "/Ports/0" && problem.Message.Contains("internal"));
        Assert.Contains(e.Problems, problem => problem.Path == "/Ports/0" && problem.Message.Contains("1 to 65535"));
    }

    [Fact]
    public void A_port_of_the_hosts_loopback_of_IPv6_is_the_hosts_alone_where_the_kernel_lets_it_be()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("six", asked => asked with { IPv6 = true });
        var atLoopback = ImmutableArray.Create(new PublishedPort(Tcp, InternetAddress.Parse("::1"), 8080, 80));
        var web = sandbox.Container(network, "web");
        var neighbour = sandbox.Container(network, "neighbour");
        sandbox.ServeTcp(web.Space, 80, isIPv6: true);
        sandbox.OnHost("echo 1 > /proc/sys/net/bridge/bridge-nf-call-ip6tables");
        if (!sandbox.Plane.HasLoopback6)
        {
            Assert.Contains(
                "bridge-nf-call-ip6tables", Assert.Throws<ProblemsException>(() => sandbox.Plane.Publish(network.Id, web.Endpoint.Id, atLoopback)).Message);
            sandbox.OnHost("echo 0 > /proc/sys/net/bridge/bridge-nf-call-ip6tables");
        }

        sandbox.Plane.Publish(network.Id, web.Endpoint.Id, atLoopback);

        Assert.NotNull(Sandbox.Tcp(sandbox.Host, "::1", 8080));
        Assert.Null(Sandbox.TryTcp(sandbox.Outside, Sandbox.HostAddress6, 8080));
        Assert.Null(Sandbox.TryTcp(neighbour.Space, Sandbox.HostAddress6, 8080));
        sandbox.Plane.Publish(network.Id, web.Endpoint.Id, [new(Tcp, null, 8081, 80)]);
        Assert.NotNull(Sandbox.Tcp(sandbox.Host, "::1", 8081));
    }

    [Fact]
    public void Ports_go_over_to_another_container_in_one_moment_and_connections_stay()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one");
        var blue = sandbox.Container(network, "blue", asked => asked with { Ports = [new(Tcp, null, 8080, 80, 3), new(Tcp, null, 9000, 90)] });
        var green = sandbox.Container(network, "green");
        sandbox.EchoTcp(blue.Space, 90);
        sandbox.ServeTcp(blue.Space, 80, says: "blue");
        sandbox.ServeTcp(blue.Space, 81, says: "blue");
        sandbox.ServeTcp(green.Space, 80, says: "green");
        using var established = Connect(sandbox, 9000);
        Assert.Equal("blue", Sandbox.Tcp(sandbox.Outside, Sandbox.HostAddress, 8080));
        List<string?> answers = [];
        using var over = new ManualResetEventSlim();
        var client = new Thread(() =>
        {
            while (!over.IsSet)
            {
                answers.Add(Sandbox.Tcp(sandbox.Outside, Sandbox.HostAddress, 8080));
            }
            answers.Add(Sandbox.Tcp(sandbox.Outside, Sandbox.HostAddress, 8080));
        });
        client.Start();

        var (mine, theirs) = sandbox.Plane.TakeOver(
            network.Id, green.Endpoint.Id, [new(Tcp, null, 8080, 80), new(Tcp, null, 9000, 90)], network.Id, blue.Endpoint.Id);
        over.Set();
        client.Join();

        Assert.Equal(["8080->80/tcp", "9000->90/tcp"], mine.Ports.Select(port => port.ToString()));
        Assert.Equal(["8081-8082->81-82/tcp"], theirs.Ports.Select(port => port.ToString()));
        Assert.DoesNotContain(null, answers);
        Assert.Equal("green", answers[^1]);
        Assert.Equal("blue", Sandbox.Tcp(sandbox.Outside, Sandbox.HostAddress, 8081));
        established.Send("still"u8);
        byte[] buffer = new byte[16];
        Assert.Equal("still", Encoding.ASCII.GetString(buffer, 0, established.Receive(buffer)));
        sandbox.Host.RunInside(() =>
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            Assert.Throws<SocketException>(() => socket.Bind(new IPEndPoint(IPAddress.Any, 8080)));
        });
    }

    [Fact]
    public void A_takeover_that_cannot_be_changes_nothing()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one");
        var blue = sandbox.Container(network, "blue", asked => asked with { Ports = [new(Tcp, InternetAddress.Parse("127.0.0.1"), 8080, 80)] });
        var green = sandbox.Container(network, "green", asked => asked with { Ports = [new(Tcp, null, 8090, 80)] });
        sandbox.Container(network, "third", asked => asked with { Ports = [new(Tcp, null, 9090, 80)] });
        sandbox.ServeTcp(sandbox.Host, 7070);
        string before = sandbox.OnHost("nft list ruleset; cat /proc/net/tcp | awk '{print $2}' | sort");

        var third = Assert.Throws<CaissonException>(() => sandbox.Plane.TakeOver(
            network.Id, green.Endpoint.Id, [new(Tcp, null, 8080, 80), new(Tcp, null, 9090, 80)], network.Id, blue.Endpoint.Id));
        var program = Assert.Throws<CaissonException>(() => sandbox.Plane.TakeOver(
            network.Id, green.Endpoint.Id, [new(Tcp, null, 8080, 80), new(Tcp, null, 7070, 80)], network.Id, blue.Endpoint.Id));

        Assert.Contains("container third", third.Message);
        Assert.Contains($"process {Environment.ProcessId} (", program.Message);
        Assert.Equal(before, sandbox.OnHost("nft list ruleset; cat /proc/net/tcp | awk '{print $2}' | sort"));
        sandbox.Plane.TakeOver(network.Id, green.Endpoint.Id, [new(Tcp, null, 8080, 80)], network.Id, blue.Endpoint.Id);
        Assert.Empty(sandbox.Plane.EndpointsOf(network.Id).Single(endpoint => endpoint.Name == "blue").Ports);
    }

    private static Socket Connect(Sandbox sandbox, int port)
    {
        Socket connected = null!;
        sandbox.Outside.RunInside(() =>
        {
            connected = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 10000 };
            connected.Connect(Sandbox.HostAddress, port);
        });
        return connected;
    }

    [Fact]
    public void Sctp_is_led_by_the_same_map()
    {
        using var sandbox = new Sandbox();
        sandbox.Container(sandbox.Network("one"), "a", asked => asked with { Ports = [new(TransportProtocol.Sctp, null, 5000, 5001)] });

        Assert.Contains("sctp . 5000 : ", sandbox.OnHost("nft list ruleset"));
    }
}
