using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux.Memory;

/// <summary>
/// Zeroed memory beside the collected heap: a page of it exists once it is written to, and no longer after <see cref="Discard"/>. For buffers
/// of processes that wait nearly always; it is mapped as long as the process lives. Source: mmap(2), madvise(2).
/// </summary>
public sealed unsafe class ScratchMemory
{
    private readonly byte* _start;
    private readonly int _size;

    /// <summary>Maps <paramref name="size"/> bytes, none of which take memory yet.</summary>
    /// <param name="size">At least 1.</param>
    /// <exception cref="LinuxException"><see cref="Errno.ENOMEM"/>: no room for another mapping.</exception>
    public ScratchMemory(int size)
    {
        _size = size;
        _start = (byte*)Libc.Check(
            Libc.syscall(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), "mmap", "scratch memory");
    }

    /// <summary>All of it.</summary>
    public Span<byte> Span => new(_start, _size);

    /// <summary>Forgets the content: the memory goes back to the kernel, and reads as zeroes.</summary>
    public void Discard() => Libc.Check(Libc.syscall(SYS_madvise, (nint)_start, _size, MADV_DONTNEED), "madvise", "MADV_DONTNEED");
}
