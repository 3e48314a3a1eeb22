using System.Net;
using System.Net.Sockets;
using Caisson.Linux;
using Caisson.Networks.Names;
using Xunit;

namespace Caisson.Networks.Tests;

public sealed class NamesTests
{
    [Fact]
    public void Containers_find_each_other_by_name_alias_id_and_network()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("shop", asked => asked with { IPv6 = true });
        var a = sandbox.Container(network, "a");
        var web = sandbox.Container(network, "web", asked => asked with { Aliases = ["www"] });

        foreach (string name in (string[])["web", "WEB", "www", "web.shop", "web000000000"])
        {
            Assert.Equal([web.Address], Ask(a.Space, name)!);
            Assert.Equal([web.Address6], Ask(a.Space, name, DnsType.Aaaa)!);
            Assert.Equal([web.Address], Ask(a.Space, name, protocol: ProtocolType.Tcp)!);
        }
        Assert.Empty(Ask(a.Space, "web", (DnsType)15)!);
        string reverse = string.Join('.', Enumerable.Reverse(web.Address.Split('.'))) + ".in-addr.arpa";
        Assert.Equal(DnsWriter.EncodeName("web.shop"), Records(a.Space, reverse, DnsType.Ptr).Single().Data);
    }

    [Fact]
    public void Names_of_other_networks_are_not_told_and_go_with_their_container()
    {
        using var sandbox = new Sandbox();
        var one = sandbox.Network("one", asked => asked with { Internal = true });
        var a = sandbox.Container(one, "a");
        var b = sandbox.Container(one, "b");
        sandbox.Container(sandbox.Network("other"), "secret");
        Assert.NotNull(Ask(a.Space, "b"));

        Assert.Null(Ask(a.Space, "secret"));

        sandbox.Plane.Disconnect(one.Id, b.Endpoint.Id, b.Space);
        Assert.Null(Ask(a.Space, "b"));
    }

    [Fact]
    public void A_container_that_is_renamed_is_found_by_its_new_name_alone()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one", asked => asked with { Internal = true });
        var a = sandbox.Container(network, "a");
        var b = sandbox.Container(network, "before", asked => asked with { Aliases = ["alias"] });

        sandbox.Plane.Rename(network.Id, b.Endpoint.Id, "after");

        Assert.Equal([b.Address], Ask(a.Space, "after")!);
        Assert.Equal([b.Address], Ask(a.Space, "alias")!);
        Assert.Null(Ask(a.Space, "before"));
        Assert.Contains("container after has it", Assert.Throws<Errors.CaissonException>(() => sandbox.Container(network, "c", asked => asked with { IPv4 = b.Endpoint.IPv4 })).Message);
    }

    [Fact]
    public void A_link_is_a_name_for_one_container_alone()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one", asked => asked with { Internal = true });
        var db = sandbox.Container(network, "postgres");
        var a = sandbox.Container(network, "a", asked => asked with { Links = [new("db", db.Endpoint.ContainerId[..12])] });
        var b = sandbox.Container(network, "b");

        Assert.Equal([db.Address], Ask(a.Space, "DB")!);
        Assert.Null(Ask(b.Space, "db"));
        sandbox.Plane.Rename(network.Id, db.Endpoint.Id, "other");
        Assert.Equal([db.Address], Ask(a.Space, "db")!);
    }

    [Fact]
    public void One_alias_of_several_containers_begins_with_each_in_turn()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one");
        var a = sandbox.Container(network, "a");
        string[] replicas = [.. Enumerable.Range(0, 3).Select(i => sandbox.Container(network, $"r{i}", asked => asked with { Aliases = ["service"] }).Address)];

        var first = Enumerable.Range(0, 6).Select(_ => Ask(a.Space, "service")!).ToList();

        Assert.All(first, answer => Assert.Equal(replicas.Order(), answer.Order()));
        Assert.Equal(replicas.Order(), first.Select(answer => answer[0]).Distinct().Order());
    }

    [Fact]
    public void A_program_of_the_container_may_have_port_53_of_all_addresses()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one");
        var a = sandbox.Container(network, "a");
        var b = sandbox.Container(network, "b");

        sandbox.ServeUdp(a.Space, 53);
        sandbox.ServeTcp(a.Space, 53);

        Assert.Equal([b.Address], Ask(a.Space, "b")!);
        Assert.Equal(b.Address, Sandbox.Udp(b.Space, a.Address, 53));
        Assert.Equal(b.Address, Sandbox.Tcp(b.Space, a.Address, 53));
    }

    [Theory]
    [InlineData(ProtocolType.Udp)]
    [InlineData(ProtocolType.Tcp)]
    public void Names_of_the_rest_of_the_world_are_asked_of_others_but_not_from_an_internal_network(ProtocolType protocol)
    {
        using var sandbox = new Sandbox([new(InternetAddress.Parse(Sandbox.OutsideAddress), 5353)]);
        int asked = 0;
        ServeNames(sandbox, protocol, () => asked++);
        var open = sandbox.Container(sandbox.Network("open"), "a");
        var inside = sandbox.Container(sandbox.Network("inside", network => network with { Internal = true }), "b");

        Assert.Equal(["192.0.2.53"], Ask(open.Space, "example.com", protocol: protocol)!);
        Assert.Null(Ask(inside.Space, "example.com", protocol: protocol));
        Assert.Equal(1, asked);
    }

    [Fact]
    public void A_server_that_is_not_there_does_not_keep_the_next_one_from_being_asked()
    {
        using var sandbox = new Sandbox([new(InternetAddress.Parse(Sandbox.OutsideAddress), 1), new(InternetAddress.Parse(Sandbox.OutsideAddress), 5353)]);
        ServeNames(sandbox, ProtocolType.Udp, () => { });
        var a = sandbox.Container(sandbox.Network("open"), "a");

        Assert.Equal(["192.0.2.53"], Ask(a.Space, "example.com")!);
    }

    [Fact]
    public void A_container_that_sends_rubbish_is_answered_or_not_and_others_are_served()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one", asked => asked with { Internal = true });
        var a = sandbox.Container(network, "a");
        var random = new Random(3);
        a.Space.RunInside(() =>
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.Connect("127.0.0.11", 53);
            for (int i = 0; i < 2000; i++)
            {
                byte[] bytes = new byte[random.Next(600)];
                random.NextBytes(bytes);
                socket.Send(bytes);
            }
        });

        Assert.Equal([a.Address], Ask(a.Space, "a")!);
        Assert.Equal([a.Address], Ask(a.Space, "a", protocol: ProtocolType.Tcp)!);
    }

    /// <summary>The addresses of a name; null when there is no such name, or no answer.</summary>
    internal static string[]? Ask(Namespace from, string name, DnsType type = DnsType.A, ProtocolType protocol = ProtocolType.Udp)
    {
        var answer = Sandbox.Exchange(from, DnsWriter.Question(77, name, type), protocol);
        return answer is not null && DnsMessage.TryReadAnswer(answer, out var status, out var records) && status == DnsStatus.Done
            ? [.. records.Select(record => new IPAddress(record.Data).ToString())]
            : null;
    }

    private static List<DnsRecord> Records(Namespace from, string name, DnsType type)
    {
        var answer = Sandbox.Exchange(from, DnsWriter.Question(77, name, type), ProtocolType.Udp);
        Assert.True(DnsMessage.TryReadAnswer(answer, out _, out var records));
        return records;
    }

    /// <summary>A name server outside that knows one address for all names.</summary>
    private static void ServeNames(Sandbox sandbox, ProtocolType protocol, Action asked)
    {
        Socket server = null!;
        sandbox.Outside.RunInside(() =>
        {
            server = new Socket(AddressFamily.InterNetwork, protocol == ProtocolType.Tcp ? SocketType.Stream : SocketType.Dgram, protocol);
            server.Bind(new IPEndPoint(IPAddress.Any, 5353));
            if (protocol == ProtocolType.Tcp)
            {
                server.Listen();
            }
        });
        sandbox.Own(server);
        new Thread(() =>
        {
            try
            {
                byte[] buffer = new byte[1024];
                while (true)
                {
                    if (protocol == ProtocolType.Tcp)
                    {
                        using var connection = server.Accept();
                        int count = connection.Receive(buffer);
                        byte[] reply = Answer(buffer.AsSpan(2, count - 2));
                        connection.Send([(byte)(reply.Length >> 8), (byte)reply.Length, .. reply]);
                        continue;
                    }
                    EndPoint from = new IPEndPoint(IPAddress.Any, 0);
                    int length = server.ReceiveFrom(buffer, ref from);
                    // First what anybody could send to mislead: another number, another question.
                    byte[] right = Answer(buffer.AsSpan(0, length));
                    byte[] wrong = [.. right];
                    wrong[0] ^= 1;
                    server.SendTo(wrong, from);
                    server.SendTo(right, from);
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // the test is over
            }
        })
        { IsBackground = true }.Start();

        byte[] Answer(ReadOnlySpan<byte> message)
        {
            Assert.Equal(DnsStatus.Done, DnsMessage.TryReadRequest(message, out var request));
            asked();
            return DnsWriter.Answer(request!, DnsStatus.Done, [(DnsType.A, [192, 0, 2, 53])], 5, 512);
        }
    }
}
