using System.Globalization;
using System.Text;

using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Client.Http;

/// <summary>One connection to the engine: one request at a time, kept alive between them.</summary>
/// <remarks>Blocking by design, and a bare socket when it is a unix socket: .NET's own starts a thread for events that a command line never waits for. Not thread-safe.</remarks>
public sealed class HttpConnection : IDisposable
{
    private readonly Transport _transport;
    private readonly string _host;
    private byte[] _buffer = new byte[8192];
    private int _start;
    private int _end;

    private HttpConnection(Transport transport, string host)
    {
        _transport = transport;
        _host = host;
    }

    /// <summary>True when another request may be sent: the last response was read to its end and the server keeps on.</summary>
    public bool Reusable { get; internal set; } = true;

    /// <summary>What is underneath, for a stream that took the connection over.</summary>
    internal Transport Transport => _transport;

    /// <summary>Connects to <paramref name="endpoint"/>.</summary>
    /// <exception cref="LinuxException">A unix socket: nobody listens there, or the caller may not connect.</exception>
    /// <exception cref="CaissonException">An address: it cannot be reached, or one side does not trust the other.</exception>
    public static HttpConnection Connect(EngineEndpoint endpoint)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        string host = endpoint.Remote is { } remote ? remote.ToString()["tcp://".Length..] : "caisson";
        return new(Transport.Connect(endpoint), host);
    }

    /// <summary>Sends <paramref name="request"/> whole, body included.</summary>
    /// <exception cref="CaissonException">The engine went away.</exception>
    public void Send(HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        Reusable = false;
        byte[] head = FormatHead(request);
        try
        {
            SendAll(head);
            if (request.WriteBody is { } write)
            {
                using var body = new ChunkedRequestStream(this);
                write(body);
                body.Complete();
            }
        }
        catch (IOException e)
        {
            // A server that refuses a body early answers before it has read all of it: the answer says more than the error.
            if (!_transport.HasInput)
            {
                throw Lost(e);
            }
        }
    }

    /// <summary>Receives the head of the next response that is final (informational ones but 101 are skipped).</summary>
    /// <exception cref="CaissonException">The engine closed the connection or its answer is malformed.</exception>
    public HttpResponseHead ReceiveHead()
    {
        while (true)
        {
            if (HttpHeadParser.TryParse(_buffer.AsSpan(_start, _end - _start), out int consumed) is { } head)
            {
                _start += consumed;
                if (head.Status >= 200 || head.Status == 101)
                {
                    return head;
                }
            }
            else if (!Fill())
            {
                throw new CaissonException(
                    ErrorKind.Unavailable, "the engine closed the connection before it answered; its log says why");
            }
        }
    }

    /// <summary>Reads bytes that follow the head: first what is buffered, then the socket. 0 at the end.</summary>
    internal int Read(Span<byte> destination)
    {
        int buffered = Math.Min(destination.Length, _end - _start);
        if (buffered > 0)
        {
            _buffer.AsSpan(_start, buffered).CopyTo(destination);
            _start += buffered;
            return buffered;
        }
        return destination.IsEmpty ? 0 : Receive(destination);
    }

    /// <summary>Reads one line that ends with CRLF, without it.</summary>
    /// <param name="bytesMax">Longest line accepted.</param>
    internal ReadOnlySpan<byte> ReadLine(int bytesMax)
    {
        while (true)
        {
            var span = _buffer.AsSpan(_start, _end - _start);
            int end = span.IndexOf("\r\n"u8);
            if (end > bytesMax || (end < 0 && span.Length > bytesMax + 1))
            {
                throw HttpHeadParser.Malformed("a chunk's head is too long");
            }
            if (end >= 0)
            {
                _start += end + 2;
                return span[..end];
            }
            if (!Fill())
            {
                throw HttpHeadParser.Malformed("it ends in the middle of a chunk");
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _transport.Dispose();

    private bool Fill()
    {
        if (_start == _end)
        {
            _start = _end = 0;
        }
        else if (_end == _buffer.Length)
        {
            if (_start > 0)
            {
                _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
                (_start, _end) = (0, _end - _start);
            }
            else
            {
                Array.Resize(ref _buffer, _buffer.Length * 2);
            }
        }
        int count = Receive(_buffer.AsSpan(_end));
        _end += count;
        return count > 0;
    }

    private int Receive(Span<byte> destination)
    {
        try
        {
            return _transport.Receive(destination);
        }
        catch (IOException e)
        {
            throw Lost(e);
        }
    }

    internal void SendAll(ReadOnlySpan<byte> bytes) => _transport.Send(bytes);

    private byte[] FormatHead(HttpRequest request)
    {
        var head = new StringBuilder(256);
        head.Append(request.Method).Append(' ').Append(request.Target).Append(" HTTP/1.1\r\nHost: ").Append(_host).Append("\r\nUser-Agent: caisson\r\n");
        if (request.Upgrade)
        {
            head.Append("Connection: Upgrade\r\nUpgrade: tcp\r\n");
        }
        if (request.HasBody)
        {
            head.Append("Content-Type: ").Append(request.ContentType).Append("\r\n");
        }
        foreach ((string name, string value) in request.Headers)
        {
            head.Append(name).Append(": ").Append(value).Append("\r\n");
        }
        if (request.WriteBody is not null)
        {
            head.Append("Transfer-Encoding: chunked\r\n");
        }
        else if (request.HasBody || request.Method is "POST" or "PUT")
        {
            head.Append(CultureInfo.InvariantCulture, $"Content-Length: {request.Body.Length}\r\n");
        }
        head.Append("\r\n");

        byte[] bytes = new byte[head.Length + request.Body.Length];
        Encoding.ASCII.GetBytes(head.ToString(), bytes);
        request.Body.Span.CopyTo(bytes.AsSpan(head.Length));
        return bytes;
    }

    private static CaissonException Lost(IOException cause) =>
        new(ErrorKind.Unavailable, $"the connection to the engine was lost: {cause.Message}", cause);
}
