using Caisson.Oci.Runtime;

namespace Caisson.Containers.Documents;

/// <summary>The document that <c>features</c> prints: what this runtime understands, whatever the host can do.</summary>
public static class RuntimeFeatures
{
    /// <summary>The specification's mount options that are the kernel's or the runtime's own, in order; every other one is the filesystem's.</summary>
    public static ReadOnlySpan<string> MountOptions => KnownMountOptions;

    private static readonly string[] KnownMountOptions =
    [
        "async", "atime", "bind", "defaults", "dev", "diratime", "dirsync", "exec", "idmap", "iversion", "lazytime", "loud", "mand", "noatime",
        "nodev", "nodiratime", "noexec", "noiversion", "nolazytime", "nomand", "norelatime", "nostrictatime", "nosuid", "nosymfollow",
        "private", "ratime", "rbind", "rdev", "rdiratime", "relatime", "remount", "rexec", "ridmap", "rnoatime", "rnodev", "rnodiratime",
        "rnoexec", "rnorelatime", "rnostrictatime", "rnosuid", "rnosymfollow", "ro", "rprivate", "rrelatime", "rro", "rrw", "rshared",
        "rslave", "rstrictatime", "rsuid", "rsymfollow", "runbindable", "rw", "shared", "silent", "slave", "strictatime", "suid", "symfollow",
        "sync", "tmpcopyup", "unbindable",
    ];

    /// <summary>Describes this runtime.</summary>
    /// <param name="version">The runtime's version, for the annotations.</param>
    /// <param name="seccomp">What the filter compiler understands.</param>
    public static Features Describe(string version, SeccompFeatures seccomp) => new()
    {
        OciVersionMin = "1.0.0",
        OciVersionMax = RuntimeSpec.VersionMax,
        Hooks = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"],
        MountOptions = [.. KnownMountOptions],
        Linux = new LinuxFeatures
        {
            Namespaces = [.. Enum.GetValues<NamespaceType>().Select(RuntimeSpecJson.NameOf).Order(StringComparer.Ordinal)],
            Capabilities = [.. Capabilities.Known],
            Cgroup = new CgroupFeatures(V1: true, V2: true, Systemd: false, SystemdUser: false, Rdma: true),
            Seccomp = seccomp,
            Apparmor = true,
            Selinux = true,
            IntelRdt = false,
            MemoryPolicyModes =
            [
                "MPOL_BIND", "MPOL_DEFAULT", "MPOL_INTERLEAVE", "MPOL_LOCAL", "MPOL_PREFERRED", "MPOL_PREFERRED_MANY",
                "MPOL_WEIGHTED_INTERLEAVE",
            ],
            MemoryPolicyFlags = ["MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"],
            IdMappedMounts = true,
            NetDevices = false,
        },
        Annotations = new Dictionary<string, string> { ["org.caisson.runtime.version"] = version },
        PotentiallyUnsafeConfigAnnotations = [],
    };
}
