using System.Net;
using System.Net.Sockets;

using Caisson.Api.Grpc;
using Caisson.Control.Access;

using Microsoft.AspNetCore.Connections;

namespace Caisson.Api.Transport;

/// <summary>Makes listeners for Kestrel: unix sockets, and TCP where it was asked for.</summary>
/// <remarks>
/// Kestrel's own transport ends a connection when the client has finished sending, which loses the output of
/// <c>echo x | docker run -i … cat</c>; see <see cref="EngineConnection"/>.
/// </remarks>
internal sealed class EngineListenerFactory(UnixFileMode mode, IReadOnlyDictionary<IPEndPoint, TcpAccess> doors, Action<string> log, string? grpcSocket = null) : IConnectionListenerFactory
{
    /// <summary>Binds a socket at the path of <paramref name="endpoint"/>, which must be free, with the factory's mode; or its address.</summary>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) => endpoint switch
    {
        UnixDomainSocketEndPoint unix => ValueTask.FromResult<IConnectionListener>(BindUnix(unix)),
        IPEndPoint address when doors.TryGetValue(address, out TcpAccess? access) => ValueTask.FromResult<IConnectionListener>(BindTcp(address, access)),
        _ => throw new NotSupportedException($"nothing is bound at {endpoint}"),
    };

    private EngineListener BindUnix(UnixDomainSocketEndPoint unix)
    {
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
        uint group = SocketDoor.GroupOf(unix.ToString());
        return new EngineListener(socket, unix, int.MaxValue, (client, closed) => EngineConnection.Start(
            unix.ToString() == grpcSocket ? new GrpcWire(client, group) { Closed = closed } : new UnixWire(client, group) { Closed = closed }, HostNames.OfSocket));
    }

    private EngineListener BindTcp(IPEndPoint address, TcpAccess access)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(address);
            socket.Listen(512);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
        return new EngineListener(socket, (IPEndPoint)socket.LocalEndPoint!, TcpAccess.ConnectionsMax, (client, closed) =>
        {
            client.NoDelay = true;
            // Half a minute after a machine vanished its connections do so, too.
            client.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            client.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 15);
            client.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 5);
            client.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 3);
            Wire wire = access.Tls is { } tls ? new TlsWire(client, tls) { Closed = closed } : new TcpWire(client) { Closed = closed };
            EndPoint? remote = client.RemoteEndPoint;
            return EngineConnection.Start(wire, access.Hosts, reason => log($"a client at {remote} was not let in: {reason}"));
        });
    }
}

/// <summary>One listening socket with room for a number of connections; further ones wait in the kernel's queue.</summary>
internal sealed class EngineListener(Socket socket, EndPoint endpoint, int room, Func<Socket, Action, EngineConnection> start) : IConnectionListener
{
    private readonly SemaphoreSlim _room = new(room);
    private readonly CancellationTokenSource _end = new();
    private int _closed;

    public EndPoint EndPoint => endpoint;

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        bool held = false;
        try
        {
            await _room.WaitAsync(_end.Token);
            held = true;
            while (true)
            {
                try
                {
                    Socket client = await socket.AcceptAsync(cancellationToken);
                    EngineConnection connection = Start(client);
                    held = false;
                    return connection;
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
        catch (Exception error) when (error is ObjectDisposedException || (error is OperationCanceledException && _end.IsCancellationRequested))
        {
            return null;
        }
        finally
        {
            if (held)
            {
                _room.Release();
            }
        }
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => DisposeAsync();

    public ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _closed, 1) == 0)
        {
            _end.Cancel();
            socket.Dispose();
        }
        return ValueTask.CompletedTask;
    }

    private EngineConnection Start(Socket client)
    {
        EndPoint? remote = endpoint is IPEndPoint ? client.RemoteEndPoint : null;
        EngineConnection connection = start(client, () => _room.Release());
        connection.LocalEndPoint = endpoint;
        connection.RemoteEndPoint = remote;
        return connection;
    }
}
