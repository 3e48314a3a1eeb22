using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

public partial class Descriptor
{
    /// <summary>Reads what is there, for loops that must not allocate. Source: read(2).</summary>
    /// <returns>How many bytes; 0 at the end; a negative <see cref="Errno"/> otherwise, <c>-EAGAIN</c> when there is nothing now.</returns>
    public unsafe int ReadNow(Span<byte> buffer)
    {
        using var fd = Hold();
        fixed (byte* bytes = buffer)
        {
            return Now(Libc.Restart(SYS_read, fd, (nint)bytes, buffer.Length));
        }
    }

    /// <summary>Writes as much as goes, for loops that must not allocate. Source: write(2).</summary>
    /// <returns>How many bytes; a negative <see cref="Errno"/> otherwise, <c>-EAGAIN</c> when nothing goes now.</returns>
    /// <remarks>The caller blocks or ignores SIGPIPE.</remarks>
    public unsafe int WriteNow(ReadOnlySpan<byte> bytes)
    {
        using var fd = Hold();
        fixed (byte* start = bytes)
        {
            return Now(Libc.Restart(SYS_write, fd, (nint)start, bytes.Length));
        }
    }

    /// <summary>As <see cref="WriteNow(ReadOnlySpan{byte})"/>, three pieces as one. Source: writev(2).</summary>
    public unsafe int WriteNow(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> third)
    {
        using var fd = Hold();
        fixed (byte* one = first, two = second, three = third)
        {
            iovec* pieces = stackalloc iovec[]
            {
                new() { iov_base = one, iov_len = (nuint)first.Length },
                new() { iov_base = two, iov_len = (nuint)second.Length },
                new() { iov_base = three, iov_len = (nuint)third.Length },
            };
            return Now(Libc.Restart(SYS_writev, fd, (nint)pieces, 3));
        }
    }

    /// <summary>Gives the file to another owner, such as a pipe to the one who may open it again by <c>/dev/stdout</c>. Source: fchown(2).</summary>
    public void SetOwner(uint userId, uint groupId)
    {
        using var fd = Hold();
        Libc.Check(Libc.syscall(SYS_fchown, fd, (nint)userId, (nint)groupId), "fchown", this);
    }

    private static int Now(nint result) => result >= 0 ? (int)result : -(int)Libc.LastErrno;
}
