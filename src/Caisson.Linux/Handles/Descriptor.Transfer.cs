using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

public partial class Descriptor
{
    /// <summary>Reads what is there into <paramref name="buffer"/>; 0 at the end.</summary>
    /// <exception cref="LinuxException"><see cref="Errno.EAGAIN"/>: non-blocking and nothing there.</exception>
    public unsafe int Read(Span<byte> buffer)
    {
        using var fd = Hold();
        fixed (byte* bytes = buffer)
        {
            return (int)Libc.Check(Libc.Restart(SYS_read, fd, (nint)bytes, buffer.Length), "read", this);
        }
    }

    /// <summary>Reads as <see cref="Read"/>; false when non-blocking and nothing is there now.</summary>
    public unsafe bool TryRead(Span<byte> buffer, out int count)
    {
        using var fd = Hold();
        fixed (byte* bytes = buffer)
        {
            count = (int)Libc.Restart(SYS_read, fd, (nint)bytes, buffer.Length);
        }
        if (count >= 0)
        {
            return true;
        }
        count = 0;
        return Libc.LastErrno == Errno.EAGAIN ? false : throw LinuxException.FromErrno("read", ToString());
    }

    /// <summary>Reads to the end, or throws once there is more than <paramref name="maxBytes"/>.</summary>
    /// <exception cref="Errors.CaissonException"><see cref="Errors.ErrorKind.ResourceExhausted"/>: larger than the cap.</exception>
    public byte[] ReadToEnd(int maxBytes, string? subject = null)
    {
        Span<byte> buffer = stackalloc byte[4096];
        if (maxBytes < buffer.Length)
        {
            buffer = buffer[..(maxBytes + 1)];
        }
        int length = 0;
        while (true)
        {
            int count = Read(buffer[length..]);
            if (count == 0)
            {
                return buffer[..length].ToArray();
            }
            length += count;
            if (length > maxBytes)
            {
                throw new Errors.CaissonException(
                    Errors.ErrorKind.ResourceExhausted, $"read {subject ?? ToString()}: larger than the {maxBytes} bytes allowed here");
            }
            if (length == buffer.Length)
            {
                byte[] larger = new byte[(int)Math.Min(buffer.Length * 4L, maxBytes + 1L)];
                buffer.CopyTo(larger);
                buffer = larger;
            }
        }
    }

    /// <summary>Writes all of <paramref name="bytes"/>, however many calls it takes.</summary>
    public unsafe void Write(ReadOnlySpan<byte> bytes)
    {
        using var fd = Hold();
        fixed (byte* start = bytes)
        {
            int done = 0;
            while (done < bytes.Length)
            {
                done += (int)Libc.Check(Libc.Restart(SYS_write, fd, (nint)(start + done), bytes.Length - done), "write", this);
            }
        }
    }

    /// <summary>Writes <paramref name="bytes"/> by exactly one call, as files of proc, sys and cgroup need it.</summary>
    /// <param name="bytes">All of the new content.</param>
    /// <param name="subject">Names the file in the error.</param>
    public unsafe void WriteOnce(ReadOnlySpan<byte> bytes, string subject)
    {
        using var fd = Hold();
        fixed (byte* start = bytes)
        {
            nint count = Libc.Check(Libc.Restart(SYS_write, fd, (nint)start, bytes.Length), "write", subject);
            if (count != bytes.Length)
            {
                throw new LinuxException("write", Errno.EIO, $"{subject} (took {count} of {bytes.Length} bytes)");
            }
        }
    }

    /// <summary>Puts the file's data and metadata on stable storage. Source: fsync(2).</summary>
    public void Flush()
    {
        using var fd = Hold();
        Libc.Check(Libc.Restart(SYS_fsync, fd), "fsync", this);
    }

    /// <summary>Puts the whole file system that holds this file on stable storage. Source: syncfs(2).</summary>
    public void FlushFileSystem()
    {
        using var fd = Hold();
        Libc.Check(Libc.Restart(SYS_syncfs, fd), "syncfs", this);
    }
}
