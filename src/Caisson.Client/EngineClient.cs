using Caisson.Client.Http;
using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Client;

/// <summary>The Docker Engine API as methods. Connections are opened when needed and kept alive.</summary>
/// <remarks>
/// Thread-safe: each call has a connection of its own while it lasts. Every call may throw <see cref="EngineException"/>
/// (the engine refused) or <see cref="CaissonException"/> of kind <see cref="ErrorKind.Unavailable"/> (it is not there).
/// Source: Docker Engine API 1.24 to 1.51.
/// </remarks>
public sealed partial class EngineClient : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Stack<HttpConnection> _idle = new();
    private readonly Action<EngineEndpoint>? _start;
    private ApiVersion? _version;
    private bool _disposed;

    /// <summary>Nothing is opened yet.</summary>
    /// <param name="endpoint">Where the engine listens.</param>
    /// <param name="start">
    /// Called once when nobody listens; returns when the engine does, or throws. Null: that is an error. An engine that this client
    /// starts came with it, and so is not asked for its version first: it is taken to speak <see cref="ApiVersion.Newest"/> until it says otherwise.
    /// </param>
    public EngineClient(EngineEndpoint endpoint, Action<EngineEndpoint>? start = null)
    {
        Endpoint = endpoint;
        _start = start;
    }

    /// <summary>Where the engine listens.</summary>
    public EngineEndpoint Endpoint { get; }

    /// <summary>Gives, for a repository, the value of <c>X-Registry-Auth</c>, or nothing; null where nobody has credentials.</summary>
    public Func<string, string?>? RegistryAuth { get; init; }

    /// <summary>The version both sides speak; asked of the engine once.</summary>
    /// <exception cref="CaissonException">The engine speaks nothing this client speaks.</exception>
    public ApiVersion Version => _version ??= Negotiate();

    /// <summary>Whether somebody takes connections at <paramref name="endpoint"/>, a unix socket.</summary>
    public static bool Listens(EngineEndpoint endpoint)
    {
        try
        {
            HttpConnection.Connect(endpoint).Dispose();
            return true;
        }
        catch (LinuxException)
        {
            return false;
        }
    }

    /// <summary>Closes idle connections; responses still open own theirs.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            while (_idle.TryPop(out var connection))
            {
                connection.Dispose();
            }
        }
    }

    /// <summary>Sends to a path below the negotiated version; errors of the engine become exceptions.</summary>
    private HttpResponse Call(string method, string path, ReadOnlyMemory<byte> body = default) =>
        Exchange(new HttpRequest(method, path) { Body = body });

    /// <summary>As <see cref="Call"/>, when the answer holds nothing of interest.</summary>
    private void Do(string method, string path, ReadOnlyMemory<byte> body = default)
    {
        using var response = Call(method, path, body);
        response.ReadAll();
    }

    /// <summary>Sends <paramref name="request"/>, whose target is a path below a version, in the version both sides speak.</summary>
    private HttpResponse Exchange(HttpRequest request)
    {
        // A body that is written as it is made cannot be sent again.
        bool isAssumed = _version is null && _start is not null && request.WriteBody is null;
        var version = isAssumed ? ApiVersion.Newest : Version;
        var response = ExchangeRaw(request with { Target = $"/v{version}{request.Target}" });
        if (isAssumed)
        {
            _version = Agree(response.Head);
            if (response.Head.Status == 400 && _version < version)
            {
                // Refused for its version, before anything was done.
                response.Dispose();
                return Exchange(request);
            }
        }
        return Accepted(response);
    }

    /// <summary>Gives back <paramref name="response"/>, or throws what the engine said against the request.</summary>
    private static HttpResponse Accepted(HttpResponse response)
    {
        if (response.Head.Status < 300)
        {
            return response;
        }
        // 304 is how the engine says that there was nothing to do: started already, stopped already.
        if (response.Head.Status == 304)
        {
            return response;
        }
        using (response)
        {
            throw EngineException.From(response);
        }
    }

    private HttpResponse ExchangeRaw(HttpRequest request)
    {
        if (Token is { } token)
        {
            request = request with { Headers = new Dictionary<string, string>(request.Headers) { ["Authorization"] = "Bearer " + token } };
        }
        var connection = Rent();
        try
        {
            connection.Send(request);
            return Receive(connection, request);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private HttpResponse Receive(HttpConnection connection, HttpRequest request)
    {
        var head = connection.ReceiveHead();
        bool bodiless = request.Method == "HEAD" || head.Status is 204 or 304;
        return new HttpResponse(connection, head, bodiless, Return);
    }

    /// <summary>A connection to the engine without a word said. The caller disposes it.</summary>
    public HijackedStream Dial() => new(Rent());

    private HijackedStream Upgrade(string path, ReadOnlyMemory<byte> body)
    {
        var response = Exchange(new HttpRequest("POST", path) { Body = body, Upgrade = true });
        // Engines before 1.24's time, and some peers, answer 200 and go raw all the same.
        return response.Head.Status is 101 or 200
            ? response.Hijack()
            : throw new CaissonException(ErrorKind.Unavailable, "the engine did not open the stream that was asked for");
    }

    private ApiVersion Negotiate()
    {
        using var response = ExchangeRaw(new HttpRequest("HEAD", "/_ping"));
        return Agree(response.Head);
    }

    /// <summary>The newest version that this client and the engine that answered with <paramref name="head"/> speak.</summary>
    private ApiVersion Agree(HttpResponseHead head)
    {
        if (!ApiVersion.TryParse(head["Api-Version"], out var offered))
        {
            offered = ApiVersion.Oldest;
        }
        if (offered < ApiVersion.Oldest)
        {
            throw new CaissonException(
                ErrorKind.Unimplemented, $"the engine at {Endpoint} speaks API {offered}; this command line needs {ApiVersion.Oldest} or newer");
        }
        return offered < ApiVersion.Newest ? offered : ApiVersion.Newest;
    }

    private HttpConnection Rent()
    {
        lock (_lock)
        {
            if (_idle.TryPop(out var idle))
            {
                return idle;
            }
        }
        try
        {
            return HttpConnection.Connect(Endpoint);
        }
        catch (LinuxException e) when (_start is not null && IsAbsent(e))
        {
            _start(Endpoint);
            return ConnectStarted();
        }
        catch (LinuxException e)
        {
            throw Unreachable(e);
        }
    }

    private HttpConnection ConnectStarted()
    {
        try
        {
            return HttpConnection.Connect(Endpoint);
        }
        catch (LinuxException e)
        {
            throw Unreachable(e);
        }
    }

    private void Return(HttpConnection connection)
    {
        lock (_lock)
        {
            if (connection.Reusable && !_disposed)
            {
                _idle.Push(connection);
                return;
            }
        }
        connection.Dispose();
    }

    /// <summary>True when nobody listens, as opposed to somebody who may not be asked.</summary>
    internal static bool IsAbsent(LinuxException e) => e.Errno is Errno.ECONNREFUSED or Errno.ENOENT;

    private CaissonException Unreachable(LinuxException e) => e.Errno is Errno.EACCES or Errno.EPERM
        ? new(ErrorKind.PermissionDenied, $"cannot connect to the engine at {Endpoint}: permission denied; run as root or as a member of the socket's group", e)
        : new(ErrorKind.Unavailable, $"cannot connect to the engine at {Endpoint}: {LinuxException.Describe(e.Errno)}; is it running? (caisson engine status)", e);
}
