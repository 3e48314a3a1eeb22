using System.Buffers;
using System.Text.Json;

using Caisson.Errors;

namespace Caisson.Client.Http;

/// <summary>A response whose body is still to be read. Disposing it gives the connection back, or closes it when bytes are left.</summary>
public sealed class HttpResponse : IDisposable
{
    private const int DocumentBytesMax = 256 << 20;

    private readonly HttpConnection _connection;
    private readonly Action<HttpConnection> _release;
    private bool _disposed;

    internal HttpResponse(HttpConnection connection, HttpResponseHead head, bool bodiless, Action<HttpConnection> release)
    {
        _connection = connection;
        _release = release;
        Head = head;
        Body = new HttpBodyStream(connection, head, bodiless);
    }

    /// <summary>Status and header fields.</summary>
    public HttpResponseHead Head { get; }

    /// <summary>The body; ends where the response ends.</summary>
    public HttpBodyStream Body { get; }

    /// <summary>The whole body as a JSON value of the kind <paramref name="expected"/>. The caller disposes the document.</summary>
    /// <param name="expected">What the value must be.</param>
    /// <param name="orNull">Go writes an empty list as null: accept that too.</param>
    /// <exception cref="CaissonException">It is not JSON, of another kind, or longer than 256 MiB.</exception>
    public JsonDocument ReadJson(JsonValueKind expected = JsonValueKind.Object, bool orNull = false)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(ReadAll());
        }
        catch (JsonException e)
        {
            throw new CaissonException(ErrorKind.Unavailable, $"the engine's answer is not JSON: {e.Message}", e);
        }
        if (document.RootElement.ValueKind != expected && !(orNull && document.RootElement.ValueKind == JsonValueKind.Null))
        {
            using (document)
            {
                throw new CaissonException(
                    ErrorKind.Unavailable, $"the engine's answer is of kind {document.RootElement.ValueKind}, and should be of kind {expected}");
            }
        }
        return document;
    }

    /// <summary>The whole body.</summary>
    /// <exception cref="CaissonException">It is longer than 256 MiB.</exception>
    public ReadOnlyMemory<byte> ReadAll()
    {
        var bytes = new ArrayBufferWriter<byte>((int)Math.Clamp(Head.ContentLength ?? 1024, 256, 1 << 20));
        while (true)
        {
            int count = Body.Read(bytes.GetSpan(1));
            if (count == 0)
            {
                return bytes.WrittenMemory;
            }
            bytes.Advance(count);
            if (bytes.WrittenCount > DocumentBytesMax)
            {
                throw new CaissonException(ErrorKind.ResourceExhausted, "the engine's answer is longer than 256 MiB");
            }
        }
    }

    /// <summary>Takes the connection over as a raw stream; disposing the response then does nothing.</summary>
    internal HijackedStream Hijack()
    {
        _disposed = true;
        return new HijackedStream(_connection);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _release(_connection);
        }
    }
}
