using System.Globalization;

using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Client.Http;

/// <summary>The body of a response as a stream; knows where it ends and leaves the connection reusable there.</summary>
/// <remarks>Disposing it before its end closes nothing by itself: <see cref="HttpResponse"/> decides about the connection.</remarks>
public sealed class HttpBodyStream : ReadOnlyStream
{
    private const int ChunkHeadBytesMax = 1024;

    private readonly HttpConnection _connection;
    private readonly bool _chunked;
    private readonly bool _untilClose;
    private long _left;
    private bool _inChunk;
    private bool _ended;

    internal HttpBodyStream(HttpConnection connection, HttpResponseHead head, bool bodiless)
    {
        _connection = connection;
        _chunked = head.Chunked && !bodiless;
        _untilClose = !bodiless && !head.Chunked && head.ContentLength is null;
        _left = bodiless ? 0 : head.ContentLength ?? 0;
        KeepAlive = !head.Close && !_untilClose;
        if (!_chunked && !_untilClose && _left == 0)
        {
            End();
        }
    }

    private bool KeepAlive { get; }

    /// <inheritdoc/>
    /// <exception cref="CaissonException">The connection broke before the body's end, or its framing is malformed.</exception>
    public override int Read(Span<byte> buffer)
    {
        if (_ended || buffer.IsEmpty)
        {
            return 0;
        }
        if (_untilClose)
        {
            int read = _connection.Read(buffer);
            _ended = read == 0;
            return read;
        }
        if (_chunked && _left == 0 && !NextChunk())
        {
            return 0;
        }
        int count = _connection.Read(buffer[..(int)Math.Min(buffer.Length, _left)]);
        if (count == 0)
        {
            throw new CaissonException(ErrorKind.Unavailable, "the engine closed the connection in the middle of its answer");
        }
        _left -= count;
        if (_left == 0 && !_chunked)
        {
            End();
        }
        return count;
    }

    /// <inheritdoc/>
    public override int ReadByte()
    {
        Span<byte> one = stackalloc byte[1];
        return Read(one) == 0 ? -1 : one[0];
    }

    private bool NextChunk()
    {
        if (_inChunk && !_connection.ReadLine(0).IsEmpty)
        {
            throw HttpHeadParser.Malformed("a chunk is longer than it said");
        }
        _inChunk = true;

        var line = _connection.ReadLine(ChunkHeadBytesMax);
        int extension = line.IndexOf((byte)';');
        var digits = extension < 0 ? line : line[..extension].TrimEnd(" \t"u8);
        // At most fifteen digits: a size that would overflow a signed 64-bit number never parses.
        if (digits.Length > 15
            || !long.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out _left))
        {
            throw HttpHeadParser.Malformed("a chunk's size is not a number");
        }
        if (_left > 0)
        {
            return true;
        }
        for (int trailers = 0; !_connection.ReadLine(HttpHeadParser.HeadBytesMax).IsEmpty; trailers++)
        {
            if (trailers == 100)
            {
                throw HttpHeadParser.Malformed("it has too many trailers");
            }
        }
        End();
        return false;
    }

    private void End()
    {
        _ended = true;
        _connection.Reusable = KeepAlive;
    }
}
