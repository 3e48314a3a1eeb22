using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Text;

using Caisson.Api.Transport;

using Microsoft.AspNetCore.Http;

namespace Caisson.Api.Http;

/// <summary>Turns a request into a raw two-way stream, as Docker's attach and exec do.</summary>
/// <remarks>
/// The head is written by hand on the transport: Kestrel upgrades only requests without a body, and exec start has one.
/// The request's body, if any, must have been read. Source: Docker Engine API, "Attach to a container", "Hijacking".
/// </remarks>
internal sealed class Hijack
{
    private readonly UnixConnection _connection;

    private Hijack(UnixConnection connection)
    {
        _connection = connection;
        Input = connection.Transport.Input;
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
        UnixConnection connection = call.Http.Features.Get<UnixConnection>()
            ?? throw new InvalidOperationException("a stream can only be taken over on our own transport");
        string contentType = multiplexed && call.Version >= new ApiVersion(1, 42)
            ? "application/vnd.docker.multiplexed-stream"
            : "application/vnd.docker.raw-stream";
        string head = WantsUpgrade(call.Http.Request)
            ? $"HTTP/1.1 101 UPGRADED\r\nContent-Type: {contentType}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nApi-Version: {ApiVersion.Max}\r\n\r\n"
            : $"HTTP/1.1 200 OK\r\nContent-Type: {contentType}\r\nApi-Version: {ApiVersion.Max}\r\n\r\n";

        var hijack = new Hijack(connection);
        try
        {
            hijack.Output.Write(Encoding.ASCII.GetBytes(head));
            await hijack.Output.FlushAsync();
            await body(hijack);
        }
        catch (Exception error) when (error is OperationCanceledException or IOException or SocketException)
        {
            // The client or the process is gone: a stream ends then, and there is no other way to tell.
        }
        finally
        {
            await connection.FinishAsync();
        }
    }

    private static bool WantsUpgrade(HttpRequest request) =>
        request.Headers.Connection.Any(value => value?.Contains("upgrade", StringComparison.OrdinalIgnoreCase) == true)
        && request.Headers.Upgrade.Count > 0;
}
