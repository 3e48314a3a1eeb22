using System.Buffers.Binary;
using System.Net.WebSockets;

using Caisson.Api.Http;
using Caisson.Control.Hosting;

namespace Caisson.Api.Docker;

/// <summary>Moves bytes between a websocket and a process: messages are bytes without frames of Docker's, whichever stream they are of.</summary>
internal static class WebSocketPump
{
    private const int ChunkBytes = 32 << 10;
    private const int FrameHeadBytes = 8;

    /// <summary>Runs until the process has closed its output or the client is gone.</summary>
    /// <param name="hijack">The connection after the opening.</param>
    /// <param name="attachment">The process's streams; null when it ended before it began.</param>
    /// <param name="framed">Whether its output comes in Docker's frames (no terminal).</param>
    /// <param name="kind">Of the messages that the client gets.</param>
    /// <param name="stdin">Whether what the client sends goes to the process.</param>
    public static async Task RunAsync(Hijack hijack, Attachment? attachment, bool framed, WebSocketMessageType kind, bool stdin)
    {
        using WebSocket socket = WebSocket.CreateFromStream(
            hijack.AsStream(), new WebSocketCreationOptions { IsServer = true, KeepAliveInterval = TimeSpan.FromSeconds(30) });
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(hijack.Gone);
        try
        {
            if (attachment is not null)
            {
                Task input = FromClientAsync(socket, attachment, stdin, stop.Token);
                Task output = ToClientAsync(socket, attachment, framed, kind, stop.Token);
                await Task.WhenAny(input, output);
                if (!output.IsCompleted)
                {
                    await stop.CancelAsync(); // the client closed
                }
                await output;
            }
            if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
            {
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, hijack.Gone);
            }
        }
        catch (WebSocketException error)
        {
            throw new IOException(error.Message, error);
        }
        finally
        {
            await stop.CancelAsync();
        }
    }

    private static async Task ToClientAsync(WebSocket socket, Attachment attachment, bool framed, WebSocketMessageType kind, CancellationToken stop)
    {
        byte[] buffer = new byte[ChunkBytes];
        byte[] head = new byte[FrameHeadBytes];
        int headFilled = 0;
        int left = 0;
        int count;
        while ((count = await attachment.ReadAsync(buffer, stop)) > 0)
        {
            ReadOnlyMemory<byte> bytes = buffer.AsMemory(0, count);
            while (framed && !bytes.IsEmpty)
            {
                if (left == 0)
                {
                    int taken = Math.Min(FrameHeadBytes - headFilled, bytes.Length);
                    bytes.Span[..taken].CopyTo(head.AsSpan(headFilled));
                    bytes = bytes[taken..];
                    headFilled += taken;
                    if (headFilled == FrameHeadBytes)
                    {
                        headFilled = 0;
                        left = BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(4));
                    }
                    continue;
                }
                ReadOnlyMemory<byte> part = bytes[..Math.Min(left, bytes.Length)];
                await socket.SendAsync(part, kind, endOfMessage: true, stop);
                left -= part.Length;
                bytes = bytes[part.Length..];
            }
            if (!bytes.IsEmpty)
            {
                await socket.SendAsync(bytes, kind, endOfMessage: true, stop);
            }
        }
    }

    /// <summary>Reads also when nothing is wanted: only so the client's close is seen.</summary>
    private static async Task FromClientAsync(WebSocket socket, Attachment attachment, bool stdin, CancellationToken stop)
    {
        byte[] buffer = new byte[ChunkBytes];
        try
        {
            while (true)
            {
                ValueWebSocketReceiveResult message = await socket.ReceiveAsync(buffer.AsMemory(), stop);
                if (message.MessageType == WebSocketMessageType.Close)
                {
                    return;
                }
                if (stdin && message.Count > 0)
                {
                    await attachment.WriteAsync(buffer.AsMemory(0, message.Count), stop);
                }
            }
        }
        catch (Exception error) when (error is WebSocketException or OperationCanceledException or IOException or System.Net.Sockets.SocketException)
        {
            // The client left, or the process reads no more: its output decides when this ends.
        }
    }
}
