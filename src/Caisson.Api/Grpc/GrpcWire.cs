using System.Net.Sockets;

using Caisson.Api.Transport;

namespace Caisson.Api.Grpc;

/// <summary>A unix socket on which HTTP/2 is spoken at once; see <see cref="AuthorityPatch"/>.</summary>
internal sealed class GrpcWire(Socket socket, uint group) : UnixWire(socket, group)
{
    private const int ReadBytes = 16 << 10;

    private readonly AuthorityPatch _patch = new();
    private ReadOnlyMemory<byte> _ready;

    public override async ValueTask<int> ReceiveAsync(Memory<byte> buffer)
    {
        while (_ready.IsEmpty)
        {
            _ = await base.ReceiveAsync(Memory<byte>.Empty); // waits without a buffer, so that an idle connection holds none
            byte[] bytes = System.Buffers.ArrayPool<byte>.Shared.Rent(ReadBytes);
            try
            {
                int count = await base.ReceiveAsync(bytes);
                if (count == 0)
                {
                    return 0;
                }
                _ready = _patch.Take(bytes.AsSpan(0, count));
            }
            finally
            {
                System.Buffers.ArrayPool<byte>.Shared.Return(bytes);
            }
        }
        int taken = Math.Min(buffer.Length, _ready.Length);
        _ready[..taken].CopyTo(buffer);
        _ready = _ready[taken..];
        return taken;
    }
}
