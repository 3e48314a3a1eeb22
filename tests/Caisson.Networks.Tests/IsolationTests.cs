using System.Net;
using System.Net.Sockets;
using Caisson.Linux;
using Xunit;

namespace Caisson.Networks.Tests;

/// <summary>What root of a container, with every capability over its own network, tries against others.</summary>
public sealed class IsolationTests
{
    /// <summary>CVE-2020-13401: a container that says it is a router.</summary>
    [Fact]
    public void A_router_advertisement_of_a_container_reaches_neither_the_host_nor_neighbours()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("six", asked => asked with { IPv6 = true });
        var a = sandbox.Container(network, "a");
        var b = sandbox.Container(network, "b");
        string bridge = sandbox.OnHost("ip -br link show type bridge | cut -d' ' -f1");
        Assert.Equal("0", sandbox.OnHost($"cat /proc/sys/net/ipv6/conf/{bridge}/accept_ra"));
        // Also one that would listen.
        b.Space.RunInside(() => Sandbox.Run("echo 2 > /proc/sys/net/ipv6/conf/eth0/accept_ra"));
        sandbox.OnHost($"echo 2 > /proc/sys/net/ipv6/conf/{bridge}/accept_ra");

        Advertise(a);
        Thread.Sleep(200);

        Assert.DoesNotContain("2001:db8:bad:", Inside(b, "ip -6 addr; ip -6 route"));
        Assert.DoesNotContain("2001:db8:bad:", sandbox.OnHost("ip -6 addr; ip -6 route"));

        // That it was the rules and not the test: without them it is believed.
        sandbox.OnHost("nft list tables bridge | xargs -r nft delete");
        Until(() =>
        {
            Advertise(a);
            return Inside(b, "ip -6 addr").Contains("2001:db8:bad:", StringComparison.Ordinal);
        });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_container_cannot_say_that_a_neighbours_address_is_its_own(bool isIPv6)
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one", asked => asked with { IPv6 = isIPv6 });
        var a = sandbox.Container(network, "a");
        var b = sandbox.Container(network, "b");
        var c = sandbox.Container(network, "c");
        string victim = isIPv6 ? c.Address6 : c.Address;
        sandbox.ServeTcp(c.Space, 80, isIPv6, says: "c");
        Assert.Equal("c", Sandbox.Tcp(b.Space, victim, 80));

        // The kernel tells everybody of an address when its device comes up.
        string claim = $"echo 1 > /proc/sys/net/ipv4/conf/eth0/arp_notify; echo 1 > /proc/sys/net/ipv6/conf/eth0/ndisc_notify; ip addr add {victim}/{(isIPv6 ? "64 nodad" : "16")} dev eth0; ip link set eth0 down; ip link set eth0 up{(isIPv6 ? $"; ip addr replace {victim}/64 dev eth0 nodad" : "")}";
        Inside(a, claim);
        Thread.Sleep(300);

        Assert.Contains(c.Endpoint.HardwareAddress.ToString()!, Inside(b, $"ip neigh show {victim}"));
        Assert.Equal("c", Sandbox.Tcp(b.Space, victim, 80));
        // Nor does it answer who asks for it.
        Inside(b, $"ip neigh flush {victim}");
        Assert.Equal("c", Sandbox.Tcp(b.Space, victim, 80));
        Assert.DoesNotContain(a.Endpoint.HardwareAddress.ToString()!, Inside(b, $"ip neigh show {victim}"));
    }

    [Fact]
    public void A_packet_with_another_sender_goes_nowhere_even_by_a_raw_socket()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one");
        var a = sandbox.Container(network, "a");
        var b = sandbox.Container(network, "b");
        string beyond = "198.51.100.77";
        long Received(Namespace where) => long.Parse(Sandbox.RunIn(where, "awk '/^Udp:/ { n = $2 + $3 } END { print n }' /proc/net/snmp"));
        (long before, long outside) = (Received(b.Space), Received(sandbox.Outside));

        foreach (string source in (string[])[b.Address, beyond, network.Subnets[0].Gateway.ToString()!])
        {
            SendRaw(a, source, b.Address);
            SendRaw(a, source, Sandbox.OutsideAddress);
        }
        Thread.Sleep(200);

        Assert.Equal((before, outside), (Received(b.Space), Received(sandbox.Outside)));
        SendRaw(a, a.Address, b.Address);
        Until(() => Received(b.Space) > before);
    }

    /// <summary>CVE-2024-29018: names are asked of the host's servers for a network that has no way out.</summary>
    [Fact]
    public void Nothing_leaves_an_internal_network_not_even_a_question()
    {
        using var sandbox = new Sandbox([new(InternetAddress.Parse(Sandbox.OutsideAddress), 53)]);
        var network = sandbox.Network("inside", asked => asked with { Internal = true, IPv6 = true });
        var a = sandbox.Container(network, "a");
        sandbox.ServeUdp(sandbox.Outside, 53);
        sandbox.ServeUdp(sandbox.Host, 53);
        string gateway = network.Subnets[0].Gateway.ToString()!;
        string gateway6 = network.Subnets[1].Gateway.ToString()!;
        Inside(a, $"ip route add default via {gateway}; ip -6 route add default via {gateway6}");
        string before = sandbox.Outside.Count();

        Assert.Null(NamesTests.Ask(a.Space, "secret.example.com"));
        Assert.Null(Sandbox.TryUdp(a.Space, Sandbox.OutsideAddress, 53));
        Assert.Null(Sandbox.TryUdp(a.Space, gateway, 53));
        Assert.Null(Sandbox.TryUdp(a.Space, Sandbox.HostAddress, 53));
        Assert.Null(Sandbox.TryTcp(a.Space, Sandbox.OutsideAddress6, 53));

        Assert.Equal(before, sandbox.Outside.Count());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Each_network_reaches_itself_alone(bool isIPv6)
    {
        using var sandbox = new Sandbox();
        Container[] containers =
        [
            .. ((string[])["one", "two", "inside"]).Select(name =>
                sandbox.Container(sandbox.Network(name, asked => asked with { IPv6 = isIPv6, Internal = name == "inside", HostAccess = name == "two" }), name)),
        ];
        foreach (var container in containers)
        {
            sandbox.ServeTcp(container.Space, 80, isIPv6);
            sandbox.ServeUdp(container.Space, 81);
        }

        foreach (var from in containers)
        {
            foreach (var to in containers.Where(to => to != from))
            {
                Assert.Null(Sandbox.TryTcp(from.Space, isIPv6 ? to.Address6 : to.Address, 80));
                Assert.Null(Sandbox.TryUdp(from.Space, to.Address, 81));
            }
        }
    }

    [Fact]
    public void A_route_to_a_published_port_leads_nowhere_but_by_the_hosts_address()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("six", asked => asked with { IPv6 = true });
        var web = sandbox.Container(network, "web", asked => asked with { Ports = [new(TransportProtocol.Tcp, InternetAddress.Parse(Sandbox.HostAddress), 8080, 80)] });
        sandbox.ServeTcp(web.Space, 80);
        sandbox.Outside.RunInside(() => Sandbox.Run(
            $"ip route add {network.Subnets[0].Subnet} via {Sandbox.HostAddress}; ip -6 route add {network.Subnets[1].Subnet} via {Sandbox.HostAddress6}"));

        Assert.NotNull(Sandbox.Tcp(sandbox.Outside, Sandbox.HostAddress, 8080));
        Assert.Null(Sandbox.TryTcp(sandbox.Outside, web.Address, 80));
        Assert.Null(Sandbox.TryTcp(sandbox.Outside, web.Address, 8080));
        Assert.Null(Sandbox.TryTcp(sandbox.Outside, network.Subnets[0].Gateway.ToString()!, 8080));
        Assert.Null(Sandbox.TryTcp(sandbox.Outside, web.Address6, 80));
    }

    [Fact]
    public void The_addresses_where_clouds_give_out_credentials_are_reached_only_where_a_network_says_so()
    {
        using var sandbox = new Sandbox();
        sandbox.Outside.RunInside(() => Sandbox.Run("ip addr add 169.254.169.254/32 dev eth0"));
        sandbox.OnHost($"ip route add 169.254.169.254 via {Sandbox.OutsideAddress}");
        sandbox.ServeTcp(sandbox.Outside, 80);
        var closed = sandbox.Container(sandbox.Network("closed"), "a");
        var open = sandbox.Container(sandbox.Network("open", asked => asked with { MetadataAccess = true }), "b");

        Assert.Null(Sandbox.TryTcp(closed.Space, "169.254.169.254", 80));
        Assert.NotNull(Sandbox.Tcp(open.Space, "169.254.169.254", 80));
    }

    [Fact]
    public void A_network_without_IPv6_has_none_on_any_device()
    {
        using var sandbox = new Sandbox();
        var a = sandbox.Container(sandbox.Network("four"), "a");

        Assert.DoesNotContain("inet6", Inside(a, "ip -6 addr show dev eth0"));
        Assert.DoesNotContain("inet6", sandbox.OnHost("for d in $(ip -br link | cut -d' ' -f1 | cut -d@ -f1 | grep ^c); do ip -6 addr show dev $d; done"));
    }

    private static string Inside(Container container, string script) => Sandbox.RunIn(container.Space, script);

    private static void Until(Func<bool> holds)
    {
        for (int i = 0; i < 100; i++)
        {
            if (holds())
            {
                return;
            }
            Thread.Sleep(100);
        }
        Assert.Fail("it did not come to hold");
    }

    /// <summary>Says to all nodes: I am the router, and 2001:db8:bad::/64 is your network.</summary>
    private static void Advertise(Container from) => from.Space.RunInside(() =>
    {
        byte[] advertisement =
        [
            134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0,
            3, 4, 64, 0xC0, 0, 0, 0x70, 0x80, 0, 0, 0x70, 0x80, 0, 0, 0, 0,
            0x20, 0x01, 0x0D, 0xB8, 0x0B, 0xAD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        int device = int.Parse(Sandbox.Run("cat /proc/net/dev_snmp6/eth0 | awk '/ifIndex/ { print $2 }'"));
        using var socket = new Socket(AddressFamily.InterNetworkV6, SocketType.Raw, ProtocolType.IcmpV6);
        socket.SetSocketOption(SocketOptionLevel.IPv6, SocketOptionName.MulticastInterface, device);
        socket.SetSocketOption(SocketOptionLevel.IPv6, SocketOptionName.MulticastTimeToLive, 255);
        socket.SendTo(advertisement, new IPEndPoint(IPAddress.Parse("ff02::1"), 0));
    });

    /// <summary>A datagram whose header of IPv4 is the container's own work.</summary>
    private static void SendRaw(Container from, string source, string destination) => from.Space.RunInside(() =>
    {
        byte[] packet =
        [
            0x45, 0, 0, 32, 0, 1, 0, 0, 64, 17, 0, 0,
            .. IPAddress.Parse(source).GetAddressBytes(), .. IPAddress.Parse(destination).GetAddressBytes(),
            0x30, 0x39, 0, 80, 0, 12, 0, 0, (byte)'?', 0, 0, 0,
        ];
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Raw, ProtocolType.Raw);
        socket.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.HeaderIncluded, true);
        try
        {
            socket.SendTo(packet, new IPEndPoint(IPAddress.Parse(destination), 0));
        }
        catch (SocketException)
        {
            // its own kernel would not
        }
    });
}

file static class Counters
{
    /// <summary>Packets of IP that came to a namespace.</summary>
    internal static string Count(this Namespace where) => Sandbox.RunIn(where, "awk '/^Udp:/ && $2 ~ /[0-9]/ { print $2, $3 }' /proc/net/snmp");
}
