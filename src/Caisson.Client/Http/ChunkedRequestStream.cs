using System.Globalization;

namespace Caisson.Client.Http;

/// <summary>The body of a request that is written as it is made: full buffers become chunks.</summary>
/// <remarks>Source: RFC 9112 §7.1.</remarks>
internal sealed class ChunkedRequestStream(HttpConnection connection) : Stream
{
    private const int ChunkBytes = 64 * 1024;

    // "XXXXXXXX\r\n" before the data and "\r\n" after it: one send for each chunk.
    private const int HeadBytes = 10;

    private readonly byte[] _buffer = new byte[HeadBytes + ChunkBytes + 2];
    private int _length;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            int count = Math.Min(buffer.Length, ChunkBytes - _length);
            buffer[..count].CopyTo(_buffer.AsSpan(HeadBytes + _length));
            _length += count;
            buffer = buffer[count..];
            if (_length == ChunkBytes)
            {
                Flush();
            }
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
        if (_length == 0)
        {
            return;
        }
        _length.TryFormat(_buffer.AsSpan(0, 8), out _, "x8", CultureInfo.InvariantCulture);
        "\r\n"u8.CopyTo(_buffer.AsSpan(8));
        "\r\n"u8.CopyTo(_buffer.AsSpan(HeadBytes + _length));
        connection.SendAll(_buffer.AsSpan(0, HeadBytes + _length + 2));
        _length = 0;
    }

    /// <summary>Says that the body is whole. Without this the server sees a broken request.</summary>
    public void Complete()
    {
        Flush();
        connection.SendAll("0\r\n\r\n"u8);
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
