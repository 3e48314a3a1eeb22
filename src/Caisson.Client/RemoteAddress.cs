using System.Globalization;

using Caisson.Errors;

namespace Caisson.Client;

/// <summary>Files in PEM for TLS with an engine.</summary>
/// <param name="Verify">Refuse an engine that cannot prove who it is.</param>
/// <param name="Authority">Certificates that may have signed the engine's; null: those that this machine trusts.</param>
/// <param name="Certificate">The client's own certificate; null: none.</param>
/// <param name="Key">The private key of <paramref name="Certificate"/>.</param>
public sealed record TlsFiles(bool Verify, string? Authority, string? Certificate, string? Key);

/// <summary>An engine that is reached by TCP.</summary>
/// <param name="Host">Name or address, without brackets.</param>
/// <param name="Port">1 to 65535.</param>
/// <param name="Tls">Null: neither encryption nor proof of who either side is.</param>
public sealed record RemoteAddress(string Host, int Port, TlsFiles? Tls)
{
    private const int PlainPort = 2375;
    private const int TlsPort = 2376;

    /// <summary>Reads what follows <c>tcp://</c>: host and port; without a port Docker's own.</summary>
    /// <exception cref="CaissonException">Malformed.</exception>
    public static RemoteAddress Parse(string text, TlsFiles? tls)
    {
        ArgumentNullException.ThrowIfNull(text);
        ReadOnlySpan<char> rest = text.AsSpan().TrimEnd('/');
        int colon = rest.LastIndexOf(':');
        bool hasPort = colon > rest.LastIndexOf(']');
        int port = tls is null ? PlainPort : TlsPort;
        string host = (hasPort ? rest[..colon] : rest).Trim("[]").ToString();
        if (host.Length == 0 || host.AsSpan().ContainsAny("/@ ")
            || (hasPort && (!int.TryParse(rest[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out port) || port is < 1 or > 65_535)))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"host \"tcp://{text}\" is not an address of an engine; write tcp://HOST:PORT");
        }
        return new RemoteAddress(host, port, tls);
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"tcp://{(Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host)}:{Port}");
}
