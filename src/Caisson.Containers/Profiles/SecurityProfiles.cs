using System.Collections.Immutable;

using Caisson.Linux;
using Caisson.Linux.Seccomp;

namespace Caisson.Containers.Profiles;

/// <summary>The named security profiles.</summary>
public static class SecurityProfiles
{
    private const SeccompArchitectures AllArchitectures = SeccompArchitectures.X86 | SeccompArchitectures.X32;

    private static readonly ImmutableArray<string> SixCapabilities =
        ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETUID"];

    private static readonly ImmutableArray<string> ElevenCapabilities =
        [.. SixCapabilities, "CAP_FSETID", "CAP_NET_BIND_SERVICE", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_SYS_CHROOT"];

    private static readonly ImmutableArray<string> FourteenCapabilities =
        [.. ElevenCapabilities, "CAP_AUDIT_WRITE", "CAP_MKNOD", "CAP_NET_RAW"];

    // What means something inside a user namespace and is not about the host's kernel, clock or hardware.
    private static readonly ImmutableArray<string> SystemCapabilities =
    [
        .. FourteenCapabilities, "CAP_AUDIT_CONTROL", "CAP_DAC_READ_SEARCH", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_LEASE",
        "CAP_LINUX_IMMUTABLE", "CAP_NET_ADMIN", "CAP_NET_BROADCAST", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
        "CAP_SYS_PTRACE", "CAP_SYS_RESOURCE", "CAP_SYS_TTY_CONFIG",
    ];

    // All that Linux 6.13 knows.
    private static readonly ImmutableArray<string> AllCapabilities =
    [
        .. SystemCapabilities, "CAP_AUDIT_READ", "CAP_BLOCK_SUSPEND", "CAP_BPF", "CAP_CHECKPOINT_RESTORE", "CAP_MAC_ADMIN",
        "CAP_MAC_OVERRIDE", "CAP_PERFMON", "CAP_SYSLOG", "CAP_SYS_MODULE", "CAP_SYS_PACCT", "CAP_SYS_RAWIO", "CAP_SYS_TIME",
        "CAP_WAKE_ALARM",
    ];

    private static readonly ImmutableArray<string> CompatibleMaskedPaths =
    [
        "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
        "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap",
        "/sys/firmware", "/sys/fs/selinux",
    ];

    private static readonly ImmutableArray<string> AllMaskedPaths =
    [
        .. CompatibleMaskedPaths, "/proc/config.gz", "/proc/kallsyms", "/proc/kmsg", "/proc/kpagecgroup",
        "/proc/kpagecount", "/proc/kpageflags", "/proc/modules", "/proc/mtrr", "/proc/pagetypeinfo", "/proc/slabinfo",
        "/proc/vmallocinfo", "/sys/class/dmi", "/sys/devices/virtual/dmi", "/sys/fs/bpf", "/sys/fs/pstore",
        "/sys/hypervisor", "/sys/kernel/debug", "/sys/kernel/security", "/sys/kernel/tracing", "/sys/module", "/sys/power",
    ];

    private static readonly ImmutableArray<string> KernelReadOnlyPaths =
        ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

    private static readonly ImmutableArray<ProfileDevice> OrdinaryDevices = Devices("rw");

    private static readonly ImmutableArray<ProfileLimit> OrdinaryLimits =
        [new("RLIMIT_NOFILE", 1024, 524_288), new("RLIMIT_CORE", 0, 0)];

    // The whole range of group ids a user namespace of 65,536 ids has; a larger one is refused from inside.
    private static readonly ImmutableSortedDictionary<string, string> OrdinarySysctls = ImmutableSortedDictionary
        .CreateRange(StringComparer.Ordinal,
        [
            KeyValuePair.Create("net.ipv4.ip_unprivileged_port_start", "0"),
            KeyValuePair.Create("net.ipv4.ping_group_range", "0 65535"),
        ]);

    private static readonly ImmutableArray<string> NoSetuidNoDevices = ["nosuid", "nodev"];

    private static readonly SeccompProfile OrdinarySeccomp = new(SeccompAction.Fail(Errno.ENOSYS), SeccompArchitectures.X64,
    [
        .. SyscallGroups.Common,
        .. SyscallGroups.OrdinaryCommands,
        SyscallGroups.OrdinarySockets,
        .. SyscallGroups.DenyNesting,
        SyscallGroups.DenyDebugging,
        SyscallGroups.DenyKeys,
        SyscallGroups.DenyRarities,
        SyscallGroups.DenyChroot,
        .. SyscallGroups.HostOnly,
    ]);

    /// <summary>For every workload that says nothing else.</summary>
    public static SecurityProfile Default { get; } = new()
    {
        Name = "default",
        Summary = "own ids, six capabilities, filtered calls and sockets: servers and tools run, setuid programs gain nothing",
        Capabilities = SixCapabilities,
        Seccomp = OrdinarySeccomp,
        MaskedPaths = AllMaskedPaths,
        ReadOnlyPaths = KernelReadOnlyPaths,
        RootMountOptions = NoSetuidNoDevices,
        VolumeMountOptions = NoSetuidNoDevices,
        Devices = OrdinaryDevices,
        Limits = OrdinaryLimits,
        PidsMax = 1024,
        Sysctls = OrdinarySysctls,
    };

    /// <summary>For clients that expect what Docker gives, still with ids of its own.</summary>
    public static SecurityProfile CompatDocker { get; } = new()
    {
        Name = "compat-docker",
        Summary = "Docker's capabilities, calls and devices, with own ids: for images and scripts made for Docker",
        Capabilities = FourteenCapabilities,
        NonRootCapabilities = FourteenCapabilities,
        NoNewPrivileges = false,
        Seccomp = new(SeccompAction.Fail(Errno.EPERM), AllArchitectures,
        [
            .. SyscallGroups.Common,
            .. SyscallGroups.CompatibleCommands,
            SyscallGroups.Socketcall,
            SyscallGroups.AnySocketsButAlgAndVsock,
            .. SyscallGroups.DenyNesting,
            SyscallGroups.AllowDebugging,
            SyscallGroups.DenyKeys,
            SyscallGroups.AllowRarities,
            SyscallGroups.AllowChroot,
            .. SyscallGroups.HostOnly,
        ]),
        MaskedPaths = CompatibleMaskedPaths,
        ReadOnlyPaths = KernelReadOnlyPaths,
        Devices = Devices("rwm"),
        Sysctls = OrdinarySysctls,
    };

    /// <summary>For clients that expect what Podman gives, still with ids of its own.</summary>
    public static SecurityProfile CompatPodman { get; } = new()
    {
        Name = "compat-podman",
        Summary = "Podman's capabilities and calls, with own ids: containers within the container can be made",
        Capabilities = ElevenCapabilities,
        NonRootCapabilities = ElevenCapabilities,
        NoNewPrivileges = false,
        Seccomp = new(SeccompAction.Fail(Errno.ENOSYS), AllArchitectures,
        [
            .. SyscallGroups.Common,
            .. SyscallGroups.CompatibleCommands,
            SyscallGroups.Socketcall,
            SyscallGroups.AnySocketsButVsockAndAudit,
            .. SyscallGroups.AllowNesting,
            SyscallGroups.AllowDebugging,
            SyscallGroups.AllowKeys,
            SyscallGroups.AllowRarities,
            SyscallGroups.AllowChroot,
            .. SyscallGroups.HostOnly,
        ]),
        MaskedPaths = CompatibleMaskedPaths,
        ReadOnlyPaths = KernelReadOnlyPaths,
        Devices = Devices("rwm"),
        PidsMax = 2048,
        Sysctls = OrdinarySysctls,
    };

    /// <summary>For programs that need no root: Kubernetes' "restricted" and what <see cref="Default"/> adds.</summary>
    public static SecurityProfile Restricted { get; } = Default with
    {
        Name = "restricted",
        Summary = "as default, but no capabilities and not as root",
        Capabilities = [],
        RequiresNonRoot = true,
    };

    /// <summary>For programs that keep nothing: nothing of the image changes, and no network unless one is named.</summary>
    public static SecurityProfile Sealed { get; } = Restricted with
    {
        Name = "sealed",
        Summary = "as restricted, but a read-only root, temporary directories without programs, and no network unless named",
        ReadOnlyRoot = true,
        NetworkByDefault = false,
        Tmpfs =
        [
            new("/tmp", ["mode=1777", "noexec", "nosuid", "nodev"]),
            new("/run", ["mode=755", "noexec", "nosuid", "nodev"]),
            new("/var/tmp", ["mode=1777", "noexec", "nosuid", "nodev"]),
        ],
    };

    /// <summary>For a whole system with its service manager.</summary>
    public static SecurityProfile System { get; } = Default with
    {
        Name = "system",
        Summary = "for systemd and other service managers: mounts, namespaces and cgroups of its own, in own ids",
        Capabilities = SystemCapabilities,
        NonRootCapabilities = SystemCapabilities,
        NoNewPrivileges = false,
        Seccomp = new(SeccompAction.Fail(Errno.ENOSYS), SeccompArchitectures.X64,
        [
            .. SyscallGroups.Common,
            .. SyscallGroups.OrdinaryCommands,
            SyscallGroups.SystemSockets,
            .. SyscallGroups.AllowNesting,
            SyscallGroups.AllowDebugging,
            SyscallGroups.AllowKeys,
            SyscallGroups.AllowRarities,
            SyscallGroups.AllowChroot,
            .. SyscallGroups.HostOnly,
        ]),
        WritableCgroup = true,
        RootMountOptions = ["nodev"],
        PidsMax = 16_384,
        Limits = [new("RLIMIT_NOFILE", 1024, 524_288)],
        Tmpfs =
        [
            new("/run", ["mode=755", "nosuid", "nodev"]),
            new("/run/lock", ["mode=1777", "noexec", "nosuid", "nodev"]),
            new("/tmp", ["mode=1777", "nosuid", "nodev"]),
        ],
    };

    /// <summary>For the steps of an image build, whose package scripts set file capabilities and change root.</summary>
    public static SecurityProfile Build { get; } = Default with
    {
        Name = "build",
        Summary = "for building images: eleven capabilities for package scripts, setuid programs work, more processes",
        Capabilities = ElevenCapabilities,
        NonRootCapabilities = ElevenCapabilities,
        NoNewPrivileges = false,
        Seccomp = new(SeccompAction.Fail(Errno.ENOSYS), SeccompArchitectures.X64,
            [.. OrdinarySeccomp.Groups.Replace(SyscallGroups.DenyChroot, SyscallGroups.AllowChroot)]),
        RootMountOptions = ["nodev"],
        PidsMax = 4096,
    };

    /// <summary>No separation beyond namespaces: whoever may use it is root of the host.</summary>
    public static SecurityProfile Privileged { get; } = new()
    {
        Name = "privileged",
        Summary = "root of the host: all capabilities, calls and devices",
        Capabilities = AllCapabilities,
        NonRootCapabilities = AllCapabilities,
        NoNewPrivileges = false,
        UserNamespace = false,
        WritableSysfs = true,
        WritableCgroup = true,
        AllDevices = true,
        Devices = Devices("rwm"),
    };

    /// <summary>All, the strictest first.</summary>
    public static ImmutableArray<SecurityProfile> All { get; } =
        [Sealed, Restricted, Default, Build, CompatPodman, CompatDocker, System, Privileged];

    /// <summary>The profile of that name; null for an unknown one.</summary>
    public static SecurityProfile? Find(string name) =>
        All.FirstOrDefault(profile => string.Equals(profile.Name, name, StringComparison.Ordinal));

    private static ImmutableArray<ProfileDevice> Devices(string access) =>
    [
        new("/dev/null", 1, 3, access),
        new("/dev/zero", 1, 5, access),
        new("/dev/full", 1, 7, access),
        new("/dev/random", 1, 8, access),
        new("/dev/urandom", 1, 9, access),
        new("/dev/tty", 5, 0, access),
    ];
}
