namespace Caisson.Client.Http;

/// <summary>One request: what goes on the wire, nothing about how it is answered.</summary>
/// <param name="Method">The verb, upper case.</param>
/// <param name="Target">Path and query, already escaped; starts with <c>/</c>.</param>
public sealed record HttpRequest(string Method, string Target)
{
    /// <summary>The body when it is in memory; empty for none. Sent with <c>Content-Length</c>.</summary>
    public ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>Writes the body when it is not in memory; sent in chunks and excludes <see cref="Body"/>.</summary>
    public Action<Stream>? WriteBody { get; init; }

    /// <summary>The media type of the body; unused without one.</summary>
    public string ContentType { get; init; } = "application/json";

    /// <summary>Header fields beside the usual ones; names and values are the caller's own, never a user's.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = System.Collections.Immutable.ImmutableDictionary<string, string>.Empty;

    /// <summary>Asks the server to turn the connection into a raw byte stream (<c>Upgrade: tcp</c>).</summary>
    public bool Upgrade { get; init; }

    /// <summary>True when a body follows the head.</summary>
    internal bool HasBody => WriteBody is not null || !Body.IsEmpty;
}
