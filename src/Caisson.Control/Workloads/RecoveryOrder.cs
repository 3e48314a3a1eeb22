using Caisson.Control.Model;
using Caisson.Control.Networking;

namespace Caisson.Control.Workloads;

/// <summary>In which order containers are taken over and started again. Pure.</summary>
internal static class RecoveryOrder
{
    /// <summary>Whom others need comes before them; of the rest who was started first, and then who was made first, comes first.</summary>
    /// <param name="containers">In any order; a circle among them is cut somewhere.</param>
    public static IReadOnlyList<Workload> Sort(IEnumerable<Workload> containers)
    {
        List<Workload> waiting = [.. containers.OrderBy(workload => workload.Status.StartOrder).ThenBy(workload => workload.Record.Created)];
        Dictionary<string, Workload> byName = [];
        foreach (Workload workload in waiting)
        {
            byName[workload.Record.Name] = workload;
            byName[workload.Id] = workload;
        }
        List<Workload> sorted = [];
        HashSet<Workload> seen = [];
        waiting.ForEach(Add);
        return sorted;

        void Add(Workload workload)
        {
            if (!seen.Add(workload))
            {
                return;
            }
            foreach (string needed in NeededBy(workload.Record.HostConfig))
            {
                if (byName.TryGetValue(needed, out Workload? other))
                {
                    Add(other);
                }
            }
            sorted.Add(workload);
        }
    }

    /// <summary>Ids and names of the containers without which one with this configuration cannot start.</summary>
    public static IEnumerable<string> NeededBy(HostConfig host) =>
    [
        .. ((string?[])[
            NetworkChoice.SharedWith(host), SharedNamespaces.SharedWith(host.PidMode), SharedNamespaces.SharedWith(host.IpcMode), SharedNamespaces.SharedWith(host.UTSMode),
        ]).OfType<string>(),
        .. (host.VolumesFrom ?? []).Select(from => from.Split(':')[0]),
        .. (host.Links ?? []).Select(link => link.Split(':')[0].TrimStart('/')),
    ];
}
