using System.Collections.Immutable;
using Caisson.Errors;

namespace Caisson.Networks;

public sealed partial class NetworkPlane
{
    /// <summary>Changes the names that a connected container has in a network, at once; its addresses and connections stay.</summary>
    /// <param name="networkId">Of the network.</param>
    /// <param name="endpointId">Of the endpoint.</param>
    /// <param name="name">What the container is called.</param>
    /// <param name="aliases">All further names it has from now on.</param>
    /// <returns>The endpoint with its new names.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: no such network or endpoint.</exception>
    public EndpointConfig Rename(string networkId, string endpointId, string name, ImmutableArray<string> aliases)
    {
        lock (_lock)
        {
            var network = Find(networkId);
            var state = Find(network, endpointId);
            state.Config = state.Config with { Name = name, Aliases = aliases };
            network.Names.Replace(endpointId, name, NamesOf(state.Config), state.Config.IPv4, state.Config.IPv6);
            return state.Config;
        }
    }

    private static IEnumerable<string> NamesOf(EndpointConfig endpoint) => [endpoint.Name, ShortId(endpoint.ContainerId), .. endpoint.Aliases];
}
