using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

using Caisson.Api.Transport;
using Caisson.Control.Access;
using Caisson.Errors;

using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Caisson.Api.Kubernetes;

/// <summary>The address of this machine where kubectl speaks with the engine: 127.0.0.1, a certificate of our own, and a token.</summary>
/// <remarks>It is opened when somebody asks for it the first time (<c>caisson kubeconfig</c>), and by every engine after that.</remarks>
internal sealed class KubernetesServer : IAsyncDisposable
{
    private const int UsualPort = 6443;
    private static readonly TimeSpan Validity = TimeSpan.FromDays(3650);

    private readonly string _root;
    private readonly ObjectRoutes _routes;
    private readonly AccessControl _access;
    private readonly Action<string> _log;
    private readonly SemaphoreSlim _opening = new(1, 1);
    private KestrelServer? _server;
    private Func<string, string> _config = _ => "";
    private string _token = "";

    public KubernetesServer(string root, ObjectRoutes routes, AccessControl access, Action<string> log) => (_root, _routes, _access, _log) = (root, routes, access, log);

    private string Files => $"{_root}/kubernetes";

    /// <summary>Opens the address if one was asked for in the life of an engine before.</summary>
    public async Task ReopenAsync()
    {
        if (File.Exists($"{Files}/token"))
        {
            try
            {
                _ = await ConfigAsync();
            }
            catch (Exception error) when (error is CaissonException or IOException or SocketException or CryptographicException)
            {
                _log($"the address for kubectl cannot be opened: {error.Message}");
            }
        }
    }

    /// <summary>A kubeconfig; the address is open then.</summary>
    /// <param name="token">Of the user that it is for; null for the engine's owner.</param>
    public async Task<string> ConfigAsync(string? token = null)
    {
        await _opening.WaitAsync();
        try
        {
            if (_server is null)
            {
                await OpenAsync();
            }
            return _config(token ?? _token);
        }
        finally
        {
            _opening.Release();
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

    private async Task OpenAsync()
    {
        Directory.CreateDirectory(Files, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        string token = Secret("token", () => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)));
        string key = Secret("tls.key", MakeKeyAndCertificate);
        X509Certificate2 certificate = X509Certificate2.CreateFromPem(await File.ReadAllTextAsync($"{Files}/tls.crt"), key);
        int asked = File.Exists($"{Files}/port") && int.TryParse(await File.ReadAllTextAsync($"{Files}/port"), NumberStyles.None, CultureInfo.InvariantCulture, out int port) ? port : UsualPort;
        foreach (int candidate in (int[])[asked, FreePort(), FreePort()])
        {
            try
            {
                _server = await ListenAsync(new IPEndPoint(IPAddress.Loopback, candidate), certificate, token);
                await File.WriteAllTextAsync($"{Files}/port", candidate.ToString(CultureInfo.InvariantCulture));
                string authority = await File.ReadAllTextAsync($"{Files}/tls.crt");
                _token = token;
                _config = bearer => Config(candidate, authority, bearer);
                return;
            }
            catch (Exception error) when (error is SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse } or IOException)
            {
                // Another program has it, or another engine.
            }
        }
        throw new CaissonException(ErrorKind.Unavailable, "no port of 127.0.0.1 could be opened for kubectl");
    }

    private async Task<KestrelServer> ListenAsync(IPEndPoint address, X509Certificate2 certificate, string token)
    {
        var options = new KestrelServerOptions { AddServerHeader = false, AllowSynchronousIO = false };
        options.Limits.MinResponseDataRate = null; // a watch waits for hours
        options.Limits.MinRequestBodyDataRate = null;
        options.Limits.KeepAliveTimeout = TimeSpan.FromMinutes(5);
        options.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(30);
        options.Listen(address, listen => listen.Protocols = HttpProtocols.Http1);
        var tls = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(certificate, null, offline: true),
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            AllowRenegotiation = false,
            ApplicationProtocols = [SslApplicationProtocol.Http11],
        };
        Dictionary<IPEndPoint, TcpAccess> doors = new() { [address] = new TcpAccess(tls, HostNames.OfAddress([])) };
        var factory = new EngineListenerFactory(UnixFileMode.UserRead | UnixFileMode.UserWrite, doors, _log);
        var server = new KestrelServer(Options.Create(options), factory, NullLoggerFactory.Instance);
        try
        {
            await server.StartAsync(new KubernetesApi(_routes, _access, token, _log), CancellationToken.None);
            return server;
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private string Secret(string name, Func<string> make)
    {
        string path = $"{Files}/{name}";
        if (!File.Exists(path))
        {
            string content = make();
            using var file = new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
            file.Write(Encoding.ASCII.GetBytes(content));
        }
        return File.ReadAllText(path);
    }

    private string MakeKeyAndCertificate()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=caisson", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyCertSign, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false));
        DateTimeOffset now = DateTimeOffset.UtcNow;
        using X509Certificate2 certificate = request.CreateSelfSigned(now.AddHours(-1), now + Validity);
        File.WriteAllText($"{Files}/tls.crt", certificate.ExportCertificatePem() + "\n");
        return key.ExportPkcs8PrivateKeyPem() + "\n";
    }

    private static string Config(int port, string certificate, string token) => string.Create(
        CultureInfo.InvariantCulture,
        $"""
        apiVersion: v1
        kind: Config
        clusters:
        - name: caisson
          cluster:
            server: https://127.0.0.1:{port}
            certificate-authority-data: {Convert.ToBase64String(Encoding.ASCII.GetBytes(certificate))}
        users:
        - name: caisson
          user:
            token: {token}
        contexts:
        - name: caisson
          context:
            cluster: caisson
            user: caisson
            namespace: default
        current-context: caisson

        """);
}
