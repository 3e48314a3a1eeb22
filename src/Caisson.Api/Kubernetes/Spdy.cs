using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Threading.Channels;

namespace Caisson.Api.Kubernetes;

/// <summary>One stream of a connection of SPDY/3.1 that the client opened.</summary>
internal sealed class SpdyStream(SpdyConnection connection, uint id, IReadOnlyDictionary<string, string> headers)
{
    private readonly Channel<byte[]> _input = Channel.CreateUnbounded<byte[]>();
    private int _ended;

    /// <summary>What it is for.</summary>
    public IReadOnlyDictionary<string, string> Headers => headers;

    /// <summary>What the client sends, until it has finished.</summary>
    public ChannelReader<byte[]> Input => _input.Reader;

    /// <summary>Sends bytes.</summary>
    public Task WriteAsync(ReadOnlyMemory<byte> bytes) => connection.SendDataAsync(id, bytes, fin: false);

    /// <summary>Says that no more comes.</summary>
    public Task CloseAsync() => Interlocked.Exchange(ref _ended, 1) == 0 ? connection.SendDataAsync(id, default, fin: true) : Task.CompletedTask;

    internal void Take(byte[] bytes) => _input.Writer.TryWrite(bytes);

    internal void End() => _input.Writer.TryComplete();
}

/// <summary>The server's side of SPDY/3.1 as kubectl speaks it for exec, attach and port-forward.</summary>
/// <remarks>
/// Windows are not counted: the clients that speak this do not count them either. What the client sends is bounded by its frames and by how
/// fast processes read. Source: SPDY Protocol, draft 3.1.
/// </remarks>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Reliability", "CA1001", Justification = "the gate never makes a wait handle, so there is nothing to dispose")]
internal sealed class SpdyConnection
{
    private const int FrameBytesMax = 1 << 20;
    private const int StreamsMax = 1_000;

    private readonly PipeReader _reader;
    private readonly PipeWriter _writer;
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly ConcurrentDictionary<uint, SpdyStream> _streams = new();
    private readonly Channel<SpdyStream> _opened = Channel.CreateUnbounded<SpdyStream>();
    private readonly SpdyHeaders _headers = new();
    private bool _headersBegun;

    public SpdyConnection(PipeReader reader, PipeWriter writer) => (_reader, _writer) = (reader, writer);

    /// <summary>Streams as the client opens them.</summary>
    public ChannelReader<SpdyStream> Opened => _opened.Reader;

    /// <summary>Reads until the client is gone.</summary>
    public async Task RunAsync(CancellationToken gone)
    {
        try
        {
            while (true)
            {
                ReadResult read = await _reader.ReadAsync(gone);
                ReadOnlySequence<byte> buffer = read.Buffer;
                while (TryTakeFrame(ref buffer, out byte[] head, out byte[] body))
                {
                    if (!await HandleAsync(head, body))
                    {
                        _reader.AdvanceTo(buffer.Start);
                        return;
                    }
                }
                _reader.AdvanceTo(buffer.Start, buffer.End);
                if (read.IsCompleted)
                {
                    return;
                }
            }
        }
        finally
        {
            _opened.Writer.TryComplete();
            foreach (SpdyStream stream in _streams.Values)
            {
                stream.End();
            }
        }
    }

    internal async Task SendDataAsync(uint id, ReadOnlyMemory<byte> bytes, bool fin)
    {
        byte[] head = new byte[8];
        BinaryPrimitives.WriteUInt32BigEndian(head, id);
        BinaryPrimitives.WriteUInt32BigEndian(head.AsSpan(4), (uint)bytes.Length | (fin ? 1u << 24 : 0));
        await SendAsync(head, bytes);
    }

    private static bool TryTakeFrame(ref ReadOnlySequence<byte> buffer, out byte[] head, out byte[] body)
    {
        head = body = [];
        if (buffer.Length < 8)
        {
            return false;
        }
        byte[] first = buffer.Slice(0, 8).ToArray();
        int length = (int)(BinaryPrimitives.ReadUInt32BigEndian(first.AsSpan(4)) & 0xFFFFFF);
        if (length > FrameBytesMax)
        {
            throw new IOException("a frame of SPDY is larger than a mebibyte");
        }
        if (buffer.Length < 8 + length)
        {
            return false;
        }
        head = first;
        body = buffer.Slice(8, length).ToArray();
        buffer = buffer.Slice(8 + length);
        return true;
    }

    /// <returns>False when the client says goodbye.</returns>
    private async Task<bool> HandleAsync(byte[] head, byte[] body)
    {
        bool fin = (head[4] & 1) != 0;
        if ((head[0] & 0x80) == 0)
        {
            if (_streams.TryGetValue(BinaryPrimitives.ReadUInt32BigEndian(head) & int.MaxValue, out SpdyStream? stream))
            {
                if (body.Length > 0)
                {
                    stream.Take(body);
                }
                if (fin)
                {
                    stream.End();
                }
            }
            return true;
        }
        switch (BinaryPrimitives.ReadUInt16BigEndian(head.AsSpan(2)))
        {
            case 1 when body.Length >= 10: // SYN_STREAM
                uint id = BinaryPrimitives.ReadUInt32BigEndian(body) & int.MaxValue;
                var opened = new SpdyStream(this, id, _headers.Read(body.AsSpan(10)));
                if (_streams.Count >= StreamsMax)
                {
                    throw new IOException("a client has a thousand streams of SPDY open");
                }
                _streams[id] = opened;
                if (fin)
                {
                    opened.End();
                }
                await SendReplyAsync(id);
                _opened.Writer.TryWrite(opened);
                break;
            case 3 when body.Length >= 4: // RST_STREAM
                if (_streams.TryRemove(BinaryPrimitives.ReadUInt32BigEndian(body) & int.MaxValue, out SpdyStream? reset))
                {
                    reset.End();
                }
                break;
            case 6: // PING comes back as it is
                await SendAsync(head, body);
                break;
            case 7: // GOAWAY
                return false;
        }
        return true;
    }

    private async Task SendReplyAsync(uint id)
    {
        byte[] block = SpdyHeaders.WriteNone(!_headersBegun);
        _headersBegun = true;
        byte[] frame = new byte[12];
        frame[0] = 0x80;
        frame[1] = 3;
        frame[3] = 2; // SYN_REPLY
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(4), (uint)(4 + block.Length));
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(8), id);
        await SendAsync(frame, block);
    }

    private async Task SendAsync(ReadOnlyMemory<byte> head, ReadOnlyMemory<byte> body)
    {
        await _writing.WaitAsync();
        try
        {
            _writer.Write(head.Span);
            _writer.Write(body.Span);
            _ = await _writer.FlushAsync();
        }
        finally
        {
            _writing.Release();
        }
    }
}

/// <summary>Header blocks: names and values behind zlib with a dictionary that both sides know. Source: SPDY Protocol, draft 3.1, "Name/Value Header Block"; RFC 1950, RFC 1951.</summary>
internal sealed class SpdyHeaders
{
    private const int WindowBytes = 32 << 10;
    private const int BlockBytesMax = 256 << 10;

    private static readonly string[] DictionaryWords =
    [
        "options", "head", "post", "put", "delete", "trace", "accept", "accept-charset", "accept-encoding", "accept-language", "accept-ranges", "age", "allow",
        "authorization", "cache-control", "connection", "content-base", "content-encoding", "content-language", "content-length", "content-location",
        "content-md5", "content-range", "content-type", "date", "etag", "expect", "expires", "from", "host", "if-match", "if-modified-since", "if-none-match",
        "if-range", "if-unmodified-since", "last-modified", "location", "max-forwards", "pragma", "proxy-authenticate", "proxy-authorization", "range",
        "referer", "retry-after", "server", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "vary", "via", "warning", "www-authenticate",
        "method", "get", "status", "200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie", "keep-alive", "origin",
    ];

    private const string DictionaryTail =
        "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information204 No Content"
        + "301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
        + "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,"
        + "application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

    private static readonly byte[] Dictionary =
        [.. DictionaryWords.SelectMany(word => (byte[])[0, 0, 0, (byte)word.Length, .. Encoding.ASCII.GetBytes(word)]), .. Encoding.ASCII.GetBytes(DictionaryTail)];

    private readonly Inflater _inflater = new(Dictionary, WindowBytes, BlockBytesMax);
    private bool _begun;

    /// <summary>The pairs of the next block.</summary>
    public Dictionary<string, string> Read(ReadOnlySpan<byte> block)
    {
        if (!_begun)
        {
            _begun = true;
            bool hasDictionary = block.Length >= 2 && (block[1] & 0x20) != 0;
            block = block[Math.Min(block.Length, hasDictionary ? 6 : 2)..];
        }
        byte[] plain = _inflater.Inflate(block.ToArray());
        Dictionary<string, string> pairs = new(StringComparer.OrdinalIgnoreCase);
        int at = 0;
        uint count = Number(plain, ref at);
        for (uint i = 0; i < count && at < plain.Length; i++)
        {
            string name = Text(plain, ref at);
            pairs[name] = Text(plain, ref at);
        }
        return pairs;
    }

    /// <summary>A block without pairs, in a part of the stream that is not compressed; an empty part after it makes readers give it out.</summary>
    /// <param name="first">It is the first of the connection.</param>
    public static byte[] WriteNone(bool first) => [.. first ? (byte[])[0x78, 0x01] : [], 0x00, 0x04, 0x00, 0xfb, 0xff, 0, 0, 0, 0, 0x00, 0x00, 0x00, 0xff, 0xff];

    private static uint Number(byte[] plain, ref int at)
    {
        if (at + 4 > plain.Length)
        {
            throw new IOException("a header block of SPDY ends too soon");
        }
        uint number = BinaryPrimitives.ReadUInt32BigEndian(plain.AsSpan(at));
        at += 4;
        return number;
    }

    private static string Text(byte[] plain, ref int at)
    {
        int length = (int)Math.Min(Number(plain, ref at), int.MaxValue);
        if (length > plain.Length - at)
        {
            throw new IOException(string.Create(CultureInfo.InvariantCulture, $"a header block of SPDY names {length} bytes that are not there"));
        }
        string text = Encoding.UTF8.GetString(plain, at, length);
        at += length;
        return text;
    }
}
