namespace Caisson.Client.Http;

/// <summary>Status and header fields of a response, checked.</summary>
/// <remarks>Source: RFC 9112.</remarks>
public sealed class HttpResponseHead
{
    private readonly List<KeyValuePair<string, string>> _fields;

    internal HttpResponseHead(int status, List<KeyValuePair<string, string>> fields)
    {
        Status = status;
        _fields = fields;
    }

    /// <summary>The status code, 100 to 599.</summary>
    public int Status { get; }

    /// <summary>Length of the body in bytes; null when it was not said.</summary>
    public long? ContentLength { get; internal set; }

    /// <summary>True when the body comes in chunks.</summary>
    public bool Chunked { get; internal set; }

    /// <summary>True when the server will close the connection after this response.</summary>
    public bool Close { get; internal set; }

    /// <summary>The first value of the field <paramref name="name"/> (any case), or null.</summary>
    public string? this[string name]
    {
        get
        {
            foreach (var field in _fields)
            {
                if (field.Key.Equals(name, StringComparison.OrdinalIgnoreCase))
                {
                    return field.Value;
                }
            }
            return null;
        }
    }
}
