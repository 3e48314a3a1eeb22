using System.IO.Pipelines;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

using Caisson.Api.Transport;
using Caisson.Errors;

using Microsoft.AspNetCore.Http;

namespace Caisson.Api.Http;

/// <summary>Turns a request into a raw two-way stream, as Docker's attach and exec do.</summary>
/// <remarks>
/// The head is written by hand on the transport: Kestrel upgrades only requests without a body, and exec start has one.
/// The request's body, if any, must have been read. Source: Docker Engine API, "Attach to a container", "Hijacking".
/// </remarks>
internal sealed class Hijack
{
    private readonly EngineConnection _connection;

    private Hijack(EngineConnection connection, PipeReader input)
    {
        _connection = connection;
        Input = input;
        Output = connection.Transport.Output;
    }

    /// <summary>What the client sends; completed when it has finished sending.</summary>
    public PipeReader Input { get; }

    /// <summary>What the client reads.</summary>
    public PipeWriter Output { get; }

    /// <summary>Fires when the client is gone altogether.</summary>
    public CancellationToken Gone => _connection.ConnectionClosed;

    /// <summary>Answers <paramref name="call"/> with a stream, runs <paramref name="body"/> and ends the connection.</summary>
    /// <param name="call">The request, validated: from here on no status can be reported.</param>
    /// <param name="multiplexed">Whether what the client reads is in frames (no terminal).</param>
    /// <param name="body">Uses the stream; a lost peer ends it.</param>
    public static async Task RunAsync(Call call, bool multiplexed, Func<Hijack, Task> body)
    {
        EngineConnection connection = Take(call);
        Guard.Of(call.Http).Note(call.Http, StatusCodes.Status101SwitchingProtocols);
        HttpRequest request = call.Http.Request;
        bool upgrade = WantsUpgrade(request);
        string contentType = multiplexed && call.Version >= new ApiVersion(1, 42)
            ? "application/vnd.docker.multiplexed-stream"
            : "application/vnd.docker.raw-stream";
        string head = upgrade
            ? $"HTTP/1.1 101 UPGRADED\r\nContent-Type: {contentType}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nApi-Version: {ApiVersion.Max}\r\n\r\n"
            : $"HTTP/1.1 200 OK\r\nContent-Type: {contentType}\r\nApi-Version: {ApiVersion.Max}\r\n\r\n";
        if (request.ContentLength > 0)
        {
            await call.SkipBodyAsync(); // some clients say there once more what they said in the query
        }
        // Without an upgrade, what a client streams may be the request's body: its chunks are no part of what it says.
        bool inBody = !upgrade && !call.BodyWasRead && request.Headers.TransferEncoding.Count > 0;
        var hijack = new Hijack(connection, inBody ? request.BodyReader : connection.Transport.Input);
        await RunAsync(hijack, head, body);
    }

    /// <summary>Answers the opening of a websocket, runs <paramref name="body"/> and ends the connection. Source: RFC 6455 §4.2.</summary>
    /// <param name="call">The request, validated.</param>
    /// <param name="body">Uses the stream, which carries frames of websockets; a lost peer ends it.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: it is not the opening of a websocket.</exception>
    public static async Task RunWebSocketAsync(Call call, Func<Hijack, Task> body)
    {
        EngineConnection connection = Take(call);
        string head = $"{OpeningOf(call.Http.Request)}Api-Version: {ApiVersion.Max}\r\n\r\n";
        Guard.Of(call.Http).Note(call.Http, StatusCodes.Status101SwitchingProtocols);
        await RunAsync(new Hijack(connection, connection.Transport.Input), head, body);
    }

    /// <summary>As the other, for a websocket over which <paramref name="protocol"/> is spoken; null for none.</summary>
    public static async Task RunWebSocketAsync(HttpContext context, string? protocol, Func<Hijack, Task> body)
    {
        EngineConnection connection = context.Features.Get<EngineConnection>()
            ?? throw new InvalidOperationException("a stream can only be taken over on our own transport");
        Guard.Find(context)?.Note(context, StatusCodes.Status101SwitchingProtocols);
        string head = $"{OpeningOf(context.Request)}{(protocol is null ? "" : $"Sec-WebSocket-Protocol: {protocol}\r\n")}\r\n";
        await RunAsync(new Hijack(connection, connection.Transport.Input), head, body);
    }

    /// <summary>Whether a request asks for a websocket.</summary>
    public static bool WantsWebSocket(HttpRequest request) =>
        WantsUpgrade(request) && request.Headers.Upgrade.Any(value => "websocket".Equals(value, StringComparison.OrdinalIgnoreCase));

    /// <summary>The answer to the opening of a websocket, without what may follow.</summary>
    private static string OpeningOf(HttpRequest request)
    {
        if (!WantsWebSocket(request) || request.Headers.SecWebSocketKey is not [{ Length: 24 } key] || request.Headers.SecWebSocketVersion is not ["13"])
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "this is no websocket: headers Upgrade: websocket, Sec-WebSocket-Version: 13 and Sec-WebSocket-Key are needed");
        }
#pragma warning disable CA5350 // the standard's own; it protects nothing
        string accept = Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
#pragma warning restore CA5350
        return $"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";
    }

    /// <summary>Refuses a request that does not ask for SPDY/3.1, before anything is done for it.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: it does not.</exception>
    public static void RequireSpdy(HttpContext context)
    {
        if (!WantsUpgrade(context.Request) || !context.Request.Headers.Upgrade.Any(value => "SPDY/3.1".Equals(value, StringComparison.OrdinalIgnoreCase)))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "this needs a connection of SPDY: headers Connection: Upgrade and Upgrade: SPDY/3.1");
        }
    }

    /// <summary>Answers a request for SPDY/3.1, runs <paramref name="body"/> and ends the connection.</summary>
    /// <param name="context">The request, validated.</param>
    /// <param name="protocol">What is spoken over its streams.</param>
    /// <param name="body">Uses the connection; a lost peer ends it.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: it does not ask for SPDY.</exception>
    public static async Task RunSpdyAsync(HttpContext context, string protocol, Func<Hijack, Task> body)
    {
        EngineConnection connection = context.Features.Get<EngineConnection>()
            ?? throw new InvalidOperationException("a stream can only be taken over on our own transport");
        RequireSpdy(context);
        Guard.Find(context)?.Note(context, StatusCodes.Status101SwitchingProtocols);
        string head = $"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: {protocol}\r\n\r\n";
        await RunAsync(new Hijack(connection, connection.Transport.Input), head, body);
    }

    /// <summary>Both directions as one stream; nothing of it needs to be disposed.</summary>
    public Stream AsStream() => new DuplexStream(Input.AsStream(leaveOpen: true), Output.AsStream(leaveOpen: true));

    private static async Task RunAsync(Hijack hijack, string head, Func<Hijack, Task> body)
    {
        try
        {
            await hijack._connection.TakeOverAsync(Encoding.ASCII.GetBytes(head));
            await body(hijack);
        }
        catch (Exception error) when (error is OperationCanceledException or IOException or SocketException or BadHttpRequestException)
        {
            // The client or the process is gone: a stream ends then, and there is no other way to tell.
        }
        finally
        {
            await hijack._connection.FinishAsync();
        }
    }

    private static EngineConnection Take(Call call) => call.Http.Features.Get<EngineConnection>()
        ?? throw new InvalidOperationException("a stream can only be taken over on our own transport");

    private static bool WantsUpgrade(HttpRequest request) =>
        request.Headers.Connection.Any(value => value?.Contains("upgrade", StringComparison.OrdinalIgnoreCase) == true)
        && request.Headers.Upgrade.Count > 0;
}
