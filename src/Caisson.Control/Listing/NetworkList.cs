using Caisson.Control.Model;
using Caisson.Control.Networking;
using Caisson.Control.Workloads;
using Caisson.Errors;

namespace Caisson.Control.Listing;

/// <summary>Lists networks as <c>docker network ls</c> does. Source: Docker Engine API, "List networks", "Delete unused networks".</summary>
public sealed class NetworkList(ContainerEngine engine)
{
    private ContainerNetworks Networks => engine.Services.Networks;

    /// <summary>The networks that <paramref name="filters"/> allow.</summary>
    public IReadOnlyList<NetworkRecord> List(FilterSet filters)
    {
        filters.RequireKnown("dangling", "driver", "id", "label", "label!", "name", "scope", "type");
        foreach (string type in filters["type"])
        {
            if (type is not ("builtin" or "custom"))
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"invalid filter: 'type'='{type}'");
            }
        }
        HashSet<string> used = Used();
        return
        [
            .. Networks.List().Where(network =>
                filters.Allows("name", name => network.Name.Contains(name, StringComparison.Ordinal))
                && filters.Allows("id", id => network.Id.StartsWith(id, StringComparison.Ordinal))
                && filters.Allows("driver", driver => driver == network.Driver)
                && filters.Allows("scope", scope => scope == "local")
                && filters.Allows("type", type => type == (ContainerNetworks.IsPredefined(network) ? "builtin" : "custom"))
                && filters.Allows("dangling", dangling => (dangling is "true" or "1") == (!ContainerNetworks.IsPredefined(network) && !used.Contains(network.Id)))
                && filters.AllowsLabels(network.Labels)),
        ];
    }

    /// <summary>Removes networks that no container is in, not even one that does not run.</summary>
    /// <param name="filters"><c>until</c> is parsed by the caller; <c>label</c> and <c>label!</c> hold here.</param>
    /// <param name="until">Only those made before; null for all.</param>
    /// <returns>Names of what was removed.</returns>
    public IReadOnlyList<string> Prune(FilterSet filters, DateTimeOffset? until)
    {
        filters.RequireKnown("until", "label", "label!");
        HashSet<string> used = Used();
        List<string> removed = [];
        foreach (NetworkRecord network in Networks.List())
        {
            if (ContainerNetworks.IsPredefined(network) || used.Contains(network.Id)
                || (until is { } limit && network.Created >= limit) || !filters.AllowsLabels(network.Labels))
            {
                continue;
            }
            try
            {
                Networks.Remove(network.Id);
                removed.Add(network.Name);
            }
            catch (CaissonException error) when (error.Kind is ErrorKind.PermissionDenied or ErrorKind.NotFound)
            {
                // Somebody was connected to it or removed it meanwhile.
            }
        }
        return removed;
    }

    private HashSet<string> Used() => [.. engine.List().SelectMany(workload => workload.Record.Networks).Select(attachment => attachment.NetworkId)];
}
