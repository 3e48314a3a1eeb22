using System.Text.Json.Serialization;

using Caisson.Api.Http;
using Caisson.Control.Access;
using Caisson.Control.Listing;
using Caisson.Control.Model;
using Caisson.Control.Networking;
using Caisson.Control.Workloads;

namespace Caisson.Api.Docker;

internal sealed record NetworkBody
{
    public required string Name { get; init; }
    public required string Id { get; init; }
    public required string Created { get; init; }
    public string Scope { get; init; } = "local";
    public required string Driver { get; init; }
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? EnableIPv4 { get; init; }

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
    public IReadOnlyList<IpamPoolBody> Config { get; init; } = [];
}

internal sealed record IpamPoolBody
{
    public required string Subnet { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? IPRange { get; init; }

    public required string Gateway { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, string>? AuxiliaryAddresses { get; init; }
}

internal sealed record NetworkContainerBody
{
    public required string Name { get; init; }
    public string EndpointID { get; init; } = "";
    public string MacAddress { get; init; } = "";
    public string IPv4Address { get; init; } = "";
    public string IPv6Address { get; init; } = "";
}

internal sealed record NetworkCreatedBody(string Id, string Warning);

internal sealed record NetworksPrunedBody(IReadOnlyList<string>? NetworksDeleted);

/// <summary>Networks. Source: Docker Engine API, "Networks".</summary>
internal sealed class NetworkRoutes(EngineServices services, ContainerEngine engine)
{
    private readonly NetworkList _list = new(engine);

    public void AddTo(Router.Builder routes)
    {
        routes.Get("/networks", Need.To("list", "networks"), List);
        routes.Get("/networks/{id}", Need.To("get", "networks"), call => call.Json(Body(services.Networks.Find(call.Path("id")), withContainers: true, call.Version), DockerJson.Default.NetworkBody));
        routes.Post("/networks/create", Need.To("create", "networks"), Create);
        routes.Post("/networks/prune", Need.To("delete", "networks"), Prune);
        routes.Post("/networks/{id}/connect", Need.To("update", "networks"), Connect);
        routes.Post("/networks/{id}/disconnect", Need.To("update", "networks"), Disconnect);
        routes.Delete("/networks/{id}", Need.To("delete", "networks"), Remove);
    }

    private Task List(Call call) => call.Json(
        [.. _list.List(call.Filters()).Select(network => Body(network, withContainers: call.Version < new ApiVersion(1, 28), call.Version))], DockerJson.Default.IReadOnlyListNetworkBody);

    private async Task Create(Call call)
    {
        NetworkCreate asked = await call.ReadAsync(DockerJson.Default.NetworkCreate);
        call.Guard.Require(HostRights.Network.Of(asked), null);
        NetworkRecord network = services.Networks.Create(asked);
        await call.Json(new NetworkCreatedBody(network.Id, ""), DockerJson.Default.NetworkCreatedBody, 201);
    }

    private async Task Connect(Call call)
    {
        NetworkConnect asked = await call.ReadAsync(DockerJson.Default.NetworkConnect);
        NetworkRecord network = services.Networks.Find(call.Path("id"));
        Workload container = engine.Find(asked.Container);
        await (asked.ReplaceAliases
            ? container.ReplaceAliasesAsync(network.Id, asked.EndpointConfig, call.Gone)
            : container.ConnectAsync(network.Id, asked.EndpointConfig, call.Gone));
        await call.Empty(200);
    }

    private async Task Disconnect(Call call)
    {
        NetworkConnect asked = await call.ReadAsync(DockerJson.Default.NetworkConnect);
        await engine.Find(asked.Container).DisconnectAsync(call.Path("id"), call.Gone);
        await call.Empty(200);
    }

    private Task Remove(Call call)
    {
        services.Networks.Remove(call.Path("id"));
        return call.Empty();
    }

    private Task Prune(Call call)
    {
        FilterSet filters = call.Filters();
        DateTimeOffset? until = filters.Has("until") ? Times.Parse(filters["until"][0], "until", services.Time.GetUtcNow()) : null;
        return call.Json(new NetworksPrunedBody(_list.Prune(filters, until)), DockerJson.Default.NetworksPrunedBody);
    }

    private NetworkBody Body(NetworkRecord network, bool withContainers, ApiVersion version) => new()
    {
        EnableIPv4 = version < new ApiVersion(1, 47) ? null : true,
        Name = network.Name,
        Id = network.Id,
        Created = Times.Text(network.Created),
        Driver = network.Driver,
        EnableIPv6 = network.IPv6,
        IPAM = new()
        {
            Config =
            [
                .. network.Subnets.Select(subnet => new IpamPoolBody
                {
                    Subnet = subnet.Subnet,
                    IPRange = subnet.Range.Length > 0 ? subnet.Range : null,
                    Gateway = subnet.Gateway,
                    AuxiliaryAddresses = subnet.Reserved.Count > 0 ? subnet.Reserved : null,
                }),
            ],
        },
        Internal = network.Internal,
        Attachable = network.Attachable,
        Containers = withContainers ? Containers(network) : new Dictionary<string, NetworkContainerBody>(),
        Options = network.Options,
        Labels = network.Labels,
    };

    private Dictionary<string, NetworkContainerBody> Containers(NetworkRecord network) => ContainerNetworks.IsConnectable(network)
        ? services.Networks.EndpointsOf(network.Id).ToDictionary(endpoint => endpoint.ContainerId, endpoint => new NetworkContainerBody
        {
            Name = endpoint.Name,
            EndpointID = endpoint.Id,
            MacAddress = endpoint.HardwareAddress,
            IPv4Address = Address(endpoint.IPv4, EndpointBodies.PrefixOf(network, isIPv6: false)),
            IPv6Address = Address(endpoint.IPv6, EndpointBodies.PrefixOf(network, isIPv6: true)),
        })
        : engine.List()
            .Where(workload => workload.Status.IsActive && workload.Record.HostConfig.NetworkMode == network.Name)
            .ToDictionary(workload => workload.Id, workload => new NetworkContainerBody { Name = workload.Record.Name });

    private static string Address(string address, int prefix) =>
        address.Length == 0 ? "" : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{address}/{prefix}");
}
