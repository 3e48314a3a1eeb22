namespace Caisson.Scan;

/// <summary>Reads another stream up to a number of bytes; more is an error and not silence.</summary>
internal sealed class BoundedStream(Stream inner, long bytesMax) : Stream
{
    private long _read;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <exception cref="InvalidDataException">There is more.</exception>
    public override int Read(Span<byte> buffer)
    {
        int read = inner.Read(buffer);
        _read += read;
        return _read <= bytesMax ? read : throw new InvalidDataException($"it has more than {bytesMax} bytes when unpacked");
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }
        base.Dispose(disposing);
    }
}
