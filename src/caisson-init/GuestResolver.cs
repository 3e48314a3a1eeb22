using System.Buffers.Binary;

using Caisson.Linux;
using Caisson.Machines.Agent;

namespace Caisson.Init;

/// <summary>
/// The name server that a container finds at 127.0.0.11: questions go to the host over the agent's line, answers come back. The engine answers them where
/// it answers those of containers, in the sandbox's network.
/// </summary>
internal sealed class GuestResolver : IDisposable
{
    /// <summary>The key of the wait; those of programs are larger.</summary>
    public const ulong Key = 1;

    private const int MessageBytesMax = 4_096;
    private const int PendingMax = 256;

    private static readonly InternetEndpoint Place = new(InternetAddress.IPv4(0x7f00000b), 53);

    private readonly InternetSocket _socket = InternetSocket.Open(TransportProtocol.Udp, isIPv6: false);
    private readonly InternetEndpoint[] _askers = new InternetEndpoint[PendingMax];
    private readonly AgentLink _link;
    private uint _next;

    /// <summary>Answers from now on; the loopback is up.</summary>
    public GuestResolver(AgentLink link, Epoll epoll)
    {
        _link = link;
        if (!_socket.TryBind(Place))
        {
            throw new LinuxException("bind", Errno.EADDRINUSE, Place.ToString());
        }
        epoll.Add(_socket, EpollEvents.Readable, Key);
    }

    /// <summary>Passes on what was asked; when too many wait, the oldest is forgotten, and its asker asks again.</summary>
    public void Ask()
    {
        Span<byte> message = stackalloc byte[4 + MessageBytesMax];
        while (_socket.ReceiveFrom(message[4..], out InternetEndpoint asker) is > 0 and var count)
        {
            uint number = _next++ % PendingMax;
            _askers[number] = asker;
            BinaryPrimitives.WriteUInt32LittleEndian(message, number);
            _link.Send(AgentFrameKind.Question, 0, message[..(4 + count)]);
        }
    }

    /// <summary>Passes on what was answered.</summary>
    public void Answer(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > 4 && BinaryPrimitives.ReadUInt32LittleEndian(bytes) is < PendingMax and var number && _askers[number].Port != 0)
        {
            _socket.SendTo(bytes[4..], _askers[number]); // an asker that is gone hears nothing
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();
}
