using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux.Terminals;

/// <summary>A standard stream without buffer: what is written is out, what is read was just typed.</summary>
/// <remarks>
/// Uses read(2) and write(2), so that several processes may share a file as their output, each writing at its end.
/// Disposing leaves the descriptor open.
/// </remarks>
public sealed class StandardStream : Stream
{
    private readonly StandardDescriptor _which;
    private readonly Descriptor _descriptor;

    /// <summary>Works on <paramref name="descriptor"/> of this process.</summary>
    public StandardStream(StandardDescriptor descriptor)
    {
        _which = descriptor;
        _descriptor = StandardDescriptors.Of(descriptor);
    }

    /// <inheritdoc/>
    public override bool CanRead => _which == StandardDescriptor.Input;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => _which != StandardDescriptor.Input;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    /// <remarks>Nobody at the other end of a terminal any more (EIO) is the end of the input.</remarks>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public override int Read(Span<byte> buffer)
    {
        try
        {
            int count;
            while (!_descriptor.TryRead(buffer, out count))
            {
                _descriptor.WaitReadable();
            }
            return count;
        }
        catch (LinuxException e) when (e.Errno == Errno.EIO)
        {
            return 0;
        }
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    /// <exception cref="LinuxException">The kernel refused; <see cref="Errno.EPIPE"/>: nobody reads any more.</exception>
    public override unsafe void Write(ReadOnlySpan<byte> buffer)
    {
        using var fd = _descriptor.Hold();
        fixed (byte* start = buffer)
        {
            int done = 0;
            while (done < buffer.Length)
            {
                nint count = Libc.Restart(SYS_write, fd, (nint)(start + done), buffer.Length - done);
                if (count >= 0)
                {
                    done += (int)count;
                }
                else if (Libc.LastErrno == Errno.EAGAIN)
                {
                    // Somebody who shares the terminal made it non-blocking.
                    _descriptor.WaitWritable();
                }
                else
                {
                    throw LinuxException.FromErrno("write", _which == StandardDescriptor.Output ? "standard output" : "standard error");
                }
            }
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
}
