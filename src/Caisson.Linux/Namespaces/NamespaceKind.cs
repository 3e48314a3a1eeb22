using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>The kinds of namespaces; values are the kernel's clone flags. Source: namespaces(7).</summary>
[Flags]
public enum NamespaceKind
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Mount points.</summary>
    Mount = CLONE_NEWNS,

    /// <summary>The cgroup root that is seen.</summary>
    Cgroup = CLONE_NEWCGROUP,

    /// <summary>Host and domain name.</summary>
    Uts = CLONE_NEWUTS,

    /// <summary>System V and POSIX message queues.</summary>
    Ipc = CLONE_NEWIPC,

    /// <summary>User and group ids, capabilities.</summary>
    User = CLONE_NEWUSER,

    /// <summary>Process ids.</summary>
    Pid = CLONE_NEWPID,

    /// <summary>Network devices, addresses, routes, ports.</summary>
    Network = CLONE_NEWNET,

    /// <summary>Offsets of the monotonic and boot clocks.</summary>
    Time = CLONE_NEWTIME,
}

/// <summary>What the kinds are called elsewhere.</summary>
public static class NamespaceKinds
{
    /// <summary>The name below <c>/proc/PID/ns</c>. Source: namespaces(7).</summary>
    public static string ProcName(this NamespaceKind kind) => kind switch
    {
        NamespaceKind.Mount => "mnt",
        NamespaceKind.Cgroup => "cgroup",
        NamespaceKind.Uts => "uts",
        NamespaceKind.Ipc => "ipc",
        NamespaceKind.User => "user",
        NamespaceKind.Pid => "pid",
        NamespaceKind.Network => "net",
        NamespaceKind.Time => "time",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "one kind is needed"),
    };
}
