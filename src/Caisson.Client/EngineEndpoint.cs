using Caisson.Errors;

namespace Caisson.Client;

/// <summary>Where an engine listens.</summary>
/// <param name="SocketPath">Absolute path of the unix socket.</param>
public sealed record EngineEndpoint(string SocketPath)
{
    // sizeof(sun_path) less its final zero; unix(7).
    private const int SocketPathBytesMax = 107;

    /// <summary>Reads <c>unix:///path</c> or an absolute path.</summary>
    /// <exception cref="CaissonException">Another scheme, a relative path, or one too long for a unix socket.</exception>
    public static EngineEndpoint Parse(string address)
    {
        ArgumentNullException.ThrowIfNull(address);
        string path = address.StartsWith("unix://", StringComparison.Ordinal) ? address["unix://".Length..] : address;
        if (!path.StartsWith('/'))
        {
            throw new CaissonException(
                ErrorKind.InvalidArgument, $"host \"{address}\" is not an address of an engine; write unix:///path/to/docker.sock");
        }
        if (System.Text.Encoding.UTF8.GetByteCount(path) > SocketPathBytesMax)
        {
            throw new CaissonException(
                ErrorKind.InvalidArgument, $"host \"{address}\" is longer than the {SocketPathBytesMax} bytes a unix socket's path may have");
        }
        return new EngineEndpoint(path);
    }

    /// <inheritdoc/>
    public override string ToString() => "unix://" + SocketPath;
}
