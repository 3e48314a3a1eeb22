using System.Buffers.Binary;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Hosting;

namespace Caisson.Machines.Full;

/// <summary>
/// What one interface of a machine finds on its link beside the network: an address that gives it its lease, and passes its questions for names to the resolver of the
/// sandbox. It is the sandbox's end of the bridge, so nobody else sees it.
/// </summary>
public sealed class GuestLine : IDisposable
{
    private const ushort NamePort = 53;
    private const ushort ServerPort = 67;
    private const ushort ClientPort = 68;
    private const int PendingMax = 512;
    private const int NameBytesMax = 4_096;
    private const int HeaderBytes = 12;

    private static readonly InternetEndpoint Resolver = new(InternetAddress.IPv4(0x7f00_000b), NamePort);
    private static readonly InternetEndpoint Everybody = new(InternetAddress.IPv4(0xffff_ffff), ClientPort);

    private readonly DhcpLease _lease;
    private readonly HardwareAddress _client;
    private readonly (InternetEndpoint Asker, ushort Id, bool Waits)[] _pending = new (InternetEndpoint, ushort, bool)[PendingMax];
    private readonly byte[] _buffer = new byte[NameBytesMax];
    private ushort _next = BinaryPrimitives.ReadUInt16LittleEndian(KernelRandom.Take(2));

    private GuestLine(DhcpLease lease, HardwareAddress client) => (_lease, _client) = (lease, client);

    /// <summary>The address at which a machine finds the server, on every link. Source: RFC 3927, an address of the link alone.</summary>
    public static InternetAddress ServerAddress { get; } = InternetAddress.IPv4(0xa9fe_3535); // 169.254.53.53

    /// <summary>Where leases are asked for.</summary>
    public InternetSocket Leases { get; } = InternetSocket.Open(TransportProtocol.Udp, isIPv6: false);

    /// <summary>Where names are asked for.</summary>
    public InternetSocket Questions { get; } = InternetSocket.Open(TransportProtocol.Udp, isIPv6: false);

    /// <summary>Where the resolver's answers come.</summary>
    public InternetSocket Answers { get; } = InternetSocket.Open(TransportProtocol.Udp, isIPv6: false);

    /// <summary>Opens it in the calling thread's network namespace, where the device has been joined by <see cref="TapBridge"/>.</summary>
    /// <param name="device">The sandbox's device, whose address the machine has.</param>
    /// <param name="lease">What the machine is told.</param>
    /// <param name="client">The machine's hardware address.</param>
    /// <exception cref="CaissonException">The device is not there.</exception>
    public static GuestLine Open(string device, DhcpLease lease, HardwareAddress client)
    {
        using RouteSocket route = RouteSocket.Open();
        NetworkLink link = route.FindLink(device) ?? throw new CaissonException(ErrorKind.NotFound, $"the machine's sandbox has no device {device}");
        string name = TapBridge.BridgeOf(link.Index);
        NetworkLink bridge = route.FindLink(name) ?? throw new CaissonException(ErrorKind.NotFound, $"the machine's sandbox has no device {name}");
        Prepare(route, link, bridge, lease);
        var line = new GuestLine(lease, client);
        try
        {
            line.Leases.BindToDevice(name);
            line.Questions.BindToDevice(name);
            if (!line.Leases.TryBind(new InternetEndpoint(InternetAddress.IPv4(0), ServerPort)) || !line.Questions.TryBind(new InternetEndpoint(ServerAddress, NamePort)))
            {
                throw new CaissonException(ErrorKind.Conflict, $"another program serves leases or names on {name} of the machine's sandbox");
            }
            return line;
        }
        catch
        {
            line.Dispose();
            throw;
        }
    }

    /// <summary>Answers what waits at <see cref="Leases"/>.</summary>
    public void ServeLeases()
    {
        int count;
        while ((count = Leases.ReceiveFrom(_buffer, out _)) >= 0)
        {
            if (DhcpMessage.Answer(_buffer.AsSpan(0, Math.Min(count, DhcpMessage.BytesMax)), _lease, _client) is { } answer)
            {
                Leases.SendTo(answer, Everybody);
            }
        }
    }

    /// <summary>Passes on what waits at <see cref="Questions"/>, numbered anew, so that an answer can only be one to a question of this machine.</summary>
    public void PassQuestions()
    {
        int count;
        while ((count = Questions.ReceiveFrom(_buffer, out InternetEndpoint asker)) >= 0)
        {
            if (count >= HeaderBytes)
            {
                ushort own = ++_next;
                _pending[own % PendingMax] = (asker, BinaryPrimitives.ReadUInt16BigEndian(_buffer), true);
                BinaryPrimitives.WriteUInt16BigEndian(_buffer, own);
                Answers.SendTo(_buffer.AsSpan(0, count), Resolver);
            }
        }
    }

    /// <summary>Passes back what waits at <see cref="Answers"/>.</summary>
    public void PassAnswers()
    {
        while (true)
        {
            int count = Answers.ReceiveFrom(_buffer, out InternetEndpoint sender);
            if (count < 0)
            {
                return;
            }
            if (count < HeaderBytes || sender != Resolver)
            {
                continue;
            }
            ref var pending = ref _pending[BinaryPrimitives.ReadUInt16BigEndian(_buffer) % PendingMax];
            if (pending.Waits)
            {
                pending.Waits = false;
                BinaryPrimitives.WriteUInt16BigEndian(_buffer, pending.Id);
                Questions.SendTo(_buffer.AsSpan(0, count), pending.Asker);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Leases.Dispose();
        Questions.Dispose();
        Answers.Dispose();
    }

    /// <summary>The sandbox gives the machine's address up, so that what is sent there goes to the machine, and gets one of its own on the link.</summary>
    private static void Prepare(RouteSocket route, NetworkLink link, NetworkLink bridge, DhcpLease lease)
    {
        try
        {
            route.Execute([new RouteRequest.RemoveAddress(link.Index, lease.Address, lease.PrefixLength)]);
        }
        catch (LinuxException error) when (error.Errno == Errno.EADDRNOTAVAIL)
        {
            // An engine before this one did it.
        }
        route.Execute([new RouteRequest.AddAddress(bridge.Index, ServerAddress, 32)]);
        try
        {
            route.Execute([new RouteRequest.AddDeviceDefaultRoute(bridge.Index, false, (uint)bridge.Index)]);
        }
        catch (LinuxException error) when (error.Errno == Errno.EEXIST)
        {
            // Likewise.
        }
    }
}
