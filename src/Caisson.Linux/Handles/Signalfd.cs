using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>Signals of this process as something to read. Source: signalfd(2).</summary>
/// <remarks>The signals must be blocked in every thread (<see cref="Block"/> before the first other thread), or their action is taken instead.</remarks>
public sealed class Signalfd : Descriptor
{
    private Signalfd(nint fd) : base(fd) { }

    /// <summary>Creates one for <paramref name="signals"/>.</summary>
    public static unsafe Signalfd Create(ReadOnlySpan<Signal> signals, bool nonBlocking = false)
    {
        ulong mask = Mask(signals);
        nint fd = Libc.syscall(SYS_signalfd4, -1, (nint)(&mask), 8, SFD_CLOEXEC | (nonBlocking ? SFD_NONBLOCK : 0));
        return new(Libc.Check(fd, "signalfd", "new"));
    }

    /// <summary>Blocks <paramref name="signals"/> in the calling thread and the threads it starts from now on.</summary>
    public static unsafe void Block(ReadOnlySpan<Signal> signals)
    {
        ulong mask = Mask(signals);
        Libc.Check(Libc.syscall(SYS_rt_sigprocmask, SIG_BLOCK, (nint)(&mask), 0, 8), "rt_sigprocmask", "block");
    }

    /// <summary>The next signal and the process that sent it (0: the kernel); false when non-blocking and none is waiting.</summary>
    public unsafe bool TryTake(out Signal signal, out int senderPid)
    {
        signalfd_siginfo info = default;
        bool taken = TryRead(new Span<byte>(&info, sizeof(signalfd_siginfo)), out _);
        signal = (Signal)info.ssi_signo;
        senderPid = (int)info.ssi_pid;
        return taken;
    }

    private static ulong Mask(ReadOnlySpan<Signal> signals)
    {
        ulong mask = 0;
        foreach (Signal signal in signals)
        {
            mask |= 1UL << ((int)signal - 1);
        }
        return mask;
    }
}
