using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>What has become true of a watched descriptor. Source: epoll_ctl(2).</summary>
[Flags]
public enum EpollEvents
{
    /// <summary>Nothing, or only errors and hang-ups, which are always reported.</summary>
    None = 0,

    /// <summary>Reading does not block.</summary>
    Readable = EPOLLIN,

    /// <summary>Writing does not block.</summary>
    Writable = EPOLLOUT,

    /// <summary>An exceptional condition, such as a change of a cgroup's events file.</summary>
    Priority = EPOLLPRI,

    /// <summary>An error is pending.</summary>
    Error = EPOLLERR,

    /// <summary>The other end is gone.</summary>
    HangUp = EPOLLHUP,

    /// <summary>The peer will write no more.</summary>
    PeerClosed = EPOLLRDHUP,
}

/// <summary>One answer of <see cref="Epoll.Wait"/>.</summary>
/// <param name="Key">The number given when the descriptor was added.</param>
/// <param name="Events">What is true of it.</param>
public readonly record struct EpollAnswer(ulong Key, EpollEvents Events);

/// <summary>Waits for many descriptors at once. Source: epoll(7).</summary>
public sealed class Epoll : Descriptor
{
    private Epoll(nint fd) : base(fd) { }

    /// <summary>Creates one that watches nothing.</summary>
    public static Epoll Create() => new(Libc.Check(Libc.syscall(SYS_epoll_create1, EPOLL_CLOEXEC), "epoll_create1", "new"));

    /// <summary>Watches <paramref name="descriptor"/>, level-triggered; answers carry <paramref name="key"/>.</summary>
    public void Add(Descriptor descriptor, EpollEvents events, ulong key) => Control(EPOLL_CTL_ADD, descriptor, events, key);

    /// <summary>Changes what is watched of <paramref name="descriptor"/>.</summary>
    public void Change(Descriptor descriptor, EpollEvents events, ulong key) => Control(EPOLL_CTL_MOD, descriptor, events, key);

    /// <summary>Watches <paramref name="descriptor"/> no more; needed before it is disposed if duplicates of it live on.</summary>
    public void Remove(Descriptor descriptor) => Control(EPOLL_CTL_DEL, descriptor, 0, 0);

    /// <summary>Waits for answers and writes at most 64 of them to <paramref name="answers"/>.</summary>
    /// <param name="answers">Receives them.</param>
    /// <param name="timeoutMs">-1 waits for ever, 0 asks only.</param>
    /// <returns>How many; 0 when the time is over or a signal came.</returns>
    public unsafe int Wait(Span<EpollAnswer> answers, int timeoutMs = -1)
    {
        int capacity = Math.Min(64, answers.Length);
        epoll_event* events = stackalloc epoll_event[capacity];
        using var fd = Hold();
        nint count = Libc.syscall(SYS_epoll_wait, fd, (nint)events, capacity, timeoutMs);
        if (count < 0)
        {
            return Libc.LastErrno == Errno.EINTR ? 0 : throw LinuxException.FromErrno("epoll_wait", ToString());
        }
        for (int i = 0; i < count; i++)
        {
            answers[i] = new(events[i].data, (EpollEvents)events[i].events);
        }
        return (int)count;
    }

    private unsafe void Control(int operation, Descriptor descriptor, EpollEvents events, ulong key)
    {
        using var fd = Hold();
        using var target = descriptor.Hold();
        var wanted = new epoll_event { events = (uint)events, data = key };
        if (Libc.syscall(SYS_epoll_ctl, fd, operation, target, (nint)(&wanted)) < 0)
        {
            throw LinuxException.FromErrno("epoll_ctl", descriptor.ToString());
        }
    }
}
