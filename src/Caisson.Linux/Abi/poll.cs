namespace Caisson.Linux.Abi;

// poll(2), epoll(7)
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const int POLLIN = 1;
    public const int POLLPRI = 2;
    public const int POLLOUT = 4;
    public const int POLLERR = 8;
    public const int POLLHUP = 16;
    public const int POLLNVAL = 32;
    public const int POLLRDHUP = 8192;
    public const int EPOLLIN = 1;
    public const int EPOLLPRI = 2;
    public const int EPOLLOUT = 4;
    public const int EPOLLERR = 8;
    public const int EPOLLHUP = 0x10;
    public const int EPOLLRDHUP = 0x2000;
    public const int EPOLLEXCLUSIVE = 0x10000000;
    public const int EPOLLONESHOT = 0x40000000;
    public const uint EPOLLET = 0x80000000;
    public const int EPOLL_CTL_ADD = 1;
    public const int EPOLL_CTL_DEL = 2;
    public const int EPOLL_CTL_MOD = 3;
    public const int EPOLL_CLOEXEC = 0x80000;
#pragma warning restore CS1591
}
