namespace Caisson.Client.Http;

/// <summary>A connection that stopped being HTTP: bytes both ways, each way closed by itself.</summary>
/// <remarks>One thread may read while another writes. Source: Docker Engine API, "Attach to a container", hijacking.</remarks>
public sealed class HijackedStream : Stream
{
    private readonly HttpConnection _connection;

    internal HijackedStream(HttpConnection connection) => _connection = connection;

    /// <inheritdoc/>
    public override bool CanRead => true;

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

    /// <summary>Says that nothing more will be written; reading goes on.</summary>
    public void CompleteWriting() => _connection.Transport.FinishSending();

    /// <summary>Ends both ways: a thread that reads sees the end.</summary>
    public void Abort() => _connection.Transport.Abort();

    /// <inheritdoc/>
    public override int Read(Span<byte> buffer) => _connection.Read(buffer);

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    /// <exception cref="IOException">The other side does not read any more.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        try
        {
            _connection.SendAll(buffer);
        }
        catch (IOException e)
        {
            throw new IOException($"the engine stopped reading: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _connection.Dispose();
        }
        base.Dispose(disposing);
    }
}
