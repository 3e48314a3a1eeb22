namespace Caisson.Linux;

/// <summary>A signal of x86-64 Linux; 34 (SIGRTMIN of glibc) to 64 are the real-time ones. Source: signal(7).</summary>
public enum Signal
{
#pragma warning disable CS1591 // the kernel's own names say it
    HUP = 1,
    INT = 2,
    QUIT = 3,
    ILL = 4,
    TRAP = 5,
    ABRT = 6,
    BUS = 7,
    FPE = 8,
    KILL = 9,
    USR1 = 10,
    SEGV = 11,
    USR2 = 12,
    PIPE = 13,
    ALRM = 14,
    TERM = 15,
    STKFLT = 16,
    CHLD = 17,
    CONT = 18,
    STOP = 19,
    TSTP = 20,
    TTIN = 21,
    TTOU = 22,
    URG = 23,
    XCPU = 24,
    XFSZ = 25,
    VTALRM = 26,
    PROF = 27,
    WINCH = 28,
    IO = 29,
    PWR = 30,
    SYS = 31,
    RTMIN = 34,
    RTMAX = 64,
#pragma warning restore CS1591
}
