using System.Collections.Immutable;

namespace Caisson.Oci.Runtime;

/// <summary>The five capability sets of a process, by name, such as <c>CAP_CHOWN</c>. Source: config.md; capabilities(7).</summary>
/// <remarks>Names the kernel does not know are kept here, warned about by the rules and left out of a mask, as runc does.</remarks>
public sealed record Capabilities
{
    private static readonly string[] Names =
    [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
        "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW",
        "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
        "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD",
        "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG",
        "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
    ];

    /// <summary>All names known here; the index is the kernel's number.</summary>
    public static ReadOnlySpan<string> Known => Names;

    /// <summary>What execve(2) can ever give.</summary>
    public ImmutableArray<string> Bounding { get; init; } = [];

    /// <summary>What the kernel checks.</summary>
    public ImmutableArray<string> Effective { get; init; } = [];

    /// <summary>What files with inheritable capabilities can give.</summary>
    public ImmutableArray<string> Inheritable { get; init; } = [];

    /// <summary>What the process may make effective.</summary>
    public ImmutableArray<string> Permitted { get; init; } = [];

    /// <summary>What survives execve(2) of an ordinary file.</summary>
    public ImmutableArray<string> Ambient { get; init; } = [];

    /// <summary>The kernel's number of <paramref name="name"/>; -1 when it is unknown.</summary>
    public static int NumberOf(string name) => Array.IndexOf(Names, name);

    /// <summary>The set as the kernel has it, bit <c>n</c> for capability number <c>n</c>; unknown names are left out.</summary>
    public static ulong Mask(ImmutableArray<string> names)
    {
        ulong mask = 0;
        foreach (string name in names)
        {
            if (NumberOf(name) is >= 0 and int number)
            {
                mask |= 1ul << number;
            }
        }
        return mask;
    }
}
