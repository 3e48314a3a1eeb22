namespace Caisson.Images.Archives;

/// <summary>
/// Lets work that blocks anyway (archives, file systems) use a stream that only knows the asynchronous way, such as a
/// connection's. To be used on a thread of its own.
/// </summary>
public sealed class BlockingStream : Stream
{
    private readonly Stream _inner;
    private readonly CancellationToken _cancellation;

    /// <param name="inner">Stays the caller's.</param>
    /// <param name="cancellation">Ends a wait.</param>
    private BlockingStream(Stream inner, CancellationToken cancellation)
    {
        _inner = inner;
        _cancellation = cancellation;
    }

    /// <summary>Runs <paramref name="work"/> with <paramref name="stream"/> on a thread of its own.</summary>
    /// <param name="stream">Stays the caller's.</param>
    /// <param name="work">What is done; its stream is gone afterwards.</param>
    /// <param name="cancellation">Ends a wait for the stream.</param>
    public static Task<T> RunAsync<T>(Stream stream, Func<Stream, T> work, CancellationToken cancellation) =>
        BlockingWork.RunAsync(
            () =>
            {
                using var blocking = new BlockingStream(stream, cancellation);
                return work(blocking);
            },
            cancellation);

    /// <inheritdoc/>
    public override bool CanRead => _inner.CanRead;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => _inner.CanWrite;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) =>
        _inner.ReadAsync(buffer.AsMemory(offset, count), _cancellation).AsTask().GetAwaiter().GetResult();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) =>
        _inner.WriteAsync(buffer.AsMemory(offset, count), _cancellation).AsTask().GetAwaiter().GetResult();

    /// <inheritdoc/>
    public override void Flush() => _inner.FlushAsync(_cancellation).GetAwaiter().GetResult();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();
}
