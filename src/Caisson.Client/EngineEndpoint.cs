using Caisson.Errors;

namespace Caisson.Client;

/// <summary>Where an engine listens.</summary>
/// <param name="SocketPath">Absolute path of the unix socket; empty for a <see cref="Remote"/> engine.</param>
public sealed record EngineEndpoint(string SocketPath)
{
    /// <summary>Set when it is reached by TCP.</summary>
    public RemoteAddress? Remote { get; init; }

    // sizeof(sun_path) less its final zero; unix(7).
    private const int SocketPathBytesMax = 107;

    /// <summary>Reads <c>unix:///path</c>, an absolute path, or <c>tcp://host:port</c>.</summary>
    /// <param name="address">The address.</param>
    /// <param name="tls">How both sides prove who they are when it is TCP; null: they do not.</param>
    /// <exception cref="CaissonException">Another scheme, a relative path, or one too long for a unix socket.</exception>
    public static EngineEndpoint Parse(string address, TlsFiles? tls = null)
    {
        ArgumentNullException.ThrowIfNull(address);
        const string Tcp = "tcp://";
        if (address.StartsWith(Tcp, StringComparison.Ordinal))
        {
            return new EngineEndpoint("") { Remote = RemoteAddress.Parse(address[Tcp.Length..], tls) };
        }
        string path = address.StartsWith("unix://", StringComparison.Ordinal) ? address["unix://".Length..] : address;
        if (!path.StartsWith('/'))
        {
            throw new CaissonException(
                ErrorKind.InvalidArgument, $"host \"{address}\" is not an address of an engine; write unix:///path/to/docker.sock or tcp://host:port");
        }
        if (System.Text.Encoding.UTF8.GetByteCount(path) > SocketPathBytesMax)
        {
            throw new CaissonException(
                ErrorKind.InvalidArgument, $"host \"{address}\" is longer than the {SocketPathBytesMax} bytes a unix socket's path may have");
        }
        return new EngineEndpoint(path);
    }

    /// <inheritdoc/>
    public override string ToString() => Remote?.ToString() ?? "unix://" + SocketPath;
}
