using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

using Caisson.Api.Transport;
using Caisson.Errors;
using Caisson.Registry;
using Caisson.Registry.Access;

using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Caisson.Api.Registry;

/// <summary>A registry at one address.</summary>
public sealed class RegistryServer : IAsyncDisposable
{
    private readonly KestrelServer _server;

    private RegistryServer(KestrelServer server, IPEndPoint address)
    {
        _server = server;
        Address = address;
    }

    /// <summary>Where it listens.</summary>
    public IPEndPoint Address { get; }

    /// <summary>Serves <paramref name="store"/>.</summary>
    /// <param name="store">Stays the caller's, and outlives this.</param>
    /// <param name="access">Who may do what.</param>
    /// <param name="upstreams">Registries behind this one; null for none.</param>
    /// <param name="address">Where to listen; port 0 is not understood.</param>
    /// <param name="certificate">With its private key; null for no encryption.</param>
    /// <param name="log">Told of faults.</param>
    public static async Task<RegistryServer> StartAsync(
        RegistryStore store, RegistryAccess access, PullThrough? upstreams, IPEndPoint address, SslStreamCertificateContext? certificate, Action<string> log)
    {
        var options = new KestrelServerOptions { AddServerHeader = false, AllowSynchronousIO = false };
        options.Limits.MaxRequestBodySize = null; // blobs have no limit; manifests have their own
        options.Limits.MaxConcurrentConnections = null;
        options.Limits.KeepAliveTimeout = TimeSpan.FromMinutes(2);
        options.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(30);
        options.Listen(address, listen => listen.Protocols = HttpProtocols.Http1);
        SslServerAuthenticationOptions? tls = certificate is null ? null : new SslServerAuthenticationOptions
        {
            ServerCertificateContext = certificate,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            AllowRenegotiation = false,
            ApplicationProtocols = [SslApplicationProtocol.Http11],
        };
        Dictionary<IPEndPoint, TcpAccess> doors = new() { [address] = new TcpAccess(tls, HostNames.OfSocket) };
        var factory = new EngineListenerFactory(UnixFileMode.UserRead | UnixFileMode.UserWrite, doors, log);
        var server = new KestrelServer(Options.Create(options), factory, NullLoggerFactory.Instance);
        try
        {
            await server.StartAsync(new RegistryApi(store, access, upstreams, log) { IsEncrypted = tls is not null }, CancellationToken.None);
            return new RegistryServer(server, address);
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    /// <summary>Reads a certificate, what is between it and its root, and its private key.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: a file is absent or malformed.</exception>
    public static SslStreamCertificateContext ReadCertificate(string certificate, string key)
    {
        try
        {
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(certificate);
            return SslStreamCertificateContext.Create(X509Certificate2.CreateFromPemFile(certificate, key), chain, offline: true);
        }
        catch (Exception error) when (error is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{certificate} and {key}: {error.Message.TrimEnd('.')}", error);
        }
    }

    /// <summary>Stops accepting, gives running requests until <paramref name="deadline"/> fires, then cuts them.</summary>
    public Task StopAsync(CancellationToken deadline) => _server.StopAsync(deadline);

    /// <summary>Cuts what is left.</summary>
    public async ValueTask DisposeAsync()
    {
        await _server.StopAsync(new CancellationToken(canceled: true));
        _server.Dispose();
    }
}
