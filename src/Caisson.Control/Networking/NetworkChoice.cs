using Caisson.Control.Model;
using Caisson.Errors;

namespace Caisson.Control.Networking;

/// <summary>Decides which networks a new container is to be in.</summary>
internal static class NetworkChoice
{
    /// <summary>How the mode begins that shares another container's network.</summary>
    private const string Sharing = "container:";

    /// <summary>The container whose network this one shares; null when it has its own or the host's.</summary>
    public static string? SharedWith(HostConfig host) =>
        host.NetworkMode.StartsWith(Sharing, StringComparison.Ordinal) ? host.NetworkMode[Sharing.Length..] : null;

    /// <summary>Whether a container has a network namespace of its own.</summary>
    public static bool IsOwn(HostConfig host) => host.NetworkMode != "host" && SharedWith(host) is null;

    /// <summary>The record with its networks.</summary>
    /// <param name="container">With the mode that was asked for.</param>
    /// <param name="asked">Settings by network; null for those of the mode alone.</param>
    /// <param name="networks">All there are.</param>
    /// <param name="idOf">Gives the id of the container of a name.</param>
    /// <param name="problems">Receives everything that is wrong.</param>
    /// <param name="warnings">Receives what will not be as asked.</param>
    public static ContainerRecord Complete(
        ContainerRecord container,
        IReadOnlyDictionary<string, EndpointSettings?>? asked,
        ContainerNetworks networks,
        Func<string, string> idOf,
        List<Problem> problems,
        List<string> warnings)
    {
        HostConfig host = container.HostConfig;
        string mode = host.NetworkMode;
        if (container.Config.NetworkDisabled == true || (mode == "default" && asked is null or { Count: 0 } && !Workloads.Profiles.Find(container.Profile).NetworkByDefault))
        {
            mode = "none";
        }
        if (mode == "none" || mode == "host" || SharedWith(host) is not null)
        {
            if (asked?.Keys.FirstOrDefault(name => name is not ("" or "default") && name != host.NetworkMode) is { } other)
            {
                problems.Add(new($"/NetworkingConfig/EndpointsConfig/{other}", $"a container in network mode {mode} cannot be in network {other} too"));
            }
            if (host.PortBindings is { Count: > 0 } || host.PublishAllPorts)
            {
                warnings.Add($"published ports are discarded when using {(mode is "none" or "host" ? mode : "container")} network mode");
            }
            if (host.Links is { Count: > 0 })
            {
                problems.Add(new("/HostConfig/Links", $"conflicting options: {mode} type networking can't be used with links"));
            }
            if (SharedWith(host) is { } shared)
            {
                mode = Sharing + idOf(shared);
            }
            return container with { HostConfig = host with { NetworkMode = mode } };
        }

        string first = mode == "default" ? ContainerNetworks.DefaultName : mode;
        Dictionary<string, EndpointSettings?> settings = [];
        foreach ((string name, EndpointSettings? value) in asked ?? new Dictionary<string, EndpointSettings?>())
        {
            settings[name is "" or "default" ? ContainerNetworks.DefaultName : name] = value;
        }
        List<string> names = [.. settings.Keys.OrderBy(name => name == first ? 0 : 1)];
        if (names.Count == 0)
        {
            names.Add(first);
        }
        List<NetworkAttachment> attachments = [];
        List<NetworkRecord> records = [];
        foreach (string name in names)
        {
            NetworkRecord network = networks.Find(name);
            if (!ContainerNetworks.IsConnectable(network))
            {
                problems.Add(new($"/NetworkingConfig/EndpointsConfig/{name}", $"a container cannot be in network {name} and in others"));
            }
            else if (records.TrueForAll(other => other.Id != network.Id))
            {
                attachments.Add(EndpointRequest.Read(network, settings.GetValueOrDefault(name), idOf, $"/NetworkingConfig/EndpointsConfig/{name}", problems));
                records.Add(network);
            }
        }
        if ((host.PortBindings is { Count: > 0 } || host.PublishAllPorts) && !records.Exists(ContainerNetworks.CanPublish))
        {
            warnings.Add($"published ports are discarded: nothing outside reaches network {records.FirstOrDefault()?.Name}");
        }
        if (host.Links is { Count: > 0 } && attachments.Count > 0)
        {
            Dictionary<string, string> links = new(attachments[0].Links);
            foreach ((string alias, string id) in EndpointRequest.ReadLinks(host.Links, idOf, "/HostConfig/Links", problems))
            {
                links.TryAdd(alias, id);
            }
            attachments[0] = attachments[0] with { Links = links };
        }
        return container with { Networks = attachments };
    }
}
