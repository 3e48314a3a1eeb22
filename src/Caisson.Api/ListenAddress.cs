using System.Globalization;
using System.Net;

using Caisson.Errors;

namespace Caisson.Api;

/// <summary>Files in PEM that prove who an engine is, and who its clients are.</summary>
/// <param name="Authority">Certificates; a client comes in with one that these signed.</param>
/// <param name="Certificate">The engine's own, followed by those between it and a root that clients know.</param>
/// <param name="Key">The private key of <paramref name="Certificate"/>.</param>
public sealed record CertificateFiles(string Authority, string Certificate, string Key);

/// <summary>A TCP address where the engine listens beside its sockets. Whoever comes in there is root on this machine.</summary>
/// <param name="Address">The address and port.</param>
/// <param name="Certificates">Null: neither encryption nor proof of who asks.</param>
/// <param name="HostNames">Names by which clients call the address, beside those in the certificate.</param>
public sealed record ListenAddress(IPEndPoint Address, CertificateFiles? Certificates, IReadOnlyList<string> HostNames)
{
    /// <summary>Reads <c>tcp://127.0.0.1:2376</c>, <c>tcp://[::1]:2376</c> or <c>tcp://localhost:2376</c>.</summary>
    /// <param name="text">The address; names other than localhost are not looked up.</param>
    /// <param name="certificates">Null only with <paramref name="insecure"/>.</param>
    /// <param name="insecure">Let everybody in who reaches the address, which is then of this machine only.</param>
    /// <param name="hostNames">Names by which clients call the address.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: malformed, or open to others without certificates.</exception>
    public static ListenAddress Parse(string text, CertificateFiles? certificates, bool insecure, IReadOnlyList<string> hostNames)
    {
        const string Scheme = "tcp://";
        ReadOnlySpan<char> rest = text.StartsWith(Scheme, StringComparison.Ordinal) ? text.AsSpan(Scheme.Length).TrimEnd('/') : [];
        int colon = rest.LastIndexOf(':');
        ReadOnlySpan<char> host = colon < 0 ? [] : rest[..colon].Trim("[]");
        if (host is "localhost")
        {
            host = "127.0.0.1";
        }
        if (!IPAddress.TryParse(host, out IPAddress? address)
            || !ushort.TryParse(rest[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out ushort port))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"listen on '{text}': write tcp://ADDRESS:PORT with an address of this machine, such as tcp://127.0.0.1:2376");
        }
        if (certificates is null && !insecure)
        {
            throw new CaissonException(
                ErrorKind.InvalidArgument,
                $"listen on {text}: whoever reaches the address would be root here; give --tls-ca, --tls-cert and --tls-key, or --insecure-listen for an address of this machine only");
        }
        if (certificates is null && !IPAddress.IsLoopback(address))
        {
            throw new CaissonException(
                ErrorKind.InvalidArgument, $"listen on {text}: other machines reach this address, so it needs --tls-ca, --tls-cert and --tls-key; --insecure-listen is for 127.0.0.1 and ::1");
        }
        return new ListenAddress(new IPEndPoint(address, port), certificates, hostNames);
    }

    /// <inheritdoc/>
    public override string ToString() => $"tcp://{Address}";
}
