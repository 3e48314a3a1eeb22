namespace Caisson.Linux.Launch;

/// <summary>What one operation of the interpreter does: a system call, by its number on x86-64 whatever machine it is for, or one of its own four verbs.</summary>
/// <remarks>Source: arch/x86/entry/syscalls/syscall_64.tbl; the negative ones: <c>interpreter.S</c>.</remarks>
public enum SystemCall
{
    /// <summary>Writes the low 32 bits of argument 1 to the address in argument 0.</summary>
    Store = -1,

    /// <summary>Fails with the error number in argument 0.</summary>
    Fail = -2,

    /// <summary>Fails with EPIPE when argument 0 is zero.</summary>
    Require = -3,

    /// <summary>Jumps to the label of success when argument 0 is not zero.</summary>
    Branch = -4,

#pragma warning disable CS1591, CA1069 // the kernel's own names say it
    read = 0,
    write = 1,
    close = 3,
    rt_sigaction = 13,
    rt_sigprocmask = 14,
    ioctl = 16,
    dup2 = 33,
    socket = 41,
    sendto = 44,
    recvfrom = 45,
    sendmsg = 46,
    bind = 49,
    clone = 56,
    execve = 59,
    fcntl = 72,
    chdir = 80,
    fchdir = 81,
    umask = 95,
    fchmod = 91,
    setuid = 105,
    setgid = 106,
    setgroups = 116,
    setresuid = 117,
    setresgid = 119,
    setsid = 112,
    capset = 126,
    personality = 135,
    sched_setscheduler = 144,
    prctl = 157,
    pivot_root = 155,
    chroot = 161,
    mount = 165,
    umount2 = 166,
    sethostname = 170,
    setdomainname = 171,
    sched_setaffinity = 203,
    exit_group = 231,
    ioprio_set = 251,
    keyctl = 250,
    openat = 257,
    mkdirat = 258,
    mknodat = 259,
    fchownat = 260,
    unlinkat = 263,
    symlinkat = 266,
    fchmodat = 268,
    faccessat = 269,
    unshare = 272,
    set_mempolicy = 238,
    eventfd2 = 290,
    dup3 = 292,
    prlimit64 = 302,
    setns = 308,
    sched_setattr = 314,
    seccomp = 317,
    execveat = 322,
    open_tree = 428,
    move_mount = 429,
    fsopen = 430,
    fsconfig = 431,
    fsmount = 432,
    clone3 = 435,
    close_range = 436,
    openat2 = 437,
    faccessat2 = 439,
    mount_setattr = 442,
    landlock_restrict_self = 446,
#pragma warning restore CS1591, CA1069
}
