using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

using Caisson.Errors;

namespace Caisson.Client.Http;

/// <summary>TCP, with TLS when the address asks for it.</summary>
internal sealed class TcpTransport : Transport
{
    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(30);

    private readonly Socket _socket;
    private readonly Stream _stream;

    private TcpTransport(Socket socket, Stream stream)
    {
        _socket = socket;
        _stream = stream;
    }

    public override bool HasInput => _socket.Poll(0, SelectMode.SelectRead);

    /// <summary>Connects, and with TLS proves to each other who both are.</summary>
    public static TcpTransport Connect(RemoteAddress address)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            using var patience = new CancellationTokenSource(ConnectPatience);
            socket.ConnectAsync(address.Host, address.Port, patience.Token).AsTask().GetAwaiter().GetResult();
            var plain = new NetworkStream(socket, ownsSocket: true);
            return new TcpTransport(socket, address.Tls is { } tls ? Secure(plain, address, tls) : plain);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            socket.Dispose();
            string reason = e is SocketException ? e.Message : "no answer in half a minute";
            throw new CaissonException(ErrorKind.Unavailable, $"cannot connect to the engine at {address}: {reason}", e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public override int Receive(Span<byte> buffer) => _stream.Read(buffer);

    public override void Send(ReadOnlySpan<byte> bytes) => _stream.Write(bytes);

    public override void FinishSending()
    {
        try
        {
            // Without TLS's own word for it: another thread reads the same stream, and that word needs the stream alone.
            _socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The other side closed first: what was to be said is said.
        }
    }

    public override void Abort()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (SocketException)
        {
            // Already ended.
        }
    }

    public override void Dispose() => _stream.Dispose();

    private static SslStream Secure(NetworkStream plain, RemoteAddress address, TlsFiles files)
    {
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = address.Host,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            ApplicationProtocols = [SslApplicationProtocol.Http11],
        };
        if (files.Certificate is { } certificate)
        {
            X509Certificate2 own = Load(files.Key ?? certificate, () => X509Certificate2.CreateFromPemFile(certificate, files.Key));
            options.ClientCertificateContext = SslStreamCertificateContext.Create(own, null, offline: true);
        }
        if (!files.Verify)
        {
#pragma warning disable CA5359 // --tls without --tlsverify asks for exactly this
            options.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
#pragma warning restore CA5359
        }
        else if (files.Authority is { } authority)
        {
            options.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            options.CertificateChainPolicy.CustomTrustStore.AddRange(Load(authority, () =>
            {
                var collection = new X509Certificate2Collection();
                collection.ImportFromPemFile(authority);
                return collection;
            }));
        }

        var secure = new SslStream(plain);
        try
        {
            secure.AuthenticateAsClient(options);
            return secure;
        }
        catch (Exception e) when (e is AuthenticationException or IOException)
        {
            secure.Dispose();
            throw new CaissonException(
                ErrorKind.PermissionDenied, $"cannot connect to the engine at {address}: TLS: {(e.InnerException ?? e).Message.TrimEnd('.')}; check the certificates of both sides", e);
        }
    }

    private static T Load<T>(string path, Func<T> load)
    {
        try
        {
            return load();
        }
        catch (Exception e) when (e is System.Security.Cryptography.CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{path}: {e.Message.TrimEnd('.')}", e);
        }
    }
}
