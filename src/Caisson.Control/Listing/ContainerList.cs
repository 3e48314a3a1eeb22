using System.Globalization;

using Caisson.Control.Model;
using Caisson.Control.Workloads;
using Caisson.Errors;

namespace Caisson.Control.Listing;

/// <summary>Lists containers as <c>docker ps</c> does. Source: Docker Engine API, "List containers", "Delete stopped containers".</summary>
public sealed class ContainerList(ContainerEngine engine)
{
    private static readonly string[] States = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];

    /// <summary>The containers that <paramref name="filters"/> allow, newest first.</summary>
    /// <param name="all">Also those that do not run.</param>
    /// <param name="limit">At most so many, and then of all; null or 0 for no limit.</param>
    /// <param name="filters">What must hold.</param>
    public IReadOnlyList<Workload> List(bool all, int? limit, FilterSet filters)
    {
        filters.RequireKnown(
            "ancestor", "before", "expose", "exited", "health", "id", "isolation", "is-task", "label", "label!", "name", "network", "publish",
            "since", "status", "volume");
        foreach (string status in filters["status"])
        {
            if (!States.Contains(status))
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"invalid filter 'status={status}'");
            }
        }
        foreach (string code in filters["exited"])
        {
            if (!int.TryParse(code, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _))
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"invalid filter 'exited={code}': an exit code is a whole number");
            }
        }
        // Naming a state, an exit code or a count asks beyond what runs.
        bool every = all || limit > 0 || filters.Has("status") || filters.Has("exited") || filters.Has("before") || filters.Has("since");
        DateTimeOffset? before = Created(filters["before"]);
        DateTimeOffset? since = Created(filters["since"]);
        HashSet<string> ancestors = [.. filters["ancestor"].SelectMany(ImageIds)];
        IEnumerable<Workload> found = engine.List().Where(workload =>
            (every || workload.Status.IsActive)
            && (before is null || workload.Record.Created < before)
            && (since is null || workload.Record.Created > since)
            && filters.Allows("ancestor", _ => ancestors.Contains(workload.Record.ImageId))
            && (filters.IsEmpty || Matches(workload.Record, workload.Status, filters)));
        return [.. limit > 0 ? found.Take(limit.Value) : found];
    }

    /// <summary>Removes containers that do not run.</summary>
    /// <param name="filters"><c>until</c> is parsed by the caller; <c>label</c> and <c>label!</c> hold here.</param>
    /// <param name="until">Only those made before; null for all.</param>
    /// <param name="cancellationToken">Stops between two containers.</param>
    /// <returns>Ids of what was removed and bytes freed.</returns>
    public async Task<(IReadOnlyList<string> Removed, long Bytes)> PruneAsync(FilterSet filters, DateTimeOffset? until, CancellationToken cancellationToken)
    {
        filters.RequireKnown("until", "label", "label!");
        List<string> removed = [];
        long bytes = 0;
        foreach (Workload workload in engine.List())
        {
            if (workload.Status.IsActive || (until is { } limit && workload.Record.Created >= limit) || !filters.AllowsLabels(workload.Record.Config.Labels))
            {
                continue;
            }
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                long size = workload.Measure().Bytes;
                await workload.RemoveAsync(force: false, volumes: false, cancellationToken);
                removed.Add(workload.Id);
                bytes += size;
            }
            catch (CaissonException error) when (error.Kind is ErrorKind.Conflict or ErrorKind.NotFound)
            {
                // It was started or removed meanwhile.
            }
        }
        return (removed, bytes);
    }

    /// <summary>What a state is called in lists.</summary>
    public static string StateOf(ContainerStatus status) => status.Phase switch
    {
        ContainerPhase.Created => "created",
        ContainerPhase.Running => "running",
        ContainerPhase.Paused => "paused",
        ContainerPhase.Restarting => "restarting",
        ContainerPhase.Removing => "removing",
        _ => "exited",
    };

    private static bool Matches(ContainerRecord record, ContainerStatus status, FilterSet filters) =>
        filters.Allows("id", id => record.Id.StartsWith(id, StringComparison.Ordinal))
        && filters.Allows("name", name => NameMatches(record.Name, name))
        && filters.Allows("status", state => state == StateOf(status))
        && filters.Allows("exited", code => status.Phase == ContainerPhase.Exited && status.ExitCode.ToString(CultureInfo.InvariantCulture) == code)
        && filters.Allows("health", health => health == (status.Health?.Word ?? "none"))
        && filters.Allows("network", network => IsIn(record, network))
        && filters.Allows("volume", volume => HasVolume(record, volume))
        && filters.Allows("expose", port => (record.Config.ExposedPorts ?? []).Any(exposed => PortMatches(exposed, port)))
        && filters.Allows("publish", port => status.Endpoints.SelectMany(endpoint => endpoint.Ports).Any(published => Publishes(published, port)))
        && filters.Allows("is-task", task => task is "false" or "0")
        && filters.Allows("isolation", isolation => isolation is "default" or "")
        && filters.AllowsLabels(record.Config.Labels);

    /// <summary>Whether a container is in the network of a name or id.</summary>
    private static bool IsIn(ContainerRecord record, string network) => record.Networks.Count == 0
        ? record.HostConfig.NetworkMode == network
        : record.Networks.Any(attachment => attachment.NetworkName == network || attachment.NetworkId.StartsWith(network, StringComparison.Ordinal));

    /// <summary>Whether the container's port <paramref name="wanted"/>, <c>80</c> or <c>80/tcp</c>, is among the published ones.</summary>
    private static bool Publishes(EndpointPort published, string wanted) =>
        Networking.PortRequest.TryReadPort(wanted, out Linux.TransportProtocol protocol, out ushort port)
        && protocol.ToString().Equals(published.Protocol, StringComparison.OrdinalIgnoreCase)
        && port >= published.ContainerPort && port < published.ContainerPort + published.Count;

    /// <summary>Part of the name, with <c>^</c> and <c>$</c> for its ends and an optional slash in front.</summary>
    private static bool NameMatches(string name, string pattern)
    {
        bool fromStart = pattern.StartsWith('^');
        bool toEnd = pattern.EndsWith('$');
        string text = pattern.TrimStart('^').TrimEnd('$').TrimStart('/');
        return (fromStart, toEnd) switch
        {
            (true, true) => name == text,
            (true, false) => name.StartsWith(text, StringComparison.Ordinal),
            (false, true) => name.EndsWith(text, StringComparison.Ordinal),
            _ => name.Contains(text, StringComparison.Ordinal),
        };
    }

    private static bool HasVolume(ContainerRecord record, string volume) =>
        record.AllMounts.Any(mount => mount.Source == volume || mount.Volume == volume || mount.Target == volume);

    private static bool PortMatches(string exposed, string wanted) => exposed == wanted || exposed == wanted + "/tcp";

    private DateTimeOffset? Created(IReadOnlyList<string> references) => references.Count > 0 ? engine.Find(references[0]).Record.Created : null;

    private IEnumerable<string> ImageIds(string reference) =>
        engine.Services.Images.TryResolve(reference) is { } image ? [image.Id.ToString()] : [];
}
