using System.Globalization;
using Microsoft.Win32.SafeHandles;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>A file descriptor that this process owns; base of the kinds that know more.</summary>
/// <remarks>Closed on exec unless said otherwise. Whoever holds it disposes it.</remarks>
public partial class Descriptor : SafeHandleMinusOneIsInvalid
{
    private readonly string? _label;

    private protected Descriptor(nint fd, string? label = null) : base(ownsHandle: true)
    {
        _label = label;
        SetHandle(fd);
    }

    /// <summary>Takes over the number of another object, which is closed to use from then on, and what it is called.</summary>
    private protected Descriptor(Descriptor other) : this(other.Release(), other._label) { }

    /// <summary>Owns from now on what <paramref name="fd"/> names; nobody else may close it.</summary>
    public static Descriptor TakeOver(int fd) => new(fd);

    /// <summary>Owns a descriptor that the parent process left open across exec, and marks it close-on-exec.</summary>
    /// <exception cref="LinuxException"><see cref="Errno.EBADF"/>: nothing was passed at this number.</exception>
    public static Descriptor FromInherited(int fd)
    {
        Libc.Check(Libc.syscall(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC), "fcntl", $"inherited descriptor {fd}");
        return new(fd);
    }

    /// <summary>A second descriptor of the same open file, close-on-exec; the caller disposes it. Source: fcntl(2), F_DUPFD_CLOEXEC.</summary>
    public Descriptor Duplicate() => new(DuplicateNumber());

    /// <summary>Lets the descriptor survive exec (<see langword="false"/>) or not.</summary>
    public void SetCloseOnExec(bool closeOnExec)
    {
        using var fd = Hold();
        Libc.Check(Libc.syscall(SYS_fcntl, fd, F_SETFD, closeOnExec ? FD_CLOEXEC : 0), "fcntl", this);
    }

    /// <summary>Makes reads and writes return at once instead of waiting (O_NONBLOCK, shared by all duplicates).</summary>
    public void SetNonBlocking(bool nonBlocking)
    {
        using var fd = Hold();
        nint flags = Libc.Check(Libc.syscall(SYS_fcntl, fd, F_GETFL), "fcntl", this);
        flags = nonBlocking ? flags | O_NONBLOCK : flags & ~(nint)O_NONBLOCK;
        Libc.Check(Libc.syscall(SYS_fcntl, fd, F_SETFL, flags), "fcntl", this);
    }

    /// <summary>Gives the ownership to a .NET file handle, for streams; this object is then closed to use.</summary>
    public SafeFileHandle ToFileHandle() => new(Release(), ownsHandle: true);

    /// <summary>Waits until reading would not block, also because the other end is gone.</summary>
    /// <param name="timeoutMs">-1 waits for ever, 0 asks only.</param>
    /// <returns>False when the time is over. Source: poll(2).</returns>
    public bool WaitReadable(int timeoutMs = -1) => Wait(POLLIN, timeoutMs);

    /// <summary>Waits until writing would not block, also because the other end is gone.</summary>
    /// <param name="timeoutMs">-1 waits for ever, 0 asks only.</param>
    /// <returns>False when the time is over. Source: poll(2).</returns>
    public bool WaitWritable(int timeoutMs = -1) => Wait(POLLOUT, timeoutMs);

    /// <summary>What reaches the same open file by path inside this process, such as <c>/proc/self/fd/7</c>; valid while this object lives.</summary>
    public string ProcPath => string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{handle}");

    /// <summary>What it was opened as, for messages: a path, or its number.</summary>
    public override string ToString() => _label ?? string.Create(CultureInfo.InvariantCulture, $"descriptor {handle}");

    /// <summary>Keeps the number valid for the length of a <c>using</c>, whatever other threads dispose.</summary>
    internal DescriptorHold Hold() => new(this);

    /// <summary>A fresh number for the same open file, which the caller owns.</summary>
    internal nint DuplicateNumber()
    {
        using var fd = Hold();
        return Libc.Check(Libc.syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3), "fcntl", this);
    }

    /// <summary>Takes the number out of this object, which no longer closes it.</summary>
    internal nint Release()
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        nint fd = handle;
        SetHandleAsInvalid();
        return fd;
    }

    private unsafe bool Wait(int events, int timeoutMs)
    {
        using var fd = Hold();
        long deadline = Environment.TickCount64 + timeoutMs;
        var ask = new Abi.pollfd { fd = fd.Number, events = (short)events };
        while (true)
        {
            nint ready = Libc.syscall(SYS_poll, (nint)(&ask), 1, timeoutMs);
            if (ready >= 0)
            {
                return ready > 0;
            }
            if (Libc.LastErrno != Errno.EINTR)
            {
                throw LinuxException.FromErrno("poll", ToString());
            }
            if (timeoutMs > 0)
            {
                timeoutMs = (int)Math.Max(0, deadline - Environment.TickCount64);
            }
        }
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => Libc.syscall(SYS_close, handle) == 0;
}
