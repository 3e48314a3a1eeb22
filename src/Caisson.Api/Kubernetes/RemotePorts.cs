using System.Globalization;
using System.Net.Sockets;
using System.Text;

using Caisson.Api.Http;
using Caisson.Errors;

using Microsoft.AspNetCore.Http;

namespace Caisson.Api.Kubernetes;

/// <summary>Connections to ports of a pod through one connection of SPDY or one websocket. Source: Kubernetes' protocol <c>portforward.k8s.io</c>.</summary>
internal static class RemotePorts
{
    private const int ChunkBytes = 32 << 10;
    private const string Protocol = "portforward.k8s.io";

    /// <summary>Connects to a port of the pod.</summary>
    internal delegate Task<Socket> Connect(int port, CancellationToken cancellation);

    /// <summary>Serves until the client is gone.</summary>
    /// <param name="context">The request.</param>
    /// <param name="connect">Makes the connections.</param>
    /// <param name="ports">For websockets, which name their ports before; those of SPDY say theirs themselves.</param>
    public static Task RunAsync(HttpContext context, Connect connect, IReadOnlyList<int> ports)
    {
        if (Hijack.WantsWebSocket(context.Request))
        {
            return RemoteSocket.RunPortsAsync(context, connect, ports);
        }
        if (RemoteCommand.Offered(context) is { Length: > 0 } offered && !offered.Contains(Protocol))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"none of the protocols {string.Join(", ", offered)} is known; {Protocol} is");
        }
        return Hijack.RunSpdyAsync(context, Protocol, async hijack =>
        {
            var spdy = new SpdyConnection(hijack.Input, hijack.Output);
            Task reading = spdy.RunAsync(hijack.Gone);
            Dictionary<string, SpdyStream> waiting = [];
            await foreach (SpdyStream stream in spdy.Opened.ReadAllAsync(hijack.Gone))
            {
                string request = stream.Headers.GetValueOrDefault("requestid", "");
                if (waiting.Remove(request, out SpdyStream? other))
                {
                    bool isData = stream.Headers.GetValueOrDefault("streamtype") == "data";
                    _ = ForwardAsync(connect, isData ? stream : other, isData ? other : stream, hijack.Gone);
                }
                else
                {
                    waiting[request] = stream;
                }
            }
            await reading;
        });
    }

    /// <summary>Moves bytes between a connection and the client, until both have finished.</summary>
    /// <param name="socket">The connection.</param>
    /// <param name="input">What the client sends.</param>
    /// <param name="output">Takes what comes from the port.</param>
    /// <param name="finished">Called when nothing more comes from the port.</param>
    /// <param name="gone">The client is gone.</param>
    public static async Task MoveAsync(Socket socket, IAsyncEnumerable<byte[]> input, Func<ReadOnlyMemory<byte>, Task> output, Func<Task> finished, CancellationToken gone)
    {
        Task up = UpAsync();
        byte[] buffer = new byte[ChunkBytes];
        int count;
        while ((count = await socket.ReceiveAsync(buffer, SocketFlags.None, gone)) > 0)
        {
            await output(buffer.AsMemory(0, count));
        }
        await finished();
        await up;

        async Task UpAsync()
        {
            try
            {
                await foreach (byte[] bytes in input)
                {
                    for (int sent = 0; sent < bytes.Length;)
                    {
                        sent += await socket.SendAsync(bytes.AsMemory(sent), SocketFlags.None, gone);
                    }
                }
                socket.Shutdown(SocketShutdown.Send);
            }
            catch (Exception failure) when (failure is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                // The pod's program closed first; what it sent is read by the other direction.
            }
        }
    }

    /// <summary>What is said of a port that cannot be reached.</summary>
    public static byte[] Complaint(int port, string reason) =>
        Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"connect to port {port} of the pod: {reason}"));

    private static async Task ForwardAsync(Connect connect, SpdyStream data, SpdyStream error, CancellationToken gone)
    {
        int port = int.TryParse(data.Headers.GetValueOrDefault("port"), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0;
        try
        {
            using Socket socket = await connect(port, gone);
            await MoveAsync(
                socket, data.Input.ReadAllAsync(gone), bytes => data.WriteAsync(bytes),
                async () =>
                {
                    await data.CloseAsync();
                    await error.CloseAsync();
                },
                gone);
        }
        catch (Exception failure) when (failure is SocketException or IOException or OperationCanceledException or ObjectDisposedException or CaissonException)
        {
            if (!gone.IsCancellationRequested)
            {
                await error.WriteAsync(Complaint(port, failure.Message));
                await error.CloseAsync();
                await data.CloseAsync();
            }
        }
    }
}
