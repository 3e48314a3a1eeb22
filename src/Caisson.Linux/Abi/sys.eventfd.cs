namespace Caisson.Linux.Abi;

// eventfd(2), signalfd(2), timerfd_create(2), memfd_create(2)
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const int EFD_CLOEXEC = 524288;
    public const int EFD_NONBLOCK = 2048;
    public const int EFD_SEMAPHORE = 1;
    public const int SFD_CLOEXEC = 524288;
    public const int SFD_NONBLOCK = 2048;
    public const int TFD_CLOEXEC = 524288;
    public const int TFD_NONBLOCK = 2048;
    public const int CLOCK_REALTIME = 0;
    public const int CLOCK_MONOTONIC = 1;
    public const int CLOCK_BOOTTIME = 7;
    public const int MFD_CLOEXEC = 1;
    public const int MFD_ALLOW_SEALING = 2;
#pragma warning restore CS1591
}
