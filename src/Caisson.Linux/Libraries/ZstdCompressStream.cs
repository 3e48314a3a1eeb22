using Caisson.Errors;

namespace Caisson.Linux;

/// <summary>Writes one zstd frame, which ends when the stream is disposed.</summary>
/// <remarks>Loads <c>libzstd.so.1</c> on first use. Not for several threads. Source: RFC 8878; zstd.h.</remarks>
public sealed class ZstdCompressStream : Stream
{
    private readonly Stream _output;
    private readonly bool _leaveOpen;
    private readonly ZstdCompressionContext _context;
    private readonly byte[] _buffer = new byte[128 * 1024];
    private bool _ended;

    /// <summary>Writes to <paramref name="output"/>.</summary>
    /// <param name="output">Receives the frame; disposed at the end unless <paramref name="leaveOpen"/>.</param>
    /// <param name="level">1 (fast) to 19 (small); 3 is the library's default.</param>
    /// <param name="leaveOpen">True to leave <paramref name="output"/> open.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: libzstd is not installed.</exception>
    public ZstdCompressStream(Stream output, int level = 3, bool leaveOpen = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(level, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(level, 19);
        _output = output;
        _leaveOpen = leaveOpen;
        _context = new ZstdCompressionContext();
        Zstd.Check(Zstd.ZSTD_CCtx_setParameter(_context.DangerousGetHandle(), Zstd.ZSTD_c_compressionLevel, level), "zstd level");
    }

    /// <inheritdoc/>
    public override bool CanRead => false;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (!buffer.IsEmpty)
        {
            Compress(buffer, Zstd.ZSTD_e_continue);
        }
    }

    /// <inheritdoc/>
    public override void Flush()
    {
        Compress([], Zstd.ZSTD_e_flush);
        _output.Flush();
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && !_ended)
        {
            _ended = true;
            try
            {
                Compress([], Zstd.ZSTD_e_end);
            }
            finally
            {
                _context.Dispose();
                if (!_leaveOpen)
                {
                    _output.Dispose();
                }
            }
        }
        base.Dispose(disposing);
    }

    /// <summary>Feeds all of <paramref name="content"/>. Sound because the spans are pinned and the context is held.</summary>
    private unsafe void Compress(ReadOnlySpan<byte> content, int directive)
    {
        bool held = false;
        try
        {
            _context.DangerousAddRef(ref held);
            fixed (byte* input = content, output = _buffer)
            {
                var from = new Zstd.ZstdBuffer { Bytes = input, Size = (nuint)content.Length };
                bool more = true;
                while (more)
                {
                    var to = new Zstd.ZstdBuffer { Bytes = output, Size = (nuint)_buffer.Length };
                    nuint left = Zstd.Check(
                        Zstd.ZSTD_compressStream2(_context.DangerousGetHandle(), &to, &from, directive), "zstd");
                    _output.Write(_buffer.AsSpan(0, (int)to.Position));
                    more = directive == Zstd.ZSTD_e_continue ? from.Position < from.Size : left != 0;
                }
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
