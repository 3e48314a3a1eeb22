using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Caisson.Linux;
using Caisson.Linux.Tests;

namespace Caisson.Networks.Tests;

/// <summary>A host of its own with a plane, and a machine outside that is on its wire: three network namespaces or more that end with the test.</summary>
internal sealed class Sandbox : IDisposable
{
    public const string HostAddress = "198.51.100.1";
    public const string HostAddress6 = "2001:db8::1";
    public const string OutsideAddress = "198.51.100.2";
    public const string OutsideAddress6 = "2001:db8::2";

    /// <summary>How long what must not come is waited for.</summary>
    private const int NeverMs = 400;

    /// <summary>How long what must come is waited for, on a busy machine.</summary>
    private const int SurelyMs = 10000;

    private readonly List<IDisposable> _owned = [];
    private int _count;

    public Sandbox(ImmutableArray<InternetEndpoint>? nameServers = null)
    {
        Host = Own(Namespace.CreateNetwork());
        Outside = Own(Namespace.CreateNetwork());
        Host.RunInside(() =>
        {
            using var route = RouteSocket.Open();
            route.Execute(new RouteRequest.CreatePair("up0", 0, 0, "eth0", HardwareAddress.Local(2), Outside), new RouteRequest.Up("lo"));
            Run($"ip addr add {HostAddress}/24 dev up0; ip addr add {HostAddress6}/64 dev up0 nodad; ip link set up0 up");
        });
        Outside.RunInside(() => Run($"ip link set lo up; ip addr add {OutsideAddress}/24 dev eth0; ip addr add {OutsideAddress6}/64 dev eth0 nodad; ip link set eth0 up"));
        Options = new() { Owner = $"/run/test-{Guid.NewGuid():N}", Host = Host, NameServers = nameServers ?? [] };
        Plane = NetworkPlane.Open(Options, [], []);
    }

    public Namespace Host { get; }

    public Namespace Outside { get; }

    public NetworkPlaneOptions Options { get; }

    public NetworkPlane Plane { get; set; }

    public NetworkConfig Network(string name, Func<NetworkConfig, NetworkConfig>? change = null)
    {
        var asked = new NetworkConfig { Id = $"{name}-{Guid.NewGuid():N}", Name = name };
        return Plane.Create(change?.Invoke(asked) ?? asked);
    }

    public Container Container(NetworkConfig network, string name, Func<EndpointConfig, EndpointConfig>? change = null)
    {
        var space = Own(Namespace.CreateNetwork());
        return new(space, Connect(network, name, space, change));
    }

    public EndpointConfig Connect(NetworkConfig network, string name, Namespace space, Func<EndpointConfig, EndpointConfig>? change = null)
    {
        var asked = new EndpointConfig { Id = $"{name}-{++_count}", NetworkId = network.Id, ContainerId = $"{name}0000000000000000", Name = name };
        return Plane.Connect(change?.Invoke(asked) ?? asked, space);
    }

    /// <summary>Answers each connection with the address of who connected, or with <paramref name="says"/>.</summary>
    public void ServeTcp(Namespace where, int port, bool isIPv6 = false, string? says = null)
    {
        Socket listener = null!;
        where.RunInside(() =>
        {
            listener = new Socket(isIPv6 ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            listener.Bind(new IPEndPoint(isIPv6 ? IPAddress.IPv6Any : IPAddress.Any, port));
            listener.Listen();
        });
        Own(listener);
        new Thread(() =>
        {
            try
            {
                while (true)
                {
                    using var connection = listener.Accept();
                    connection.Send(Encoding.ASCII.GetBytes(says ?? ((IPEndPoint)connection.RemoteEndPoint!).Address.ToString()));
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // the test is over
            }
        })
        { IsBackground = true }.Start();
    }

    /// <summary>Sends back what comes, as long as it comes.</summary>
    public void EchoTcp(Namespace where, int port)
    {
        Socket listener = null!;
        where.RunInside(() =>
        {
            listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            listener.Bind(new IPEndPoint(IPAddress.Any, port));
            listener.Listen();
        });
        Own(listener);
        new Thread(() =>
        {
            try
            {
                using var connection = listener.Accept();
                byte[] buffer = new byte[64];
                for (int count; (count = connection.Receive(buffer)) > 0;)
                {
                    connection.Send(buffer.AsSpan(0, count));
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // the test is over
            }
        })
        { IsBackground = true }.Start();
    }

    /// <summary>Answers each datagram with the address of who sent it.</summary>
    public void ServeUdp(Namespace where, int port)
    {
        Socket socket = null!;
        where.RunInside(() =>
        {
            socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.Bind(new IPEndPoint(IPAddress.Any, port));
        });
        Own(socket);
        new Thread(() =>
        {
            byte[] buffer = new byte[512];
            try
            {
                while (true)
                {
                    EndPoint from = new IPEndPoint(IPAddress.Any, 0);
                    socket.ReceiveFrom(buffer, ref from);
                    socket.SendTo(Encoding.ASCII.GetBytes(((IPEndPoint)from).Address.ToString()), from);
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // the test is over
            }
        })
        { IsBackground = true }.Start();
    }

    /// <summary>What a server says by TCP, which is to be reached; null when it is not.</summary>
    public static string? Tcp(Namespace from, string address, int port, string? source = null) => Ask(from, address, port, ProtocolType.Tcp, source, SurelyMs);

    /// <summary>What a server says by UDP, which is to be reached; null when it is not.</summary>
    public static string? Udp(Namespace from, string address, int port, string? source = null) => Ask(from, address, port, ProtocolType.Udp, source, SurelyMs);

    /// <summary>The same of a server that is not to be reached.</summary>
    public static string? TryTcp(Namespace from, string address, int port, string? source = null) => Ask(from, address, port, ProtocolType.Tcp, source, NeverMs);

    /// <summary>The same of a server that is not to be reached.</summary>
    public static string? TryUdp(Namespace from, string address, int port, string? source = null) => Ask(from, address, port, ProtocolType.Udp, source, NeverMs);

    /// <summary>What the container's resolver says to a message; null when no answer comes. Like programs, it asks again when a datagram was lost.</summary>
    public static byte[]? Exchange(Namespace from, byte[] message, ProtocolType protocol)
    {
        byte[]? answer = null;
        from.RunInside(() =>
        {
            using var socket = new Socket(AddressFamily.InterNetwork, protocol == ProtocolType.Tcp ? SocketType.Stream : SocketType.Dgram, protocol);
            try
            {
                socket.Connect("127.0.0.11", 53);
                answer = protocol == ProtocolType.Udp ? AskByDatagram(socket, message) : AskByStream(socket, message);
            }
            catch (SocketException)
            {
                answer = null;
            }
        });
        return answer;
    }

    private static byte[]? AskByDatagram(Socket socket, byte[] message)
    {
        byte[] buffer = new byte[65537];
        for (int i = 0; i < 4; i++)
        {
            socket.Send(message);
            if (socket.Poll(TimeSpan.FromSeconds(2), SelectMode.SelectRead))
            {
                return buffer[..socket.Receive(buffer)];
            }
        }
        return null;
    }

    private static byte[]? AskByStream(Socket socket, byte[] message)
    {
        byte[] buffer = new byte[65537];
        socket.ReceiveTimeout = 6000;
        socket.Send([(byte)(message.Length >> 8), (byte)message.Length, .. message]);
        int have = 0;
        while (have < 2 || have < 2 + (buffer[0] << 8 | buffer[1]))
        {
            int count = socket.Receive(buffer.AsSpan(have));
            if (count == 0)
            {
                return null;
            }
            have += count;
        }
        return buffer[2..have];
    }

    /// <summary>Runs a script, which must say nothing on failure's channel, and gives what it wrote.</summary>
    public static string Run(string script) => Shell.Run(script);

    /// <summary>The same in a network.</summary>
    public static string RunIn(Namespace network, string script)
    {
        string said = "";
        network.RunInside(() => said = Run(script));
        return said;
    }

    public string OnHost(string script) => RunIn(Host, script);

    public T Own<T>(T owned) where T : IDisposable
    {
        _owned.Add(owned);
        return owned;
    }

    public void Dispose()
    {
        Plane.Dispose();
        for (int i = _owned.Count - 1; i >= 0; i--)
        {
            _owned[i].Dispose();
        }
    }

    private static string? Ask(Namespace from, string address, int port, ProtocolType protocol, string? source, int timeoutMs)
    {
        string? answer = null;
        from.RunInside(() =>
        {
            var to = new IPEndPoint(IPAddress.Parse(address), port);
            using var socket = new Socket(to.AddressFamily, protocol == ProtocolType.Tcp ? SocketType.Stream : SocketType.Dgram, protocol) { ReceiveTimeout = timeoutMs };
            try
            {
                if (source is not null)
                {
                    socket.Bind(new IPEndPoint(IPAddress.Parse(source), 0));
                }
                var connected = socket.BeginConnect(to, null, null);
                if (!connected.AsyncWaitHandle.WaitOne(timeoutMs))
                {
                    return;
                }
                socket.EndConnect(connected);
                if (protocol == ProtocolType.Udp)
                {
                    socket.Send("?"u8);
                }
                byte[] buffer = new byte[512];
                int count = socket.Receive(buffer);
                answer = count > 0 ? Encoding.ASCII.GetString(buffer, 0, count) : null;
            }
            catch (SocketException)
            {
                answer = null;
            }
        });
        return answer;
    }
}

/// <summary>A container of a test: a network namespace, and its place in a network.</summary>
internal sealed record Container(Namespace Space, EndpointConfig Endpoint)
{
    public string Address => Endpoint.IPv4!.Value.ToString();

    public string Address6 => Endpoint.IPv6!.Value.ToString();
}
