using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>Time and chance of the machine that this process is the first process of: both come from outside.</summary>
public static class MachineClock
{
    /// <summary>Sets the wall clock. Source: clock_settime(2), CLOCK_REALTIME.</summary>
    public static unsafe void Set(DateTimeOffset now)
    {
        long ticks = now.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks;
        var time = new timespec { tv_sec = ticks / TimeSpan.TicksPerSecond, tv_nsec = ticks % TimeSpan.TicksPerSecond * 100 };
        Libc.Check(Libc.syscall(SYS_clock_settime, 0, (nint)(&time)), "clock_settime", "CLOCK_REALTIME");
    }

    /// <summary>
    /// Mixes <paramref name="seed"/> into the kernel's random numbers, counts it as entropy, and makes every number from here on depend on it: a machine that
    /// goes on from a copy of another's memory would draw the same numbers as that for up to a minute. Source: random(4), RNDADDENTROPY and RNDRESEEDCRNG.
    /// </summary>
    /// <param name="seed">At most 512 bytes that nobody else knows.</param>
    public static unsafe void AddEntropy(ReadOnlySpan<byte> seed)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(seed.Length, 512);
        using var random = HostFiles.Open("/dev/urandom", O_RDWR);
        using var fd = random.Hold();
        // struct rand_pool_info: bits, bytes, the bytes
        byte* pool = stackalloc byte[8 + 512];
        *(int*)pool = seed.Length * 8;
        *(int*)(pool + 4) = seed.Length;
        seed.CopyTo(new Span<byte>(pool + 8, 512));
        Libc.Check(Libc.syscall(SYS_ioctl, fd, RNDADDENTROPY, (nint)pool), "ioctl RNDADDENTROPY", random);
        Libc.Check(Libc.syscall(SYS_ioctl, fd, RNDRESEEDCRNG, 0), "ioctl RNDRESEEDCRNG", random);
    }
}
