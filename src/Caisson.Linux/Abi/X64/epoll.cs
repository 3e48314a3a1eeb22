using System.Runtime.InteropServices;

namespace Caisson.Linux.Abi;

#pragma warning disable CS8981 // the kernel's own names

/// <summary>Source: epoll_ctl(2); packed on x86-64 alone.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct epoll_event
{
    public uint events;
    public ulong data;
}
