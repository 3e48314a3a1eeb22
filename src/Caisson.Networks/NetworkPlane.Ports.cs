using System.Collections.Immutable;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Networks.Ports;
using Caisson.Networks.Rules;

namespace Caisson.Networks;

public sealed partial class NetworkPlane
{
    /// <summary>Changes the published ports of a connected container, at once; connections by ports that stay go on.</summary>
    /// <returns>The endpoint with its new ports, those that were left open said.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Conflict"/>: a port is taken, by whom is said; nothing was changed.</exception>
    public EndpointConfig Publish(string networkId, string endpointId, ImmutableArray<PublishedPort> ports)
    {
        lock (_lock)
        {
            var network = Find(networkId);
            return PublishUnlocked(network, Find(network, endpointId), ports, from: null);
        }
    }

    /// <summary>The same; those of the ports that another container has are its no more from that moment on. Connections that it has by them stay its own.</summary>
    /// <param name="networkId">Of the network.</param>
    /// <param name="endpointId">Who gets the ports.</param>
    /// <param name="ports">All that it has afterwards.</param>
    /// <param name="fromNetworkId">A network of the container that has some of them, maybe the same one.</param>
    /// <param name="fromEndpointId">That container's place there.</param>
    /// <returns>Both endpoints with their new ports.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Conflict"/>: a port is taken by a third, by whom is said; nothing was changed.</exception>
    public (EndpointConfig Endpoint, EndpointConfig From) TakeOver(
        string networkId, string endpointId, ImmutableArray<PublishedPort> ports, string fromNetworkId, string fromEndpointId)
    {
        lock (_lock)
        {
            var (network, other) = (Find(networkId), Find(fromNetworkId));
            var from = Find(other, fromEndpointId);
            return (PublishUnlocked(network, Find(network, endpointId), ports, from), from.Config);
        }
    }

    private EndpointConfig PublishUnlocked(NetworkState network, EndpointState state, ImmutableArray<PublishedPort> ports, EndpointState? from)
    {
        Check(state.Config with { Ports = ports }, network.Config);
        var (before, fromBefore) = (state.Config, from?.Config);
        PortChange? change = null;
        try
        {
            LeadLoopback6(ports);
            change = TakePorts(state, ports, from);
            ImmutableArray<Linux.Nftables.NftElement> old = [.. Ruleset.PortElements(before), .. fromBefore is null ? [] : Ruleset.PortElements(fromBefore)];
            ImmutableArray<Linux.Nftables.NftElement> now = [.. Ruleset.PortElements(state.Config), .. from is null ? [] : Ruleset.PortElements(from.Config)];
            try
            {
                _runner.ChangeElements(new([.. old.Except(now)], []), new([.. now.Except(old)], []));
            }
            catch (LinuxException e) when (e.Errno == Errno.ENOENT)
            {
                _runner.ReplaceRules(AllElements()); // somebody removed ours: all, with the new ports, are written anew
            }
            change?.Keep();
            return state.Config;
        }
        catch
        {
            state.Config = before;
            if (from is not null)
            {
                from.Config = fromBefore!;
            }
            UndoPorts(change);
            throw;
        }
    }

    /// <summary>Gives an endpoint these ports in the place of those it has.</summary>
    /// <returns>To be kept or undone; null when there is nothing to do.</returns>
    private PortChange? TakePorts(EndpointState state, ImmutableArray<PublishedPort> asked, EndpointState? from)
    {
        if (asked.IsEmpty && state.Config.Ports.IsEmpty)
        {
            return null;
        }
        return _runner.OnHost(() =>
        {
            List<PublishedPort> ports = [.. asked.Select(port => port.HostPort == 0 ? _ports.Choose(port) : port)];
            var change = _ports.Change(state, ports, from);
            state.Config = state.Config with { Ports = [.. ports] };
            if (from is not null)
            {
                from.Config = from.Config with { Ports = [.. from.Config.Ports.SelectMany(port => port.Without(ports))] };
            }
            return change;
        });
    }

    private void UndoPorts(PortChange? change)
    {
        if (change is not null)
        {
            _runner.OnHost(() =>
            {
                change.Undo();
                return true;
            });
        }
    }
}
