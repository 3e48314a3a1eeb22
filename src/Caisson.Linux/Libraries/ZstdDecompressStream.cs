using Caisson.Errors;

namespace Caisson.Linux;

/// <summary>Reads zstd frames, one after the other, as one stream of bytes.</summary>
/// <remarks>
/// The window is bounded by libzstd's default of 128 MiB. Loads <c>libzstd.so.1</c> on first use. Not for several threads.
/// Source: RFC 8878; zstd.h.
/// </remarks>
public sealed class ZstdDecompressStream : ReadOnlyStream
{
    private const int InputSize = 128 * 1024;

    private readonly Stream _source;
    private readonly ZstdDecompressionContext _context;
    private readonly byte[] _input = new byte[InputSize];
    private int _start;
    private int _end;
    private bool _withinFrame;
    private bool _flushed = true;

    /// <summary>Reads from <paramref name="source"/> and disposes it at the end.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: libzstd is not installed.</exception>
    public ZstdDecompressStream(Stream source)
    {
        _source = source;
        _context = new ZstdDecompressionContext();
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">The data is no zstd, damaged or cut off.</exception>
    public override int Read(Span<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            if (_start == _end && _flushed)
            {
                _end = _source.Read(_input);
                _start = 0;
                if (_end == 0)
                {
                    return _withinFrame ? throw new InvalidDataException("zstd: the data is cut off within a frame") : 0;
                }
            }
            int written = Decompress(buffer);
            if (written > 0)
            {
                return written;
            }
        }
        return 0;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _context.Dispose();
            _source.Dispose();
        }
        base.Dispose(disposing);
    }

    /// <summary>One call of the library. Sound because both spans are pinned and the context is held for its duration.</summary>
    private unsafe int Decompress(Span<byte> buffer)
    {
        bool held = false;
        try
        {
            _context.DangerousAddRef(ref held);
            fixed (byte* input = _input, output = buffer)
            {
                var from = new Zstd.ZstdBuffer { Bytes = input, Size = (nuint)_end, Position = (nuint)_start };
                var to = new Zstd.ZstdBuffer { Bytes = output, Size = (nuint)buffer.Length };
                nuint hint = Zstd.Check(Zstd.ZSTD_decompressStream(_context.DangerousGetHandle(), &to, &from), "zstd");
                _start = (int)from.Position;
                _withinFrame = hint != 0;
                _flushed = hint == 0 || to.Position < to.Size;
                return (int)to.Position;
            }
        }
        finally
        {
            if (held)
            {
                _context.DangerousRelease();
            }
        }
    }
}
