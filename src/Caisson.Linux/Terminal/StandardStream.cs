using System.Runtime.InteropServices;

namespace Caisson.Linux.Terminal;

/// <summary>A standard stream without buffer: what is written is out, what is read was just typed.</summary>
/// <remarks>
/// Uses read(2) and write(2), so that several processes may share a file as their output, each writing at its end.
/// Disposing leaves the descriptor open.
/// </remarks>
public sealed class StandardStream : Stream
{
    private readonly int _fd;

    /// <summary>Works on <paramref name="descriptor"/> of this process.</summary>
    public StandardStream(StandardDescriptor descriptor) => _fd = (int)descriptor;

    /// <inheritdoc/>
    public override bool CanRead => _fd == 0;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => _fd != 0;

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
    public override unsafe int Read(Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            while (true)
            {
                nint count = TerminalCalls.read(_fd, start, buffer.Length);
                if (count >= 0)
                {
                    return (int)count;
                }
                switch ((Errno)Marshal.GetLastPInvokeError())
                {
                    case Errno.EINTR:
                        break;
                    case Errno.EAGAIN:
                        WaitFor(TerminalCalls.POLLIN);
                        break;
                    case Errno.EIO:
                        return 0;
                    case var errno:
                        throw new LinuxException("read", errno, Name);
                }
            }
        }
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    /// <exception cref="LinuxException">The kernel refused; <see cref="Errno.EPIPE"/>: nobody reads any more.</exception>
    public override unsafe void Write(ReadOnlySpan<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            nint written = 0;
            while (written < buffer.Length)
            {
                nint count = TerminalCalls.write(_fd, start + written, buffer.Length - written);
                if (count >= 0)
                {
                    written += count;
                    continue;
                }
                switch ((Errno)Marshal.GetLastPInvokeError())
                {
                    case Errno.EINTR:
                        break;
                    case Errno.EAGAIN:
                        WaitFor(TerminalCalls.POLLOUT);
                        break;
                    case var errno:
                        throw new LinuxException("write", errno, Name);
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

    private string Name => _fd switch { 0 => "standard input", 1 => "standard output", _ => "standard error" };

    private void WaitFor(short events)
    {
        var poll = new TerminalCalls.PollEntry { fd = _fd, events = events };
        _ = TerminalCalls.poll(ref poll, 1, -1);
    }
}
