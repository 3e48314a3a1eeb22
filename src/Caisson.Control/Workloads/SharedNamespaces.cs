using Caisson.Control.Model;
using Caisson.Errors;

namespace Caisson.Control.Workloads;

/// <summary>Which namespaces of other containers a container joins, beside the network: processes, IPC, host name.</summary>
/// <remarks>
/// Of another's processes and IPC objects only who is in the same user namespace can be master, so the user namespace, with its ids, is
/// joined as well. Pure. Source: Docker Engine API, "HostConfig"; user_namespaces(7).
/// </remarks>
internal static class SharedNamespaces
{
    private const string Sharing = "container:";

    /// <summary>The container that a mode names; null when it names none.</summary>
    public static string? SharedWith(string mode) => mode.StartsWith(Sharing, StringComparison.Ordinal) ? mode[Sharing.Length..] : null;

    /// <summary>The container whose user namespace is joined; null for one of its own or none.</summary>
    public static string? UsersOf(HostConfig host) => SharedWith(host.PidMode) ?? SharedWith(host.IpcMode);

    /// <summary>Checks a mode: empty, one of <paramref name="known"/>, or another container's.</summary>
    public static bool IsKnown(string mode, params ReadOnlySpan<string> known) => mode.Length == 0 || known.Contains(mode) || SharedWith(mode) is { Length: > 0 };

    /// <summary>The record with ids for names, and the ids of whoever it shares with.</summary>
    /// <param name="container">With the modes that were asked for.</param>
    /// <param name="find">Gives the record of the container of a name.</param>
    /// <param name="hasOwnIds">Whether its profile gives it ids of its own.</param>
    /// <param name="problems">Receives what is wrong.</param>
    public static ContainerRecord Complete(ContainerRecord container, Func<string, ContainerRecord> find, bool hasOwnIds, List<Problem> problems)
    {
        HostConfig host = container.HostConfig;
        ContainerRecord? pid = Find(host.PidMode);
        ContainerRecord? ipc = Find(host.IpcMode);
        ContainerRecord? uts = Find(host.UTSMode);
        if (pid is null && ipc is null && uts is null)
        {
            return container;
        }
        if (pid is not null && ipc is not null && pid.IdBlock != ipc.IdBlock)
        {
            problems.Add(new("/HostConfig/IpcMode", $"containers {pid.Name} and {ipc.Name} have different ids, so nobody can share processes with one and IPC with the other"));
        }
        if (ipc is not null && ipc.HostConfig.IpcMode is not ("shareable" or "host") && SharedWith(ipc.HostConfig.IpcMode) is null)
        {
            problems.Add(new("/HostConfig/IpcMode", $"container {ipc.Name} does not share its IPC; create it with --ipc shareable"));
        }
        ContainerRecord? users = pid ?? ipc;
        if (users is { IdBlock: null } && hasOwnIds)
        {
            problems.Add(new("/HostConfig/UsernsMode", $"container {users.Name} has the ids of the host, and so must this one have: give --userns host"));
        }
        return container with
        {
            IdBlock = users is not null && hasOwnIds ? users.IdBlock : container.IdBlock,
            HostConfig = host with { PidMode = Mode(host.PidMode, pid), IpcMode = Mode(host.IpcMode, ipc), UTSMode = Mode(host.UTSMode, uts) },
        };

        ContainerRecord? Find(string mode) => SharedWith(mode) is { } name ? find(name) : null;

        static string Mode(string mode, ContainerRecord? other) => other is null ? mode : Sharing + other.Id;
    }
}
