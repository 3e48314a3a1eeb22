using System.Buffers.Binary;

using Caisson.Linux;
using Caisson.Machines.Agent;

namespace Caisson.Machines.Hosting;

/// <summary>Asks the sandbox's name server what the machine asks. Questions are numbered anew, so an answer can only be one to a question of the machine.</summary>
internal sealed class HostResolver : IDisposable
{
    private const int MessageBytesMax = 4_096;
    private const int PendingMax = 1_024;
    private const int HeaderBytes = 12;

    private static readonly InternetEndpoint Place = new(InternetAddress.IPv4(0x7f00000b), 53);

    private readonly InternetSocket _socket = InternetSocket.Open(TransportProtocol.Udp, isIPv6: false);
    private readonly (uint Number, ushort Id, bool Waits)[] _pending = new (uint, ushort, bool)[PendingMax];
    private ushort _next = BinaryPrimitives.ReadUInt16LittleEndian(KernelRandom.Take(2));

    /// <summary>To be watched.</summary>
    public Descriptor Socket => _socket;

    /// <summary>Asks; what does not go is asked again by whoever wants to know.</summary>
    public void Ask(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length is < 4 + HeaderBytes or > 4 + MessageBytesMax)
        {
            return;
        }
        byte[] message = bytes[4..].ToArray();
        ushort own = ++_next;
        _pending[own % PendingMax] = (BinaryPrimitives.ReadUInt32LittleEndian(bytes), BinaryPrimitives.ReadUInt16BigEndian(message), true);
        BinaryPrimitives.WriteUInt16BigEndian(message, own);
        _socket.SendTo(message, Place);
    }

    /// <summary>Passes answers on.</summary>
    public void Answer(AgentLink link)
    {
        Span<byte> message = stackalloc byte[4 + MessageBytesMax];
        while (true)
        {
            int count = _socket.ReceiveFrom(message[4..], out InternetEndpoint sender);
            if (count == -(int)Errno.EAGAIN)
            {
                return;
            }
            if (count < HeaderBytes || sender != Place)
            {
                if (count < 0)
                {
                    return; // nobody answers there now
                }
                continue;
            }
            ushort own = BinaryPrimitives.ReadUInt16BigEndian(message[4..]);
            ref var pending = ref _pending[own % PendingMax];
            if (pending.Waits)
            {
                pending.Waits = false;
                BinaryPrimitives.WriteUInt32LittleEndian(message, pending.Number);
                BinaryPrimitives.WriteUInt16BigEndian(message[4..], pending.Id);
                link.Send(AgentFrameKind.Answer, 0, message[..(4 + count)]);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();
}
