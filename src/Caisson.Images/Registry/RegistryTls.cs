using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

using Caisson.Errors;

namespace Caisson.Images.Registry;

/// <summary>Whose certificates are believed for one registry, and which one is shown to it.</summary>
/// <remarks>Source: Docker's "Verify repository client with certificates": <c>certs.d/HOST/*.crt</c>, <c>*.cert</c> with <c>*.key</c>.</remarks>
internal static class RegistryTls
{
    /// <summary>The directory with certificates for <paramref name="host"/>; null when there is none.</summary>
    public static string? DirectoryOf(RegistrySettings settings, string host) =>
        settings.CertificateDirectories.Select(directory => Path.Join(directory, host)).FirstOrDefault(Directory.Exists);

    /// <summary>What the handshake with <paramref name="host"/> is to check and show.</summary>
    /// <param name="settings">Where certificates are.</param>
    /// <param name="host">The registry, with its port where it has one.</param>
    /// <param name="unverified">True when an administrator has said that it need not prove who it is.</param>
    public static SslClientAuthenticationOptions Options(RegistrySettings settings, string host, bool unverified)
    {
        var options = new SslClientAuthenticationOptions { EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13 };
        if (unverified)
        {
#pragma warning disable CA5359 // an administrator has listed this registry as insecure
            options.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
#pragma warning restore CA5359
        }
        if (DirectoryOf(settings, host) is not { } directory)
        {
            return options;
        }
        X509Certificate2Collection authorities = [];
        foreach (string file in Directory.EnumerateFiles(directory, "*.crt").Order(StringComparer.Ordinal))
        {
            Read(file, () => authorities.ImportFromPemFile(file));
        }
        if (authorities.Count > 0 && !unverified)
        {
            options.RemoteCertificateValidationCallback = (_, certificate, chain, errors) => IsTrusted(authorities, certificate, chain, errors);
        }
        foreach (string file in Directory.EnumerateFiles(directory, "*.cert").Order(StringComparer.Ordinal))
        {
            string key = Path.ChangeExtension(file, ".key");
            if (!File.Exists(key))
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"{file}: there is no {Path.GetFileName(key)} beside it");
            }
            Read(file, () => options.ClientCertificates = [X509Certificate2.CreateFromPemFile(file, key)]);
        }
        return options;
    }

    /// <summary>As the system judges, or by one of <paramref name="authorities"/>; the name must be right in any case.</summary>
    private static bool IsTrusted(X509Certificate2Collection authorities, X509Certificate? certificate, X509Chain? built, SslPolicyErrors errors)
    {
        if (errors == SslPolicyErrors.None)
        {
            return true;
        }
        if (errors != SslPolicyErrors.RemoteCertificateChainErrors || certificate is not X509Certificate2 leaf)
        {
            return false;
        }
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid("1.3.6.1.5.5.7.3.1"));
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        foreach (X509ChainElement between in built?.ChainElements ?? Enumerable.Empty<X509ChainElement>())
        {
            chain.ChainPolicy.ExtraStore.Add(between.Certificate);
        }
        return chain.Build(leaf);
    }

    private static void Read(string path, Action read)
    {
        try
        {
            read();
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{path}: {e.Message.TrimEnd('.')}", e);
        }
    }
}
