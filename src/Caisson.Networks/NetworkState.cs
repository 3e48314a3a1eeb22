using Caisson.Networks.Addresses;
using Caisson.Networks.Names;

namespace Caisson.Networks;

/// <summary>A network that lives.</summary>
internal sealed class NetworkState(NetworkConfig config)
{
    internal NetworkConfig Config { get; } = config;

    internal NameTable Names { get; } = new(config.Name);

    internal Dictionary<string, EndpointState> Endpoints { get; } = [];

    private readonly AddressSpace[] _spaces = [.. config.Subnets.Select(subnet => Space(subnet, config.Name))];

    /// <summary>The addresses of that family; null when the network has none.</summary>
    internal AddressSpace? Space(bool isIPv6) => Array.Find(_spaces, space => space.Subnet.First.IsIPv6 == isIPv6);

    private static AddressSpace Space(SubnetConfig subnet, string name)
    {
        var space = new AddressSpace(subnet.Subnet, subnet.Range);
        foreach (var reserved in subnet.Reserved)
        {
            space.Take(reserved.Address, $"{reserved.Name}, for which network {name} keeps it,");
        }
        space.Take(subnet.Gateway!.Value, $"the gateway of network {name}");
        return space;
    }
}

/// <summary>An endpoint that lives.</summary>
internal sealed class EndpointState(EndpointConfig config)
{
    internal EndpointConfig Config { get; set; } = config;
}
