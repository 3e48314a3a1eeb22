using System.Collections.Immutable;
using Caisson.Oci.Runtime;

namespace Caisson.Containers.Documents;

/// <summary>The document that <c>spec</c> writes: a shell in <c>rootfs</c>, as runc's is.</summary>
public static class DefaultSpec
{
    private static readonly ImmutableArray<string> Granted = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

    /// <summary>The document for root.</summary>
    /// <param name="isCgroupV2">The host has cgroup v2 alone, where a cgroup namespace is the custom.</param>
    public static RuntimeSpec Create(bool isCgroupV2) => new()
    {
        OciVersion = RuntimeSpec.VersionMax,
        Process = new Process
        {
            Terminal = true,
            Args = ["sh"],
            Env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
            Cwd = "/",
            Capabilities = new Capabilities { Bounding = Granted, Effective = Granted, Permitted = Granted },
            Rlimits = [new Rlimit(RlimitType.Nofile, Soft: 1024, Hard: 1024)],
            NoNewPrivileges = true,
        },
        Root = new Root { Path = "rootfs", Readonly = true },
        Hostname = "caisson",
        Mounts =
        [
            Mounted("/proc", "proc", "proc"),
            Mounted("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
            Mounted("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
            Mounted("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
            Mounted("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
            Mounted("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
            Mounted("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro"),
        ],
        Linux = new LinuxConfig
        {
            Resources = new LinuxResources { Devices = [new LinuxDeviceCgroup { Allow = false, Access = "rwm" }] },
            Namespaces =
            [
                new LinuxNamespace(NamespaceType.Pid),
                new LinuxNamespace(NamespaceType.Network),
                new LinuxNamespace(NamespaceType.Ipc),
                new LinuxNamespace(NamespaceType.Uts),
                new LinuxNamespace(NamespaceType.Mount),
                .. isCgroupV2 ? [new LinuxNamespace(NamespaceType.Cgroup)] : ImmutableArray<LinuxNamespace>.Empty,
            ],
            MaskedPaths =
            [
                "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
                "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
            ],
            ReadonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    };

    /// <summary>
    /// The document for somebody who is not root: a user namespace in which they are root and nobody else exists, the host's network, <c>/sys</c>
    /// bound from the host, no ids in mount options, no limits.
    /// </summary>
    /// <param name="isCgroupV2">As for <see cref="Create"/>.</param>
    /// <param name="uid">The caller's user id.</param>
    /// <param name="gid">The caller's group id.</param>
    public static RuntimeSpec CreateRootless(bool isCgroupV2, uint uid, uint gid)
    {
        RuntimeSpec spec = Create(isCgroupV2);
        return spec with
        {
            Mounts = [.. spec.Mounts.Select(WithoutPrivileges)],
            Linux = spec.Linux! with
            {
                Resources = null,
                Namespaces =
                [
                    .. spec.Linux.Namespaces.Where(entry => entry.Type != NamespaceType.Network),
                    new LinuxNamespace(NamespaceType.User),
                ],
                UidMappings = [new IdMapping(ContainerId: 0, HostId: uid, Size: 1)],
                GidMappings = [new IdMapping(ContainerId: 0, HostId: gid, Size: 1)],
            },
        };
    }

    private static Mount WithoutPrivileges(Mount mount) => mount.Destination == "/sys"
        ? Mounted("/sys", "none", "/sys", "rbind", "nosuid", "noexec", "nodev", "ro")
        : mount with
        {
            Options =
            [
                .. mount.Options.Where(option =>
                    !option.StartsWith("gid=", StringComparison.Ordinal) && !option.StartsWith("uid=", StringComparison.Ordinal)),
            ],
        };

    private static Mount Mounted(string destination, string type, string source, params ImmutableArray<string> options) =>
        new() { Destination = destination, Type = type, Source = source, Options = options };
}
