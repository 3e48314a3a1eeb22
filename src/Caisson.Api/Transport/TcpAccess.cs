using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

using Caisson.Errors;

namespace Caisson.Api.Transport;

/// <summary>Who may come in at a TCP address, and how it is called.</summary>
/// <param name="Tls">Null: no encryption, and everybody who reaches the address.</param>
/// <param name="Hosts">The names of the address.</param>
internal sealed record TcpAccess(SslServerAuthenticationOptions? Tls, HostNames Hosts)
{
    /// <summary>Connections of one address at a time; unix sockets do not count, so that root on this machine always gets through.</summary>
    public const int ConnectionsMax = 512;

    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    /// <summary>Reads the certificates that <paramref name="address"/> names.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: a file is absent, malformed or does not fit.</exception>
    public static TcpAccess Load(ListenAddress address)
    {
        if (address.Certificates is not { } files)
        {
            return new(null, HostNames.OfAddress(address.HostNames));
        }
        X509Certificate2Collection authority = Read(files.Authority, collection => collection.ImportFromPemFile(files.Authority));
        X509Certificate2Collection chain = Read(files.Certificate, collection => collection.ImportFromPemFile(files.Certificate));
        X509Certificate2 own = Read(files.Key, collection => collection.Add(X509Certificate2.CreateFromPemFile(files.Certificate, files.Key)))[0];
        if (Usages(own) is { } usages && !usages.Contains(ServerAuthentication))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{files.Certificate} is not a certificate of a server: its extended key usage lacks serverAuth");
        }
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(authority);
        policy.ApplicationPolicy.Add(new Oid(ClientAuthentication));
        var options = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(own, chain, offline: true),
            ClientCertificateRequired = true,
            CertificateChainPolicy = policy,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            AllowRenegotiation = false,
            ApplicationProtocols = [SslApplicationProtocol.Http11],
        };
        return new(options, HostNames.OfAddress([.. Names(own), .. address.HostNames]));
    }

    private static X509Certificate2Collection Read(string path, Action<X509Certificate2Collection> read)
    {
        var collection = new X509Certificate2Collection();
        try
        {
            read(collection);
        }
        catch (Exception error) when (error is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{path}: {error.Message.TrimEnd('.')}", error);
        }
        return collection.Count > 0
            ? collection
            : throw new CaissonException(ErrorKind.InvalidArgument, $"{path} holds no certificate in PEM");
    }

    private static HashSet<string>? Usages(X509Certificate2 certificate) =>
        certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().FirstOrDefault() is { } usage
            ? [.. usage.EnhancedKeyUsages.OfType<Oid>().Select(oid => oid.Value ?? "")]
            : null;

    private static IEnumerable<string> Names(X509Certificate2 certificate) =>
        certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().SelectMany(extension => extension.EnumerateDnsNames());
}
