using System.Collections.Immutable;

using Caisson.Linux;
using Caisson.Linux.Seccomp;

namespace Caisson.Containers.Profiles;

/// <summary>The table behind the seccomp profiles: every system call with the reason for what happens to it.</summary>
/// <remarks>
/// A call in no group is unknown to the profile and gets its default action, ENOSYS, so that programs fall back as on an
/// older kernel. A call we know and refuse gets EPERM. Calls of i386 stand beside those they are variants of; where a
/// convention has no such call, the compiler leaves it out. Numbers of arguments: the manual page of each call.
/// </remarks>
internal static class SyscallGroups
{
    private const ulong NamespaceFlags = 0x7e020000; // CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
    private const uint FamilyUnix = 1, FamilyInternet = 2, FamilyInternet6 = 10, FamilyNetlink = 16, FamilyPacket = 17;
    private const uint FamilyAlg = 38, FamilyVsock = 40;
    private const uint NetlinkRoute = 0, NetlinkSockDiag = 4, NetlinkAudit = 9, NetlinkUevent = 15, NetlinkGeneric = 16;
    private const uint TerminalInject = 0x5412, TerminalLinux = 0x541c;
    private const uint LevelTcp = 6, TcpUpperLayer = 31;
    private const uint PrctlSetMemoryMap = 35;

    private static readonly SeccompAction Refuse = SeccompAction.Fail(Errno.EPERM);
    private static readonly SeccompAction NoSuchCall = SeccompAction.Fail(Errno.ENOSYS);
    private static readonly SeccompAction NoSuchFamily = SeccompAction.Fail(Errno.EAFNOSUPPORT);

    /// <summary>What every program may do, whatever the profile: it touches only what the container already has.</summary>
    public static ImmutableArray<SeccompGroup> Common { get; } =
    [
        Allow("reading and writing files is what programs do",
            """
            read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 open openat openat2 creat close
            close_range lseek _llseek dup dup2 dup3 fcntl fcntl64 flock sendfile sendfile64 splice tee copy_file_range
            readahead fadvise64 fadvise64_64 fallocate truncate truncate64 ftruncate ftruncate64 fsync fdatasync sync
            syncfs sync_file_range pipe pipe2 memfd_create cachestat readdir
            """),
        Allow("looking at and changing names, owners, times and attributes of files; permissions decide",
            """
            stat stat64 lstat lstat64 fstat fstat64 newfstatat fstatat64 statx oldstat oldlstat oldfstat statfs statfs64 fstatfs
            fstatfs64 access faccessat faccessat2 getdents getdents64 getcwd chdir fchdir mkdir mkdirat rmdir link
            linkat symlink symlinkat unlink unlinkat rename renameat renameat2 readlink readlinkat chmod fchmod
            fchmodat fchmodat2 chown chown32 fchown fchown32 fchownat lchown lchown32 umask utime utimes utimensat
            utimensat_time64 futimesat mknod mknodat getxattr lgetxattr fgetxattr getxattrat setxattr lsetxattr
            fsetxattr setxattrat listxattr llistxattr flistxattr listxattrat removexattr lremovexattr fremovexattr
            removexattrat file_getattr file_setattr statmount listmount
            """),
        Allow("waiting for events of files, sockets and timers",
            """
            poll ppoll ppoll_time64 select _newselect pselect6 pselect6_time64 epoll_create epoll_create1 epoll_ctl
            epoll_wait epoll_pwait epoll_pwait2 eventfd eventfd2 signalfd signalfd4 timerfd_create timerfd_settime
            timerfd_settime64 timerfd_gettime timerfd_gettime64 inotify_init inotify_init1 inotify_add_watch
            inotify_rm_watch
            """),
        Allow("Linux's older asynchronous input and output, which databases use",
            "io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents io_pgetevents_time64"),
        Allow("memory of the process itself",
            """
            brk mmap mmap2 munmap mremap mprotect madvise mincore msync mlock mlock2 mlockall munlock munlockall
            remap_file_pages membarrier pkey_alloc pkey_free pkey_mprotect mseal map_shadow_stack
            """),
        Allow("processes and threads of the container",
            """
            fork vfork execve execveat exit exit_group wait4 waitid waitpid kill tkill tgkill getpid getppid gettid
            getpgid getpgrp setpgid getsid setsid set_tid_address set_robust_list get_robust_list rseq
            rseq_slice_yield futex futex_time64 futex_wait futex_wake futex_waitv futex_requeue pidfd_open
            pidfd_send_signal process_mrelease restart_syscall arch_prctl set_thread_area get_thread_area uretprobe
            uprobe
            """),
        Allow("receiving and handling signals",
            """
            rt_sigaction rt_sigprocmask rt_sigpending rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64
            rt_sigqueueinfo rt_tgsigqueueinfo rt_sigreturn sigaltstack sigaction sigprocmask sigpending sigsuspend
            sigreturn signal pause alarm
            """),
        Allow("clocks and timers; setting the host's clock needs a capability that no container has",
            """
            time gettimeofday clock_gettime clock_gettime64 clock_getres clock_getres_time64 clock_nanosleep
            clock_nanosleep_time64 nanosleep times getitimer setitimer timer_create timer_settime timer_settime64
            timer_gettime timer_gettime64 timer_getoverrun timer_delete adjtimex clock_adjtime clock_adjtime64
            """),
        Allow("user and group ids within the container's own range",
            """
            getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getresuid getresuid32 getresgid
            getresgid32 getgroups getgroups32 setuid setuid32 setgid setgid32 setreuid setreuid32 setregid setregid32
            setresuid setresuid32 setresgid setresgid32 setgroups setgroups32 setfsuid setfsuid32 setfsgid
            setfsgid32 capget capset
            """),
        Allow("limits, priorities and processors, as far as the kernel lets the ids of the container",
            """
            getrlimit ugetrlimit setrlimit prlimit64 getrusage getpriority setpriority nice ioprio_get ioprio_set
            sched_yield sched_getparam sched_setparam sched_getscheduler sched_setscheduler sched_getattr
            sched_setattr sched_get_priority_max sched_get_priority_min sched_rr_get_interval
            sched_rr_get_interval_time64 sched_getaffinity sched_setaffinity getcpu
            """),
        Allow("facts about the system that programs ask for at start",
            "uname oldolduname olduname sysinfo getrandom lsm_get_self_attr lsm_list_modules"),
        Allow("System V and POSIX queues, semaphores and shared memory of the container's own ipc namespace",
            """
            ipc shmget shmat shmdt shmctl semget semop semtimedop semtimedop_time64 semctl msgget msgsnd msgrcv
            msgctl mq_open mq_unlink mq_timedsend mq_timedsend_time64 mq_timedreceive mq_timedreceive_time64
            mq_notify mq_getsetattr
            """),
        Allow("using sockets; which kinds can be made is decided when they are made",
            """
            bind connect listen accept accept4 getsockname getpeername sendto recvfrom sendmsg recvmsg sendmmsg
            recvmmsg recvmmsg_time64 send recv shutdown getsockopt
            """),
        Allow("programs may give up more rights of their own",
            "seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self"),
    ];

    /// <summary>What root would need capabilities of the host for: refused so that a bug behind it is out of reach too.</summary>
    public static ImmutableArray<SeccompGroup> HostOnly { get; } =
    [
        Deny("loading code into the kernel is for the host",
            """
            init_module finit_module delete_module create_module query_module get_kernel_syms kexec_load
            kexec_file_load bpf
            """),
        Deny("the host's clock, power, swap, hardware and accounting are not the container's",
            """
            settimeofday clock_settime clock_settime64 stime reboot swapon swapoff iopl ioperm acct quotactl
            quotactl_fd syslog
            """),
        Deny("obsolete calls that nothing needs and that were a source of bugs",
            """
            uselib ustat sysfs nfsservctl _sysctl bdflush vm86 vm86old lookup_dcookie afs_syscall tuxcall vserver
            getpmsg putpmsg security sgetmask ssetmask
            """),
        Deny("watching the kernel and other processes shows what belongs to the host and to others",
            "perf_event_open fanotify_init fanotify_mark listns"),
        Deny("asynchronous rings run work in the kernel past this filter, and most exploits of late years used them",
            "io_uring_setup io_uring_enter io_uring_register"),
        Deny("page faults handled in user space make races in the kernel easy to win",
            "userfaultfd"),
        Deny("moving pages between memory nodes serves placement by the host",
            "migrate_pages move_pages mbind get_mempolicy set_mempolicy set_mempolicy_home_node"),
        Deny("reading memory and descriptors of another process's kind needs debugging rights",
            "kcmp process_madvise"),
        Deny("opening files by handle passes by the container's root (CVE-2014-9357 and its kind)",
            "open_by_handle_at"),
        Deny("changing the security label of the own process is for whoever starts it",
            "lsm_set_self_attr"),
    ];

    /// <summary>New namespaces and mounts inside the container.</summary>
    public static ImmutableArray<SeccompGroup> DenyNesting { get; } =
    [
        new("new namespaces give a process all capabilities in them, and with those the larger part of the kernel to attack",
        [
            new(SeccompAction.Allow, "clone", SeccompCondition.NoneOf(0, NamespaceFlags)),
            new(Refuse, "clone", SeccompCondition.Otherwise),
            new(Refuse, "unshare", "setns"),
        ]),
        new("clone3 hides its flags behind a pointer that no filter can follow; libraries fall back to clone",
            [new(NoSuchCall, "clone3")]),
        Deny("mounting is done for the container before it starts",
            """
            mount umount umount2 pivot_root fsopen fsconfig fsmount fspick move_mount open_tree open_tree_attr
            mount_setattr
            """),
        Deny("the names of the container are set before it starts", "sethostname setdomainname vhangup"),
    ];

    /// <summary>Namespaces and mounts are the container's to make.</summary>
    public static ImmutableArray<SeccompGroup> AllowNesting { get; } =
    [
        Allow("containers and services within the container need namespaces and mounts of their own",
            """
            clone clone3 unshare setns mount umount umount2 pivot_root fsopen fsconfig fsmount fspick move_mount
            open_tree open_tree_attr mount_setattr sethostname setdomainname vhangup
            """),
    ];

    public static SeccompGroup DenyDebugging { get; } = Deny(
        "one process of a container does not look into another; debuggers need the permission",
        "ptrace process_vm_readv process_vm_writev pidfd_getfd");

    public static SeccompGroup AllowDebugging { get; } = Allow(
        "debuggers and tracers within the container", "ptrace process_vm_readv process_vm_writev");

    public static SeccompGroup DenyKeys { get; } = Deny(
        "the kernel's keyrings are not divided between containers", "add_key request_key keyctl");

    public static SeccompGroup AllowKeys { get; } = Allow(
        "service managers give each service a keyring", "add_key request_key keyctl");

    public static SeccompGroup DenyRarities { get; } = Deny(
        "rarely used ways into the memory manager that exploits were built on",
        "memfd_secret vmsplice modify_ldt name_to_handle_at");

    public static SeccompGroup AllowRarities { get; } = Allow(
        "rarely used calls that other engines let through", "memfd_secret vmsplice modify_ldt name_to_handle_at");

    public static SeccompGroup DenyChroot { get; } = Deny("without its capability it would fail anyway", "chroot");

    public static SeccompGroup AllowChroot { get; } = Allow("package managers and servers use it to confine themselves", "chroot");

    /// <summary>Sockets of the four families that programs in containers use.</summary>
    public static SeccompGroup OrdinarySockets { get; } = Sockets(
        "local, internet and the harmless part of netlink; other families are rarely used and were rich in bugs",
        [
            .. Families("socket", FamilyUnix, FamilyInternet, FamilyInternet6),
            .. Netlink(NetlinkRoute, NetlinkSockDiag, NetlinkUevent),
            .. Families("socketpair", FamilyUnix),
        ]);

    /// <summary>Those and what a network service of a system needs: DHCP, generic netlink.</summary>
    public static SeccompGroup SystemSockets { get; } = Sockets(
        "what services of a whole system use: also packets for DHCP and generic netlink for links",
        [
            .. Families("socket", FamilyUnix, FamilyInternet, FamilyInternet6, FamilyPacket),
            .. Netlink(NetlinkRoute, NetlinkSockDiag, NetlinkAudit, NetlinkUevent, NetlinkGeneric),
            .. Families("socketpair", FamilyUnix),
        ]);

    /// <summary>All families but the two that Docker refuses, compared in the 32 bits that the kernel looks at.</summary>
    public static SeccompGroup AnySocketsButAlgAndVsock { get; } = new(
        "the kernel's cipher interface was an exploit of its own, and vsock reaches the host of a virtual machine",
        [
            new(NoSuchFamily, "socket", SeccompCondition.Int32Equal(0, FamilyAlg)),
            new(NoSuchFamily, "socket", SeccompCondition.Int32Equal(0, FamilyVsock)),
            new(SeccompAction.Allow, "socket", SeccompCondition.Otherwise),
            new(SeccompAction.Allow, "socketpair"),
        ]);

    /// <summary>All families but vsock, and no audit messages.</summary>
    public static SeccompGroup AnySocketsButVsockAndAudit { get; } = new(
        "vsock reaches the host of a virtual machine, and audit messages belong to the host",
        [
            new(NoSuchFamily, "socket", SeccompCondition.Int32Equal(0, FamilyVsock)),
            new(SeccompAction.Fail(Errno.EINVAL), "socket",
                SeccompCondition.Int32Equal(0, FamilyNetlink), SeccompCondition.Int32Equal(2, NetlinkAudit)),
            new(SeccompAction.Allow, "socket", SeccompCondition.Otherwise),
            new(SeccompAction.Allow, "socketpair"),
        ]);

    public static SeccompGroup Socketcall { get; } = Allow(
        "32-bit programs make and use sockets through it; its arguments lie behind a pointer, so families are not told apart",
        "socketcall");

    /// <summary>Calls that are allowed but for some of their commands.</summary>
    public static ImmutableArray<SeccompGroup> OrdinaryCommands { get; } =
    [
        new("devices and terminals, but not typing into the terminal of whoever started us (CVE-2017-5226, CVE-2023-28339)",
        [
            new(Refuse, "ioctl", SeccompCondition.Int32Equal(1, TerminalInject)),
            new(Refuse, "ioctl", SeccompCondition.Int32Equal(1, TerminalLinux)),
            new(SeccompAction.Allow, "ioctl", SeccompCondition.Otherwise),
        ]),
        new("options of sockets, but not protocols on top of TCP in the kernel (CVE-2023-0461); TLS stays in the program",
        [
            new(Refuse, "setsockopt",
                SeccompCondition.Int32Equal(1, LevelTcp), SeccompCondition.Int32Equal(2, TcpUpperLayer)),
            new(SeccompAction.Allow, "setsockopt", SeccompCondition.Otherwise),
        ]),
        new("attributes of the own process, but not where its memory areas are said to be",
        [
            new(Refuse, "prctl", SeccompCondition.Int32Equal(0, PrctlSetMemoryMap)),
            new(SeccompAction.Allow, "prctl", SeccompCondition.Otherwise),
        ]),
        new("asking for and setting the ordinary execution domains; others turn protections such as random addresses off",
        [
            .. Personalities(0x0, 0x8, 0xffffffff),
            new(Refuse, "personality", SeccompCondition.Otherwise),
        ]),
    ];

    /// <summary>The same calls as other engines have them.</summary>
    public static ImmutableArray<SeccompGroup> CompatibleCommands { get; } =
    [
        Allow("devices, terminals, sockets and processes with any command", "ioctl setsockopt prctl"),
        new("asking for and setting the ordinary execution domains and an old version number",
        [
            .. Personalities(0x0, 0x8, 0x20000, 0x20008, 0xffffffff),
            new(Refuse, "personality", SeccompCondition.Otherwise),
        ]),
    ];

    private static SeccompGroup Allow(string reason, string names) =>
        new(reason, [new SeccompRule(Split(names), SeccompAction.Allow, [])]);

    private static SeccompGroup Deny(string reason, string names) => new(reason, [new SeccompRule(Split(names), Refuse, [])]);

    private static ImmutableArray<string> Split(string names) =>
        [.. names.Split([' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries)];

    private static SeccompGroup Sockets(string reason, ImmutableArray<SeccompRule> allowed) => new(reason,
    [
        .. allowed,
        new(NoSuchFamily, "socket", SeccompCondition.Otherwise),
        new(NoSuchFamily, "socketpair", SeccompCondition.Otherwise),
    ]);

    private static IEnumerable<SeccompRule> Families(string call, params uint[] families) =>
        families.Select(family => new SeccompRule(SeccompAction.Allow, call, SeccompCondition.Int32Equal(0, family)));

    private static IEnumerable<SeccompRule> Netlink(params uint[] protocols) =>
        protocols.Select(protocol => new SeccompRule(SeccompAction.Allow, "socket",
            SeccompCondition.Int32Equal(0, FamilyNetlink), SeccompCondition.Int32Equal(2, protocol)));

    private static IEnumerable<SeccompRule> Personalities(params uint[] domains) =>
        domains.Select(domain => new SeccompRule(SeccompAction.Allow, "personality", SeccompCondition.Int32Equal(0, domain)));
}
