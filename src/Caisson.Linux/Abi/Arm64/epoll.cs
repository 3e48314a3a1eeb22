namespace Caisson.Linux.Abi;

#pragma warning disable CS8981 // the kernel's own names

/// <summary>Source: epoll_ctl(2); packed on x86-64 alone.</summary>
internal struct epoll_event
{
    public uint events;
    public ulong data;
}
