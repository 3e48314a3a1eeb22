using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

using Caisson.Api.Kubernetes;
using Caisson.Api.Transport;
using Caisson.Control.Sandboxes;
using Caisson.Control.Workloads;
using Caisson.Errors;

using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Caisson.Api.Cri;

/// <summary>Where the kubelet of this machine fetches the streams that calls have prepared: an address of 127.0.0.1, and a path that is a secret.</summary>
/// <remarks>Opened at the first need. A path is good once, for a minute.</remarks>
internal sealed class StreamServer(PodSandboxes pods, Action<string> log) : IHttpApplication<HttpContext>, IAsyncDisposable
{
    private const int WaitingMax = 1_000;
    private const int TokenBytes = 24;
    private static readonly TimeSpan Validity = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, (Stream Stream, DateTimeOffset Until)> _waiting = new();
    private readonly SemaphoreSlim _opening = new(1, 1);
    private KestrelServer? _server;
    private int _port;

    /// <summary>What a path stands for.</summary>
    internal abstract record Stream;

    /// <summary>A process, or the attachment to one, as <see cref="RemoteCommand.Request"/>.</summary>
    internal sealed record Command(Workload Workload, IReadOnlyList<string>? Words, bool Stdin, bool Stdout, bool Stderr, bool Tty) : Stream;

    /// <summary>Ports of a sandbox.</summary>
    internal sealed record Ports(string SandboxId, IReadOnlyList<int> Wanted) : Stream;

    /// <summary>Gives a stream an address.</summary>
    /// <param name="kind">The first part of its path.</param>
    /// <param name="stream">What comes there.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.ResourceExhausted"/>: too many wait to be fetched.</exception>
    public async Task<string> AddAsync(string kind, Stream stream)
    {
        await OpenAsync();
        DateTimeOffset now = pods.Engine.Services.Time.GetUtcNow();
        foreach (KeyValuePair<string, (Stream Stream, DateTimeOffset Until)> old in _waiting.Where(one => one.Value.Until < now))
        {
            _waiting.TryRemove(old);
        }
        if (_waiting.Count >= WaitingMax)
        {
            throw new CaissonException(ErrorKind.ResourceExhausted, $"{WaitingMax} streams wait to be fetched; fetch them, or wait for a minute");
        }
        string path = $"/{kind}/{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(TokenBytes))}";
        _waiting[path] = (stream, now + Validity);
        return string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{_port}{path}");
    }

    public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

    public void DisposeContext(HttpContext context, Exception? exception)
    {
    }

    public async Task ProcessRequestAsync(HttpContext context)
    {
        try
        {
            await ServeAsync(context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client went away; there is nobody to tell.
        }
        catch (CaissonException error)
        {
            (int code, string reason) = KubernetesAnswer.Of(error);
            await KubernetesAnswer.FailAsync(context, code, reason, error.Message);
        }
#pragma warning disable CA1031 // the edge: whatever happens, one client gets an answer and the others are served
        catch (Exception error)
#pragma warning restore CA1031
        {
            log($"stream {context.Request.Method}: {error}");
            await KubernetesAnswer.FailAsync(context, StatusCodes.Status500InternalServerError, "InternalError", $"a fault of the engine: {error.Message}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is { } server)
        {
            await server.StopAsync(new CancellationToken(canceled: true));
            server.Dispose();
        }
        _opening.Dispose();
    }

    private Task ServeAsync(HttpContext context)
    {
        // The path is spent only by a request that can use it.
        RemoteCommand.RequireUpgrade(context);
        if (!_waiting.TryRemove(context.Request.Path.Value ?? "", out (Stream Stream, DateTimeOffset Until) found) || found.Until < pods.Engine.Services.Time.GetUtcNow())
        {
            throw new CaissonException(ErrorKind.NotFound, "nothing waits at this path; a path of a stream is good once, for a minute");
        }
        return found.Stream switch
        {
            Command command => RemoteCommand.RunAsync(
                context, new RemoteCommand.Request(command.Workload, command.Words, command.Stdin, command.Stdout, command.Stderr, command.Tty)),
            Ports ports => RemotePorts.RunAsync(context, (port, cancellation) => pods.ConnectAsync(ports.SandboxId, port, cancellation), ports.Wanted),
            _ => throw new System.Diagnostics.UnreachableException(),
        };
    }

    private async Task OpenAsync()
    {
        if (_server is not null)
        {
            return;
        }
        await _opening.WaitAsync();
        try
        {
            if (_server is not null)
            {
                return;
            }
            var options = new KestrelServerOptions { AddServerHeader = false, AllowSynchronousIO = false };
            options.Limits.MinResponseDataRate = null; // a terminal waits for hours
            options.Limits.MinRequestBodyDataRate = null;
            options.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(30);
            IPEndPoint address = new(IPAddress.Loopback, FreePort());
            options.Listen(address, listen => listen.Protocols = HttpProtocols.Http1);
            Dictionary<IPEndPoint, TcpAccess> doors = new() { [address] = new TcpAccess(null, HostNames.OfAddress([])) };
            var factory = new EngineListenerFactory(UnixFileMode.UserRead | UnixFileMode.UserWrite, doors, log);
            var server = new KestrelServer(Options.Create(options), factory, NullLoggerFactory.Instance);
            try
            {
                await server.StartAsync(this, CancellationToken.None);
            }
            catch
            {
                server.Dispose();
                throw;
            }
            _port = address.Port;
            _server = server;
        }
        catch (Exception error) when (error is SocketException or IOException)
        {
            throw new CaissonException(ErrorKind.Unavailable, $"no port of 127.0.0.1 could be opened for streams: {error.Message}", error);
        }
        finally
        {
            _opening.Release();
        }
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
