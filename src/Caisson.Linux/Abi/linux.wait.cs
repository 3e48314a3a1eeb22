namespace Caisson.Linux.Abi;

// waitid(2), linux/wait.h, asm-generic/siginfo.h
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const int P_ALL = 0;
    public const int P_PID = 1;
    public const int P_PGID = 2;
    public const int P_PIDFD = 3;
    public const int WNOHANG = 1;
    public const int WSTOPPED = 2;
    public const int WEXITED = 4;
    public const int WCONTINUED = 8;
    public const int WNOWAIT = 16777216;
    public const int __WALL = 0x40000000;
    public const uint __WCLONE = 0x80000000;
    public const int CLD_EXITED = 1;
    public const int CLD_KILLED = 2;
    public const int CLD_DUMPED = 3;
    public const int CLD_TRAPPED = 4;
    public const int CLD_STOPPED = 5;
    public const int CLD_CONTINUED = 6;
#pragma warning restore CS1591
}
