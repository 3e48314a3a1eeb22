namespace Caisson.Linux.Abi;

// signal(7), asm/signal.h
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const int SIG_BLOCK = 0;
    public const int SIG_UNBLOCK = 1;
    public const int SIG_SETMASK = 2;
    public const int SA_RESTORER = 0x4000000;
    public const int SA_RESTART = 0x10000000;
    public const int SA_NOCLDSTOP = 1;
#pragma warning restore CS1591
}
