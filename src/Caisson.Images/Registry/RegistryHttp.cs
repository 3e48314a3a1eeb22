using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;

using Caisson.Errors;

namespace Caisson.Images.Registry;

/// <summary>The connections to registries: one pool for each, with its certificates, and one for wherever registries send us.</summary>
/// <remarks>
/// For several threads. Redirections are never followed here, nothing is decompressed, no cookie is kept. A host that only an answer
/// named is not connected to when it is an address of this machine or of a private network, unless the registry is on one, too.
/// </remarks>
internal sealed class RegistryHttp : IDisposable
{
    private readonly RegistrySettings _settings;
    private readonly ConcurrentDictionary<string, HttpMessageInvoker> _own = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Task<Uri>> _origins = new(StringComparer.Ordinal);
    private readonly HttpMessageInvoker _foreign;
    private readonly HttpMessageInvoker _foreignPrivate;

    public RegistryHttp(RegistrySettings settings)
    {
        _settings = settings;
        _foreign = new HttpMessageInvoker(Handler(new SslClientAuthenticationOptions(), guarded: true));
        _foreignPrivate = new HttpMessageInvoker(Handler(new SslClientAuthenticationOptions(), guarded: false));
    }

    public RegistrySettings Settings => _settings;

    /// <summary>Where <paramref name="place"/> is: scheme, host and port. Found out once, without credentials.</summary>
    public async Task<Uri> OriginAsync(RegistryPlace place, CancellationToken cancellation)
    {
        while (true)
        {
            Task<Uri> known = _origins.GetOrAdd(place.Host, _ => FindOriginAsync(place, cancellation));
            try
            {
                return await known.WaitAsync(cancellation);
            }
            catch (Exception) when (known.IsFaulted || known.IsCanceled)
            {
                _origins.TryRemove(new KeyValuePair<string, Task<Uri>>(place.Host, known));
                if (known.IsCanceled && !cancellation.IsCancellationRequested)
                {
                    continue; // somebody else gave up who was asking for both of us
                }
                throw;
            }
        }
    }

    /// <summary>Sends to the registry itself; waits no longer for the head of an answer than settings say.</summary>
    public Task<HttpResponseMessage> SendAsync(RegistryPlace place, HttpRequestMessage request, CancellationToken cancellation) =>
        SendAsync(Own(place), request, bodyIsLong: request.Content is not null, cancellation);

    /// <summary>Sends to a host that an answer of <paramref name="place"/> named; the request carries no credentials of the registry's.</summary>
    public async Task<HttpResponseMessage> SendForeignAsync(RegistryPlace place, HttpRequestMessage request, CancellationToken cancellation) =>
        await SendAsync(await IsPrivateAsync(place, cancellation) ? _foreignPrivate : _foreign, request, bodyIsLong: false, cancellation);

    public void Dispose()
    {
        _foreign.Dispose();
        _foreignPrivate.Dispose();
        foreach (HttpMessageInvoker own in _own.Values)
        {
            own.Dispose();
        }
    }

    private async Task<HttpResponseMessage> SendAsync(
        HttpMessageInvoker invoker, HttpRequestMessage request, bool bodyIsLong, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        if (!bodyIsLong)
        {
            deadline.CancelAfter(_settings.Patience.Answer);
        }
        try
        {
            request.Version = HttpVersion.Version11;
            request.Headers.UserAgent.Add(new ProductInfoHeaderValue("caisson", typeof(RegistryHttp).Assembly.GetName().Version?.ToString(3) ?? "0"));
            return await invoker.SendAsync(request, deadline.Token);
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw new RegistryTransientException(
                $"{request.RequestUri!.Authority} does not answer within {_settings.Patience.Answer.TotalSeconds:0.###} seconds", e);
        }
        catch (HttpRequestException e)
        {
            throw Unreachable(request.RequestUri!, e);
        }
    }

    private HttpMessageInvoker Own(RegistryPlace place) => _own.GetOrAdd(place.Host, _ =>
        new HttpMessageInvoker(Handler(RegistryTls.Options(_settings, place.Host, place.Entry.Insecure), guarded: false)));

    private SocketsHttpHandler Handler(SslClientAuthenticationOptions tls, bool guarded)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            ConnectTimeout = _settings.Patience.Connect,
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(15),
            PooledConnectionLifetime = TimeSpan.FromMinutes(10),
            MaxResponseHeadersLength = 64,
            MaxResponseDrainSize = 64 * 1024,
            MaxConnectionsPerServer = 16,
            SslOptions = tls,
        };
        if (guarded)
        {
            handler.ConnectCallback = ConnectGuardedAsync;
        }
        return handler;
    }

    /// <summary>Resolves once and connects to what was judged, so that a name cannot mean another address the second time.</summary>
    private static async ValueTask<Stream> ConnectGuardedAsync(SocketsHttpConnectionContext context, CancellationToken cancellation)
    {
        string host = context.DnsEndPoint.Host;
        IPAddress[] addresses = await Dns.GetHostAddressesAsync(host, cancellation);
        bool isProxy = host != context.InitialRequestMessage.RequestUri!.IdnHost;
        if (!isProxy && addresses.FirstOrDefault(IsPrivate) is { } hidden)
        {
            throw new HttpRequestException($"the registry sends us to {host}, which is {hidden}: an address of this machine or of a private network");
        }
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, context.DnsEndPoint.Port, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>True for addresses that are not the Internet's. Source: RFC 1918, 3927, 4193, 4291, 6598.</summary>
    private static bool IsPrivate(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            address = address.MapToIPv4();
        }
        if (IPAddress.IsLoopback(address) || address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any))
        {
            return true;
        }
        byte[] bytes = address.GetAddressBytes();
        return address.AddressFamily == AddressFamily.InterNetwork
            ? bytes[0] is 0 or 10 or 127
                || (bytes[0] == 100 && (bytes[1] & 0xc0) == 64)
                || (bytes[0] == 169 && bytes[1] == 254)
                || (bytes[0] == 172 && (bytes[1] & 0xf0) == 16)
                || (bytes[0] == 192 && bytes[1] == 168)
            : address.IsIPv6LinkLocal || address.IsIPv6SiteLocal || (bytes[0] & 0xfe) == 0xfc;
    }

    private static async Task<bool> IsPrivateAsync(RegistryPlace place, CancellationToken cancellation)
    {
        try
        {
            return (await Dns.GetHostAddressesAsync(place.HostName, cancellation)).Any(IsPrivate);
        }
        catch (SocketException)
        {
            return false; // behind a proxy, names may be unknown here
        }
    }

    /// <summary>
    /// Encryption, always, but for this machine and for registries that were listed as insecure: those are asked what they speak.
    /// </summary>
    private async Task<Uri> FindOriginAsync(RegistryPlace place, CancellationToken cancellation)
    {
        var https = new Uri($"https://{place.Host}/");
        if ((!place.IsThisMachine && !place.Entry.Insecure) || RegistryTls.DirectoryOf(_settings, place.Host) is not null)
        {
            return https;
        }
        var http = new Uri($"http://{place.Host}/");
        Uri[] order = place.IsThisMachine ? [http, https] : [https, http];
        CaissonException? first = null;
        foreach (Uri origin in order)
        {
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(origin, "v2/"));
                using HttpResponseMessage response = await SendAsync(Own(place), request, bodyIsLong: false, cancellation);
                if (response.StatusCode != HttpStatusCode.BadRequest)
                {
                    return origin;
                }
                first ??= new CaissonException(ErrorKind.Unavailable, $"{place.Host} does not answer as a registry does");
            }
            catch (CaissonException e)
            {
                first ??= e;
            }
        }
        throw first!;
    }

    private static RegistryTransientException Unreachable(Uri target, HttpRequestException e)
    {
        Exception innermost = e;
        while (innermost.InnerException is { } inner)
        {
            innermost = inner;
        }
        string why = innermost is SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData }
            ? "no such host"
            : innermost.Message.TrimEnd('.');
        return new RegistryTransientException($"{target.Authority} cannot be reached: {why}", e)
        {
            // Neither of these mends itself within a second.
            IsLasting = innermost is System.Security.Authentication.AuthenticationException or System.Security.Cryptography.CryptographicException
                || e.HttpRequestError is HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError
                || why.StartsWith("the registry sends us", StringComparison.Ordinal)
                || innermost is SocketException { SocketErrorCode: SocketError.ConnectionRefused },
        };
    }
}

/// <summary>The registry cannot be reached, or breaks off: another try may do.</summary>
internal sealed class RegistryTransientException(string message, Exception? cause = null) : CaissonException(ErrorKind.Unavailable, message, cause)
{
    /// <summary>When to ask again, where the registry has said so.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>True when trying again at once is of no use.</summary>
    public bool IsLasting { get; init; }
}
