using Caisson.Linux;

namespace Caisson.Scan;

/// <summary>Reads another stream up to a number of bytes; more is an error and not silence.</summary>
internal sealed class BoundedStream(Stream inner, long bytesMax) : ReadOnlyStream
{
    private long _read;

    /// <exception cref="InvalidDataException">There is more.</exception>
    public override int Read(Span<byte> buffer)
    {
        int read = inner.Read(buffer);
        _read += read;
        return _read <= bytesMax ? read : throw new InvalidDataException($"it has more than {bytesMax} bytes when unpacked");
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }
        base.Dispose(disposing);
    }
}
