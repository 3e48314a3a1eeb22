namespace Caisson.Linux.Abi;

// prctl(2), linux/prctl.h, linux/securebits.h
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const int PR_SET_PDEATHSIG = 1;
    public const int PR_GET_DUMPABLE = 3;
    public const int PR_SET_DUMPABLE = 4;
    public const int PR_SET_KEEPCAPS = 8;
    public const int PR_SET_NAME = 15;
    public const int PR_SET_SECCOMP = 22;
    public const int PR_CAPBSET_READ = 23;
    public const int PR_CAPBSET_DROP = 24;
    public const int PR_SET_SECUREBITS = 28;
    public const int PR_SET_NO_NEW_PRIVS = 38;
    public const int PR_GET_NO_NEW_PRIVS = 39;
    public const int PR_CAP_AMBIENT = 47;
    public const int PR_CAP_AMBIENT_IS_SET = 1;
    public const int PR_CAP_AMBIENT_RAISE = 2;
    public const int PR_CAP_AMBIENT_LOWER = 3;
    public const int PR_CAP_AMBIENT_CLEAR_ALL = 4;
    public const int PR_SET_CHILD_SUBREAPER = 36;
    public const int PR_SET_VMA = 0x53564D41;
    public const int PR_SET_VMA_ANON_NAME = 0;
    public const int SECBIT_KEEP_CAPS = 16;
    public const int SECBIT_NOROOT = 1;
#pragma warning restore CS1591
}
