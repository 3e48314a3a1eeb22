using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Caisson.Linux;
using Caisson.Networks.Names;
using Xunit;

namespace Caisson.Networks.Tests;

/// <summary>What root of a container sends below IP, and asks of the resolver, without an effect on others.</summary>
public sealed class ExposureTests
{
    private const int AllProtocols = 0x0300; // ETH_P_ALL in the order of the network

    private static readonly byte[] Mark = "mark-of-the-test"u8.ToArray();

    /// <summary>CVE-2025-52889, CVE-2025-52890: frames that no program of a container has to send.</summary>
    [Fact]
    public void Frames_that_are_neither_ARP_nor_IP_or_have_another_sender_reach_nobody()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one");
        var a = sandbox.Container(network, "a");
        var b = sandbox.Container(network, "b");
        byte[] own = Bytes(a), neighbour = Bytes(b), foreign = [0x02, 0xBA, 0xD0, 0, 0, 1], all = [255, 255, 255, 255, 255, 255], bridges = [0x01, 0x80, 0xC2, 0, 0, 0];
        using Socket ear = Listen(b.Space);

        a.Space.RunInside(() =>
        {
            int device = int.Parse(Sandbox.Run("ip -o link show eth0 | cut -d: -f1"), CultureInfo.InvariantCulture);
            using var socket = new Socket(AddressFamily.Packet, SocketType.Raw, (ProtocolType)AllProtocols);
            foreach (byte[] to in (byte[][])[all, neighbour, bridges])
            {
                foreach (ushort type in (ushort[])[0x88CC, 0x8100, 0x88A8, 0x8863, 0x8864, 0x8847, 0x88E5, 0x0026, 0x9000])
                {
                    socket.SendTo(Frame(to, own, type), new LinkEndPoint(device));
                }
                socket.SendTo(Frame(to, foreign, 0x0800), new LinkEndPoint(device));
                socket.SendTo(Frame(to, neighbour, 0x0806), new LinkEndPoint(device));
            }
        });
        // That it is listened at all: a datagram that may pass.
        a.Space.RunInside(() =>
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.SendTo([.. Mark, .. "-allowed"u8], new IPEndPoint(IPAddress.Parse(b.Address), 9));
        });

        List<string> heard = Heard(ear, until: "-allowed");
        Assert.Equal(["0800 allowed"], heard);
        // The bridge's own port, before its rules, is of the host; its address and what is behind it are not reached.
        Assert.DoesNotContain(foreign, sandbox.OnHost("bridge fdb show").Split('\n').Select(line => line.Split(' ')[0]).Where(text => text.Contains(':', StringComparison.Ordinal)).Select(Parse));
    }

    /// <summary>One container asks without end for names that others must be asked for, and never gets an answer.</summary>
    [Fact]
    public void A_container_that_floods_the_resolver_keeps_nobody_from_an_answer()
    {
        using var sandbox = new Sandbox([new(InternetAddress.Parse(Sandbox.OutsideAddress), 5353)]);
        sandbox.Outside.RunInside(() =>
        {
            var silent = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            silent.Bind(new IPEndPoint(IPAddress.Any, 5353));
            sandbox.Own(silent);
        });
        var network = sandbox.Network("one");
        var a = sandbox.Container(network, "a");
        var b = sandbox.Container(network, "b");
        a.Space.RunInside(() =>
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.Connect("127.0.0.11", 53);
            for (int i = 0; i < 5_000; i++)
            {
                socket.Send(DnsWriter.Question((ushort)i, string.Create(CultureInfo.InvariantCulture, $"n{i}.example.com"), DnsType.A));
            }
        });

        Assert.Equal([a.Address], NamesTests.Ask(b.Space, "a")!);
        Assert.Equal([a.Address], NamesTests.Ask(b.Space, "a", protocol: ProtocolType.Tcp)!);
        Assert.Equal([b.Address], NamesTests.Ask(a.Space, "b")!);
    }

    /// <summary>Connections to the resolver that are opened and left.</summary>
    [Fact]
    public void A_container_that_leaves_connections_to_the_resolver_open_keeps_nobody_from_an_answer()
    {
        using var sandbox = new Sandbox();
        var network = sandbox.Network("one", asked => asked with { Internal = true });
        var a = sandbox.Container(network, "a");
        var b = sandbox.Container(network, "b");
        List<Socket> idle = [];
        a.Space.RunInside(() =>
        {
            for (int i = 0; i < 300; i++)
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
                idle.Add(socket);
                try
                {
                    socket.Connect("127.0.0.11", 53);
                }
                catch (SocketException e) when (e.SocketErrorCode == SocketError.WouldBlock)
                {
                    // it is on its way
                }
            }
        });

        string[]? answer = NamesTests.Ask(b.Space, "a", protocol: ProtocolType.Tcp);
        idle.ForEach(socket => socket.Dispose());

        Assert.Equal([a.Address], answer!);
    }

    private static byte[] Frame(byte[] to, byte[] from, ushort type) => [.. to, .. from, (byte)(type >> 8), (byte)type, .. new byte[28], .. Mark, .. new byte[16]];

    private static byte[] Bytes(Container container) => Parse(container.Endpoint.HardwareAddress.ToString()!);

    private static byte[] Parse(string address) => [.. address.Split(':').Select(part => byte.Parse(part, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];

    private static Socket Listen(Namespace where)
    {
        Socket socket = null!;
        where.RunInside(() => socket = new Socket(AddressFamily.Packet, SocketType.Raw, (ProtocolType)AllProtocols) { ReceiveTimeout = 10_000 });
        return socket;
    }

    /// <summary>The types of the frames with the mark that came, until one with <paramref name="until"/> behind it.</summary>
    private static List<string> Heard(Socket ear, string until)
    {
        List<string> heard = [];
        byte[] buffer = new byte[2_048];
        while (true)
        {
            int count = ear.Receive(buffer);
            int at = buffer.AsSpan(0, count).IndexOf(Mark);
            if (at < 0)
            {
                continue;
            }
            bool last = Encoding.ASCII.GetString(buffer, at, count - at).Contains(until, StringComparison.Ordinal);
            heard.Add($"{buffer[12]:x2}{buffer[13]:x2}{(last ? " allowed" : "")}");
            if (last)
            {
                return heard;
            }
        }
    }

    /// <summary>A device, as packet(7) has it: family, protocol, index, and no address, since the frame is whole.</summary>
    private sealed class LinkEndPoint(int device) : EndPoint
    {
        public override AddressFamily AddressFamily => AddressFamily.Packet;

        public override SocketAddress Serialize()
        {
            var address = new SocketAddress(AddressFamily.Packet, 20);
            for (int i = 0; i < 4; i++)
            {
                address[4 + i] = (byte)(device >> (8 * i));
            }
            return address;
        }
    }
}
