using System.Net;

namespace Caisson.Api.Transport;

/// <summary>The names by which clients may call a listener in their Host header.</summary>
/// <remarks>
/// A web page whose name was pointed to this machine after it was loaded (DNS rebinding) still calls it by its own name. Addresses cannot be
/// rebound, nor <c>localhost</c>, nor one word where only local programs ask.
/// </remarks>
internal sealed class HostNames
{
    private readonly HashSet<string> _names;
    private readonly bool _anyWord;

    private HostNames(IEnumerable<string> names, bool anyWord)
    {
        _names = new HashSet<string>(names, StringComparer.OrdinalIgnoreCase);
        _anyWord = anyWord;
    }

    /// <summary>
    /// A unix socket: clients make a name up, such as <c>docker</c>, and Docker's own calls it docker.example.com when it comes by ssh.
    /// </summary>
    public static HostNames OfSocket { get; } = new(["docker.example.com"], anyWord: true);

    /// <summary>A TCP address: the machine's name, those of its certificate and those that were allowed.</summary>
    public static HostNames OfAddress(IEnumerable<string> names) => new([Dns.GetHostName(), .. names], anyWord: false);

    /// <summary>Whether <paramref name="host"/>, without its port, is one of the names; nothing at all is, too (HTTP/1.0).</summary>
    public bool Expects(string host) =>
        host.Length == 0
        || host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
        || IPAddress.TryParse(host.Trim('[', ']'), out _)
        || (_anyWord && !host.Contains('.', StringComparison.Ordinal))
        || _names.Contains(host);
}
