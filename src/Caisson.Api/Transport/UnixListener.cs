using System.Net;
using System.Net.Sockets;

using Microsoft.AspNetCore.Connections;

namespace Caisson.Api.Transport;

/// <summary>Makes unix socket listeners for Kestrel.</summary>
/// <remarks>
/// Kestrel's own transport ends a connection when the client has finished sending, which loses the output of
/// <c>echo x | docker run -i … cat</c>; see <see cref="UnixConnection"/>.
/// </remarks>
public sealed class UnixListenerFactory(UnixFileMode mode) : IConnectionListenerFactory
{
    /// <summary>Binds a socket at the path of <paramref name="endpoint"/> with the factory's mode; the path must be free.</summary>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        if (endpoint is not UnixDomainSocketEndPoint unix)
        {
            throw new NotSupportedException($"only unix sockets can be bound, not {endpoint}");
        }

        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(unix);
            // Nobody can connect between bind and this line: a socket that does not listen refuses.
            File.SetUnixFileMode(unix.ToString(), mode);
            socket.Listen(512);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
        return ValueTask.FromResult<IConnectionListener>(new UnixListener(socket, unix));
    }
}

/// <summary>One listening unix socket.</summary>
internal sealed class UnixListener(Socket socket, UnixDomainSocketEndPoint endpoint) : IConnectionListener
{
    private int _closed;

    public EndPoint EndPoint => endpoint;

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            try
            {
                return UnixConnection.Start(await socket.AcceptAsync(cancellationToken));
            }
            catch (ObjectDisposedException)
            {
                return null;
            }
            catch (SocketException error) when (error.SocketErrorCode is SocketError.OperationAborted or SocketError.InvalidArgument)
            {
                return null;
            }
            catch (SocketException error) when (error.SocketErrorCode is SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable)
            {
                // Out of descriptors: those that are open will close; accepting again at once would only burn the processor.
                await Task.Delay(50, cancellationToken);
            }
            catch (SocketException)
            {
                // The client went away between connect and accept.
            }
        }
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => DisposeAsync();

    public ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _closed, 1) == 0)
        {
            socket.Dispose();
        }
        return ValueTask.CompletedTask;
    }
}
