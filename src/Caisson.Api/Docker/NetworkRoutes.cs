using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

using Caisson.Api.Http;
using Caisson.Control.Listing;
using Caisson.Control.Workloads;
using Caisson.Errors;

namespace Caisson.Api.Docker;

internal sealed record NetworkBody
{
    public required string Name { get; init; }
    public required string Id { get; init; }
    public required string Created { get; init; }
    public string Scope { get; init; } = "local";
    public required string Driver { get; init; }
    public bool EnableIPv4 { get; init; } = true;
    public bool EnableIPv6 { get; init; }
    public IpamBody IPAM { get; init; } = new();
    public bool Internal { get; init; }
    public bool Attachable { get; init; }
    public bool Ingress { get; init; }
    public NetworkOriginBody ConfigFrom { get; init; } = new("");
    public bool ConfigOnly { get; init; }
    public IReadOnlyDictionary<string, NetworkContainerBody> Containers { get; init; } = new Dictionary<string, NetworkContainerBody>();
    public IReadOnlyDictionary<string, string> Options { get; init; } = new Dictionary<string, string>();
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();
}

internal sealed record NetworkOriginBody(string Network);

internal sealed record IpamBody
{
    public string Driver { get; init; } = "default";
    public IReadOnlyDictionary<string, string>? Options { get; init; }
    public IReadOnlyList<JsonElement> Config { get; init; } = [];
}

internal sealed record NetworkContainerBody
{
    public required string Name { get; init; }
    public string EndpointID { get; init; } = "";
    public string MacAddress { get; init; } = "";
    public string IPv4Address { get; init; } = "";
    public string IPv6Address { get; init; } = "";
}

internal sealed record NetworksPrunedBody(IReadOnlyList<string>? NetworksDeleted);

/// <summary>The two networks there are until the network plane comes: none and the host's. Source: Docker Engine API, "Networks".</summary>
internal sealed class NetworkRoutes(ContainerEngine engine)
{
    private static readonly (string Name, string Driver)[] Networks = [("host", "host"), ("none", "null")];

    public void AddTo(Router.Builder routes)
    {
        routes.Get("/networks", List);
        routes.Get("/networks/{id}", call => call.Json(Body(Find(call.Path("id")), withContainers: true), DockerJson.Default.NetworkBody));
        routes.Post("/networks/create", _ => throw NotYet());
        routes.Post("/networks/prune", call => call.Json(new NetworksPrunedBody(null), DockerJson.Default.NetworksPrunedBody));
        routes.Post("/networks/{id}/connect", _ => throw NotYet());
        routes.Post("/networks/{id}/disconnect", _ => throw NotYet());
        routes.Delete("/networks/{id}", call => throw new CaissonException(
            ErrorKind.PermissionDenied, $"{Find(call.Path("id")).Name} is a pre-defined network and cannot be removed"));
    }

    /// <summary>The id of a network: the same on every machine, as there is one of each.</summary>
    public static string IdOf(string name) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes("caisson network " + name)));

    private static CaissonException NotYet() =>
        new(ErrorKind.Unimplemented, "networks of one's own come with the bridge driver; none and host are there");

    private Task List(Call call)
    {
        FilterSet filters = call.Filters();
        filters.RequireKnown("dangling", "driver", "id", "label", "label!", "name", "scope", "type");
        IEnumerable<(string Name, string Driver)> found = Networks.Where(network =>
            filters.Allows("name", name => network.Name.Contains(name, StringComparison.Ordinal))
            && filters.Allows("id", id => IdOf(network.Name).StartsWith(id, StringComparison.Ordinal))
            && filters.Allows("driver", driver => driver == network.Driver)
            && filters.Allows("scope", scope => scope == "local")
            && filters.Allows("type", type => type == "builtin")
            && filters.Allows("dangling", dangling => dangling is "false" or "0")
            && filters.AllowsLabels(null));
        return call.Json([.. found.Select(network => Body(network, withContainers: false))], DockerJson.Default.IReadOnlyListNetworkBody);
    }

    private static (string Name, string Driver) Find(string reference)
    {
        foreach ((string Name, string Driver) network in Networks)
        {
            if (network.Name == reference || IdOf(network.Name).StartsWith(reference, StringComparison.Ordinal))
            {
                return network;
            }
        }
        throw new CaissonException(ErrorKind.NotFound, $"network {reference} not found");
    }

    private NetworkBody Body((string Name, string Driver) network, bool withContainers) => new()
    {
        Name = network.Name,
        Id = IdOf(network.Name),
        Created = Times.Text(null),
        Driver = network.Driver,
        Containers = withContainers
            ? engine.List()
                .Where(workload => workload.Status.IsActive && ContainerList.NetworkOf(workload.Record.HostConfig) == network.Name)
                .ToDictionary(workload => workload.Id, workload => new NetworkContainerBody { Name = workload.Record.Name })
            : new Dictionary<string, NetworkContainerBody>(),
    };
}
