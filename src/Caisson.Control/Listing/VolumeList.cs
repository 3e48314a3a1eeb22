using Caisson.Control.Model;
using Caisson.Control.Volumes;
using Caisson.Errors;

namespace Caisson.Control.Listing;

/// <summary>Lists volumes as <c>docker volume ls</c> does. Source: Docker Engine API, "List volumes", "Delete unused volumes".</summary>
public sealed class VolumeList(ContainerVolumes volumes)
{
    /// <summary>The volumes that <paramref name="filters"/> allow, by name.</summary>
    public IReadOnlyList<VolumeRecord> List(FilterSet filters)
    {
        filters.RequireKnown("dangling", "driver", "label", "label!", "name");
        return
        [
            .. volumes.List().Where(volume =>
                filters.Allows("name", name => volume.Name.Contains(name, StringComparison.Ordinal))
                && filters.Allows("driver", driver => driver == ContainerVolumes.Driver)
                && filters.Allows("dangling", dangling => Truth("dangling", dangling) == (volumes.OwnersOf(volume.Name).Count == 0))
                && filters.AllowsLabels(volume.Labels)),
        ];
    }

    /// <summary>Removes volumes that no container has, not even one that does not run. One with snapshots stays: somebody meant to keep it.</summary>
    /// <param name="filters"><c>label</c>, <c>label!</c>, and <c>all</c>: also volumes that somebody named.</param>
    /// <param name="includeNamed">What no <c>all</c> means: before version 1.42 of the API, named volumes went, too.</param>
    /// <returns>Names of what was removed and bytes freed.</returns>
    public (IReadOnlyList<string> Removed, long Bytes) Prune(FilterSet filters, bool includeNamed)
    {
        filters.RequireKnown("all", "label", "label!");
        bool all = filters.Has("all") ? filters["all"].Any(value => Truth("all", value)) : includeNamed;
        List<string> removed = [];
        long bytes = 0;
        foreach (VolumeRecord volume in volumes.List())
        {
            if ((!all && !volume.IsAnonymous) || volume.Snapshots.Count > 0 || volumes.OwnersOf(volume.Name).Count > 0 || !filters.AllowsLabels(volume.Labels))
            {
                continue;
            }
            try
            {
                long size = volumes.Measure(volume) ?? 0;
                if (volumes.Remove(volume.Name, force: true))
                {
                    removed.Add(volume.Name);
                    bytes += size;
                }
            }
            catch (CaissonException error) when (error.Kind is ErrorKind.Conflict)
            {
                // A container took it meanwhile.
            }
        }
        return (removed, bytes);
    }

    private static bool Truth(string name, string value) => value.ToLowerInvariant() switch
    {
        "true" or "1" or "t" => true,
        "false" or "0" or "f" => false,
        _ => throw new CaissonException(ErrorKind.InvalidArgument, $"invalid filter '{name}={value}'; it is true or false"),
    };
}
