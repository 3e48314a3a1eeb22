using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>A counter of 64 bits that one side adds to and another waits for. Source: eventfd(2).</summary>
public sealed class Eventfd : Descriptor
{
    private Eventfd(nint fd) : base(fd) { }

    /// <summary>Creates one at zero.</summary>
    public static Eventfd Create(bool nonBlocking = false) =>
        new(Libc.Check(Libc.syscall(SYS_eventfd2, 0, EFD_CLOEXEC | (nonBlocking ? EFD_NONBLOCK : 0)), "eventfd", "new"));

    /// <summary>Adds <paramref name="amount"/>; waits only when the counter would pass 2^64 - 2.</summary>
    public unsafe void Add(ulong amount = 1) => Write(new ReadOnlySpan<byte>(&amount, 8));

    /// <summary>Takes the whole count and leaves zero; waits for one unless non-blocking, when it gives 0.</summary>
    public unsafe ulong Take()
    {
        ulong count = 0;
        return TryRead(new Span<byte>(&count, 8), out _) ? count : 0;
    }
}
