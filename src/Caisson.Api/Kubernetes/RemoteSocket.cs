using System.Buffers.Binary;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Threading.Channels;

using Caisson.Api.Http;
using Caisson.Documents;
using Caisson.Errors;

using Microsoft.AspNetCore.Http;

namespace Caisson.Api.Kubernetes;

/// <summary>Several streams in one websocket: the first byte of a message says which one it is of.</summary>
/// <remarks>
/// In the variants with base64 it is a digit, and what follows is encoded. Since version 5 a message of channel 255 says that the client has
/// finished one. Source: Kubernetes' protocols <c>channel.k8s.io</c>, <c>base64.channel.k8s.io</c> and their versions 4 and 5.
/// </remarks>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Reliability", "CA1001", Justification = "the gate never makes a wait handle, so there is nothing to dispose")]
internal sealed class RemoteSocket
{
    private const int Stdin = 0;
    private const int Stdout = 1;
    private const int Stderr = 2;
    private const int Status = 3;
    private const int Resize = 4;
    private const int Finished = 255;

    /// <summary>What a client may send in one message; streams are sent in small ones.</summary>
    private const int MessageBytesMax = 1 << 20;

    /// <summary>How many messages wait for a process that does not read.</summary>
    private const int WaitingMax = 64;

    private static readonly string[] Protocols = ["v5.channel.k8s.io", "v4.channel.k8s.io", "v4.base64.channel.k8s.io", "channel.k8s.io", "base64.channel.k8s.io"];

    private readonly WebSocket _socket;
    private readonly bool _isBase64;
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly Dictionary<int, Channel<byte[]>> _inputs = [];

    private RemoteSocket(WebSocket socket, bool isBase64, IEnumerable<int> inputs)
    {
        _socket = socket;
        _isBase64 = isBase64;
        foreach (int channel in inputs)
        {
            _inputs[channel] = Channel.CreateBounded<byte[]>(WaitingMax);
        }
    }

    /// <summary>A process, or the attachment to one.</summary>
    public static Task RunCommandAsync(HttpContext context, RemoteCommand.Request request)
    {
        string? protocol = Choose(context);
        return Hijack.RunWebSocketAsync(context, protocol, hijack => RunAsync(hijack, protocol, [Stdin, Resize], async (socket, stop) =>
        {
            var streams = new RemoteCommand.Streams(
                request.Stdin ? socket._inputs[Stdin].Reader : null,
                socket._inputs[Resize].Reader,
                request.Stdout ? bytes => socket.SendAsync(Stdout, bytes, stop) : null,
                request.Stderr ? bytes => socket.SendAsync(Stderr, bytes, stop) : null);
            await socket.SendAsync(request.Stdout ? Stdout : request.Stderr ? Stderr : Status, default, stop); // the client waits for a sign that it is connected
            MappingNode result = await RemoteCommand.ServeAsync(request, streams, stop);
            await socket.SendAsync(Status, RemoteCommand.Encode(result, protocol?.StartsWith('v') == true), stop);
        }));
    }

    /// <summary>Ports: two channels for each, data and errors, which begin with the port's number.</summary>
    public static Task RunPortsAsync(HttpContext context, RemotePorts.Connect connect, IReadOnlyList<int> ports)
    {
        if (ports.Count is 0 or > 100)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "a websocket for ports names them in its query: ports=8080");
        }
        string? protocol = Choose(context);
        return Hijack.RunWebSocketAsync(context, protocol, hijack => RunAsync(
            hijack, protocol, Enumerable.Range(0, ports.Count).Select(index => 2 * index),
            (socket, stop) => Task.WhenAll(ports.Select((port, index) => socket.ForwardAsync(connect, port, index, stop)))));
    }

    private static string? Choose(HttpContext context)
    {
        string[] offered = [.. context.Request.Headers.SecWebSocketProtocol.SelectMany(line => (line ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];
        return Protocols.FirstOrDefault(offered.Contains)
            ?? (offered.Length == 0 ? null : throw new CaissonException(ErrorKind.InvalidArgument, $"none of the protocols {string.Join(", ", offered)} is known; {Protocols[0]} is"));
    }

    private static async Task RunAsync(Hijack hijack, string? protocol, IEnumerable<int> inputs, Func<RemoteSocket, CancellationToken, Task> body)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(hijack.Gone);
        using WebSocket web = WebSocket.CreateFromStream(
            hijack.AsStream(), new WebSocketCreationOptions { IsServer = true, KeepAliveInterval = TimeSpan.FromSeconds(30) });
        var socket = new RemoteSocket(web, protocol?.Contains("base64", StringComparison.Ordinal) == true, inputs);
        Task reading = socket.ReadAsync(stop);
        try
        {
            await body(socket, stop.Token);
            if (web.State is WebSocketState.Open or WebSocketState.CloseReceived)
            {
                await web.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, hijack.Gone);
            }
            await Task.WhenAny(reading, Task.Delay(TimeSpan.FromSeconds(2), CancellationToken.None));
        }
        catch (WebSocketException error)
        {
            throw new IOException(error.Message, error);
        }
        finally
        {
            await stop.CancelAsync();
            await reading;
        }
    }

    private async Task ReadAsync(CancellationTokenSource stop)
    {
        byte[] buffer = new byte[MessageBytesMax];
        try
        {
            while (true)
            {
                int length = 0;
                ValueWebSocketReceiveResult received;
                do
                {
                    if (length == buffer.Length)
                    {
                        throw new IOException("a message of the websocket is larger than a mebibyte");
                    }
                    received = await _socket.ReceiveAsync(buffer.AsMemory(length), stop.Token);
                    length += received.Count;
                }
                while (!received.EndOfMessage);
                if (received.MessageType == WebSocketMessageType.Close)
                {
                    break;
                }
                if (length > 0)
                {
                    await TakeAsync(buffer.AsMemory(0, length), stop.Token);
                }
            }
        }
        catch (Exception error) when (error is WebSocketException or IOException or OperationCanceledException or FormatException)
        {
            // It is gone, or says what nobody understands: that ends the connection.
        }
        foreach (Channel<byte[]> input in _inputs.Values)
        {
            input.Writer.TryComplete();
        }
        await stop.CancelAsync();
    }

    private async Task TakeAsync(ReadOnlyMemory<byte> message, CancellationToken stop)
    {
        int channel = _isBase64 ? message.Span[0] - '0' : message.Span[0];
        byte[] bytes = _isBase64 ? Convert.FromBase64String(Encoding.ASCII.GetString(message.Span[1..])) : message[1..].ToArray();
        if (channel == Finished && bytes is [var finished])
        {
            if (_inputs.TryGetValue(finished, out Channel<byte[]>? ended))
            {
                ended.Writer.TryComplete();
            }
        }
        else if (_inputs.TryGetValue(channel, out Channel<byte[]>? input) && bytes.Length > 0)
        {
            try
            {
                await input.Writer.WriteAsync(bytes, stop);
            }
            catch (ChannelClosedException)
            {
                // The client has said before that it finished this one.
            }
        }
    }

    private async Task SendAsync(int channel, ReadOnlyMemory<byte> bytes, CancellationToken stop)
    {
        byte[] message = _isBase64
            ? Encoding.ASCII.GetBytes((char)('0' + channel) + Convert.ToBase64String(bytes.Span))
            : [(byte)channel, .. bytes.Span];
        await _sending.WaitAsync(stop);
        try
        {
            await _socket.SendAsync(message, _isBase64 ? WebSocketMessageType.Text : WebSocketMessageType.Binary, endOfMessage: true, stop);
        }
        finally
        {
            _sending.Release();
        }
    }

    private async Task ForwardAsync(RemotePorts.Connect connect, int port, int index, CancellationToken stop)
    {
        int data = 2 * index;
        byte[] number = new byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(number, (ushort)port);
        await SendAsync(data, number, stop);
        await SendAsync(data + 1, number, stop);
        try
        {
            using Socket socket = await connect(port, stop);
            await RemotePorts.MoveAsync(socket, _inputs[data].Reader.ReadAllAsync(stop), bytes => SendAsync(data, bytes, stop), () =>
            {
                _inputs[data].Writer.TryComplete();
                return Task.CompletedTask;
            }, stop);
        }
        catch (Exception failure) when (failure is SocketException or CaissonException)
        {
            await SendAsync(data + 1, RemotePorts.Complaint(port, failure.Message), stop);
        }
    }
}
