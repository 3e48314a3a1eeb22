using System.Globalization;
using Caisson.Linux;

namespace Caisson.Containers.Launch;

/// <summary>In which kinds of namespaces a process is elsewhere than this one.</summary>
public static class NamespaceDifference
{
    private static readonly NamespaceKind[] Kinds =
    [
        NamespaceKind.User, NamespaceKind.Ipc, NamespaceKind.Uts, NamespaceKind.Network, NamespaceKind.Pid, NamespaceKind.Mount,
        NamespaceKind.Cgroup, NamespaceKind.Time,
    ];

    /// <summary>Compares the process <paramref name="pid"/>, which the caller keeps from being reaped, with the calling process.</summary>
    /// <exception cref="LinuxException"><see cref="Errno.ESRCH"/>: there is no such process.</exception>
    public static NamespaceKind Of(int pid)
    {
        NamespaceKind different = 0;
        foreach (NamespaceKind kind in Kinds)
        {
            string file = string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/ns/{kind.ProcName()}");
            string? own = new FileInfo($"/proc/self/ns/{kind.ProcName()}").LinkTarget;
            string? theirs = new FileInfo(file).LinkTarget;
            if (own is not null && theirs is null)
            {
                throw new LinuxException("readlink", Errno.ESRCH, file);
            }
            different |= own == theirs ? 0 : kind;
        }
        return different;
    }
}
