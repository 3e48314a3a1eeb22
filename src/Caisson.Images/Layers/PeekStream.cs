using Caisson.Linux;

namespace Caisson.Images.Layers;

/// <summary>Reads another stream, whose first bytes can be looked at, and counts.</summary>
internal sealed class PeekStream : ReadOnlyStream
{
    private readonly Stream _source;
    private readonly byte[] _prefix;
    private int _served;
    private long _position;

    /// <param name="source">Owned from now on.</param>
    /// <param name="prefixBytes">How many bytes to look at; <see cref="Prefix"/> has fewer when there are fewer.</param>
    public PeekStream(Stream source, int prefixBytes)
    {
        _source = source;
        byte[] prefix = new byte[prefixBytes];
        int length = source.ReadAtLeast(prefix, prefixBytes, throwOnEndOfStream: false);
        _prefix = prefix[..length];
    }

    /// <summary>The first bytes, which will be read again.</summary>
    public ReadOnlySpan<byte> Prefix => _prefix;

    /// <summary>Bytes read so far; may be asked from another thread.</summary>
    public override long Position
    {
        get => Volatile.Read(ref _position);
        set => throw new NotSupportedException();
    }

    public override int Read(Span<byte> buffer)
    {
        int read;
        if (_served < _prefix.Length)
        {
            read = Math.Min(buffer.Length, _prefix.Length - _served);
            _prefix.AsSpan(_served, read).CopyTo(buffer);
            _served += read;
        }
        else
        {
            read = _source.Read(buffer);
        }
        Volatile.Write(ref _position, _position + read);
        return read;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _source.Dispose();
        }
        base.Dispose(disposing);
    }
}
