using System.Diagnostics;
using Caisson.Linux;
using Caisson.Linux.Nftables;
using Caisson.Networks.Rules;

namespace Caisson.Networks;

/// <summary>Carries steps out: one batch of netlink messages and one transaction of the packet filter for each change. No decisions.</summary>
/// <remarks>For one thread at a time.</remarks>
internal sealed class NetworkRunner : IDisposable
{
    /// <summary>Of routes beside the kernel's own, plus the number of the device.</summary>
    private const uint LocalMetric = 4096;

    private readonly Namespace? _host;
    private readonly NetworkNames _names;
    private readonly RouteSocket _route;
    private readonly NftSocket _filter;
    private readonly NftTable _hostTable;
    private readonly NftTable _portTable;
    private readonly Dictionary<string, int> _indexes = [];
    private bool _guard4;
    private bool _guard6;
    private bool _loopback6;

    /// <summary>For the network of <paramref name="host"/>, which stays the caller's, or null for that of the process.</summary>
    internal NetworkRunner(Namespace? host, NetworkNames names)
    {
        _host = host;
        _names = names;
        (_hostTable, _portTable) = (Ruleset.Host(names, []), Ruleset.Ports(names, []));
        (_route, _filter) = OnHost(() => (RouteSocket.Open(), NftSocket.Open()));
    }

    /// <summary>Whether the rules keep the host from passing on what it did not before.</summary>
    internal (bool IPv4, bool IPv6) Guards => (_guard4, _guard6);

    /// <summary>Whether the rules that are in the kernel lead ::1 to published ports.</summary>
    internal bool LeadsLoopback6 => _loopback6;

    /// <summary>Whether the kernel takes an answer to ::1 that was translated back to it: not where bridged packets are translated before they arrive (br_netfilter).</summary>
    internal bool HasLoopback6() =>
        OnHost(() => HostFiles.TryReadText("/proc/sys/net/bridge/bridge-nf-call-ip6tables"))?.Trim() is null or "0";

    /// <summary>Whether what a bridge passes on goes through the host's rules of IPv4: then a translation to a neighbour never leaves the bridge, and ports must hear each other.</summary>
    internal bool FiltersBridged() => OnHost(() => HostFiles.TryReadText("/proc/sys/net/bridge/bridge-nf-call-iptables"))?.Trim() == "1";

    /// <summary>The host's devices.</summary>
    internal IReadOnlyList<NetworkLink> Links() => _route.ListLinks();

    /// <summary>Subnets that the host has routes for.</summary>
    internal IReadOnlyList<Subnet> RoutedSubnets() => _route.ListRoutedSubnets();

    /// <summary>Does something in the host's network namespace.</summary>
    internal T OnHost<T>(Func<T> action)
    {
        if (_host is null)
        {
            return action();
        }
        T result = default!;
        _host.RunInside(() => result = action());
        return result;
    }

    /// <summary>Carries out <paramref name="steps"/> in order. On failure what was done is undone, and the failure thrown.</summary>
    /// <param name="steps">Those of the host before those of the container.</param>
    /// <param name="container">The container's network; null when no step is about it.</param>
    /// <param name="inside">What else to do in the container's network at the end.</param>
    internal void Run(IReadOnlyList<NetworkStep> steps, Namespace? container = null, Action? inside = null)
    {
        var begun = new List<NetworkStep>();
        bool isHostDone = false;
        try
        {
            var batch = new List<RouteRequest>();
            var rest = new List<NetworkStep>();
            foreach (var step in steps)
            {
                RunOnHost(step, batch, rest, container);
                // A step of a batch may be carried out though another one of it is refused; elements are whole or not at all.
                begun.Add(step);
            }
            Flush(_route, batch);
            isHostDone = true;
            if (container is not null)
            {
                container.RunInside(() =>
                {
                    RunInContainer(rest);
                    inside?.Invoke();
                });
            }
        }
        catch
        {
            Undo(begun);
            foreach (var step in isHostDone ? begun : [])
            {
                if (step is NetworkStep.CreateMacvlan macvlan)
                {
                    DeleteInside(container!, macvlan.Device);
                }
                else if (step is NetworkStep.CreateIpvlan ipvlan)
                {
                    DeleteInside(container!, ipvlan.Device);
                }
            }
            throw;
        }
    }

    /// <summary>Undoes what of <paramref name="steps"/> was done, last first; that something is gone already is no failure.</summary>
    internal void Undo(IReadOnlyList<NetworkStep> steps)
    {
        foreach (var step in steps.Reverse())
        {
            switch (step)
            {
                case NetworkStep.CreateBridge bridge:
                    DeleteLink(bridge.Name);
                    break;
                case NetworkStep.CreatePair pair:
                    DeleteLink(pair.Name);
                    break;
                case NetworkStep.AddElements added:
                    RemoveElements(added.Elements);
                    break;
            }
        }
    }

    /// <summary>Puts all rules in the place of those there are.</summary>
    internal void ReplaceRules(IEnumerable<RuleElements> elements)
    {
        var all = elements.ToList();
        var chains = _filter.ListChains(NftFamily.Inet, _names.Table);
        _guard4 |= chains.Contains(Ruleset.GuardChain(isIPv6: false));
        _guard6 |= chains.Contains(Ruleset.GuardChain(isIPv6: true));
        _loopback6 = HasLoopback6();
        _filter.Commit(new NftTransaction()
            .Replace(Ruleset.Host(_names, all.SelectMany(one => one.Host), _guard4, _guard6, _loopback6))
            .Replace(Ruleset.Ports(_names, all.SelectMany(one => one.Ports))));
    }

    /// <summary>Whether both tables are there.</summary>
    internal bool HasRules() =>
        _filter.ListChains(NftFamily.Inet, _names.Table).Count >= _hostTable.Chains.Length
        && _filter.ListChains(NftFamily.Bridge, _names.Table).Count >= _portTable.Chains.Length;

    /// <summary>Removes some elements and adds others, at once.</summary>
    internal void ChangeElements(RuleElements removed, RuleElements added)
    {
        _filter.Commit(new NftTransaction()
            .Remove(_hostTable, removed.Host).Remove(_portTable, removed.Ports).Add(_hostTable, added.Host).Add(_portTable, added.Ports));
    }

    /// <summary>Makes changes of other tables of ours.</summary>
    internal void Commit(NftTransaction transaction) => _filter.Commit(transaction);

    /// <summary>Removes both tables.</summary>
    internal void RemoveRules() => _filter.Commit(new NftTransaction().Remove(NftFamily.Inet, _names.Table).Remove(NftFamily.Bridge, _names.Table));

    /// <summary>Removes a device of the host if it is there.</summary>
    internal void DeleteLink(string name)
    {
        _indexes.Remove(name);
        try
        {
            _route.Execute(new RouteRequest.Delete(name));
        }
        catch (LinuxException e) when (e.Errno == Errno.ENODEV)
        {
            // It went by itself: with its other end, or with the container's network.
        }
    }

    /// <summary>Removes a device of a container if it is there.</summary>
    internal static void DeleteInside(Namespace container, string device)
    {
        using var route = RouteSocket.Open(container);
        if (route.FindLink(device) is { } link)
        {
            route.DeleteLink(link.Index);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _route.Dispose();
        _filter.Dispose();
    }

    private void RemoveElements(RuleElements elements)
    {
        try
        {
            ChangeElements(elements, new([], []));
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            // They were never added: a transaction is whole or not at all.
        }
    }

    private void RunOnHost(NetworkStep step, List<RouteRequest> batch, List<NetworkStep> rest, Namespace? container)
    {
        switch (step)
        {
            case NetworkStep.AddElements added:
                Flush(_route, batch);
                ChangeElements(new([], []), added.Elements);
                break;
            case NetworkStep.CreateBridge bridge:
                batch.Add(new RouteRequest.CreateBridge(bridge.Name, bridge.Address, bridge.MtuBytes, bridge.Group));
                batch.Add(new RouteRequest.NoLinkLocalAddress(bridge.Name));
                break;
            case NetworkStep.HostSetting setting:
                Flush(_route, batch);
                OnHost(() => WriteSetting(setting.Key, setting.Value));
                break;
            case NetworkStep.EnableForwarding forwarding:
                Flush(_route, batch);
                EnableForwarding(forwarding.IsIPv6);
                break;
            case NetworkStep.HostAddress address:
                Flush(_route, batch);
                batch.Add(new RouteRequest.AddAddress(IndexOf(address.Device), address.Address, address.PrefixLength));
                break;
            case NetworkStep.HostLocalRoute local:
                Flush(_route, batch);
                batch.Add(new RouteRequest.AddLocalRoute(IndexOf(local.Device), local.Address, LocalMetric + (uint)IndexOf(local.Device)));
                break;
            case NetworkStep.HostUp up:
                batch.Add(new RouteRequest.Up(up.Device));
                break;
            case NetworkStep.CreatePair pair:
                batch.Add(new RouteRequest.CreatePair(pair.Name, IndexOf(pair.Bridge), pair.MtuBytes, pair.Device, pair.Address, container!));
                break;
            case NetworkStep.HostPort port:
                batch.Add(new RouteRequest.NoLinkLocalAddress(port.Name));
                batch.Add(new RouteRequest.SetPort(port.Name, port.Isolated));
                break;
            case NetworkStep.CreateMacvlan macvlan:
                batch.Add(new RouteRequest.CreateMacvlan(macvlan.Device, IndexOf(macvlan.Parent), macvlan.Address, macvlan.MtuBytes, container!, macvlan.Mode));
                break;
            case NetworkStep.CreateIpvlan ipvlan:
                batch.Add(new RouteRequest.CreateIpvlan(ipvlan.Device, IndexOf(ipvlan.Parent), ipvlan.MtuBytes, container!, ipvlan.Mode));
                break;
            default:
                rest.Add(step);
                break;
        }
    }

    /// <summary>On a thread that is in the container's network.</summary>
    private static void RunInContainer(IReadOnlyList<NetworkStep> steps)
    {
        using var route = RouteSocket.Open();
        var batch = new List<RouteRequest>();
        Dictionary<string, int> indexes = [];
        int IndexOf(string device)
        {
            if (!indexes.TryGetValue(device, out int index))
            {
                indexes[device] = index = (route.FindLink(device) ?? throw new LinuxException("rtnetlink", Errno.ENODEV, $"link {device}")).Index;
            }
            return index;
        }

        foreach (var step in steps)
        {
            switch (step)
            {
                case NetworkStep.ContainerSetting setting:
                    WriteSetting(setting.Key, setting.Value);
                    break;
                case NetworkStep.ContainerNoLinkLocal none:
                    batch.Add(new RouteRequest.NoLinkLocalAddress(none.Device));
                    break;
                case NetworkStep.ContainerUp up:
                    batch.Add(new RouteRequest.Up(up.Device));
                    break;
                case NetworkStep.ContainerAddress address:
                    batch.Add(new RouteRequest.AddAddress(IndexOf(address.Device), address.Address, address.PrefixLength));
                    break;
                case NetworkStep.ContainerDeviceRoute direct:
                    batch.Add(new RouteRequest.AddDeviceDefaultRoute(IndexOf(direct.Device), direct.IsIPv6, direct.Metric));
                    break;
                case NetworkStep.ContainerDefaultRoute gateway:
                    batch.Add(new RouteRequest.AddDefaultRoute(IndexOf(gateway.Device), gateway.Gateway, gateway.Metric));
                    break;
                default:
                    throw new UnreachableException($"a step of the host among those of the container: {step}");
            }
        }
        Flush(route, batch);
    }

    private static void Flush(RouteSocket route, List<RouteRequest> batch)
    {
        if (batch.Count > 0)
        {
            RouteRequest[] requests = [.. batch];
            batch.Clear();
            route.Execute(requests);
        }
    }

    private int IndexOf(string device)
    {
        if (!_indexes.TryGetValue(device, out int index))
        {
            index = (_route.FindLink(device) ?? throw new LinuxException("rtnetlink", Errno.ENODEV, $"link {device}")).Index;
            _indexes[device] = index;
        }
        return index;
    }

    /// <summary>Turns forwarding on when it is off; then the guard keeps the host from becoming a router for others.</summary>
    private void EnableForwarding(bool isIPv6)
    {
        string key = isIPv6 ? "net/ipv6/conf/all/forwarding" : "net/ipv4/ip_forward";
        if (OnHost(() => HostFiles.TryReadText($"/proc/sys/{key}")?.Trim()) != "0")
        {
            return;
        }
        string chain = Ruleset.GuardChain(isIPv6);
        if (!_filter.ListChains(NftFamily.Inet, _names.Table).Contains(chain))
        {
            _guard4 |= !isIPv6;
            _guard6 |= isIPv6;
            _filter.Commit(new NftTransaction().Add(Ruleset.Host(_names, [], !isIPv6, isIPv6), chain));
        }
        OnHost(() =>
        {
            if (isIPv6)
            {
                KeepRouterAdvertisements();
            }
            return WriteSetting(key, "1");
        });
    }

    /// <summary>A host that forwards listens to routers only where it is told to: those it listened to stay (accept_ra 2). Source: ip-sysctl.rst.</summary>
    private static void KeepRouterAdvertisements()
    {
        foreach (string directory in Directory.EnumerateDirectories("/proc/sys/net/ipv6/conf"))
        {
            string file = $"{directory}/accept_ra";
            if (Path.GetFileName(directory) is not ("all" or "default" or "lo") && HostFiles.TryReadText(file)?.Trim() == "1")
            {
                HostFiles.WriteOnce(file, "2");
            }
        }
    }

    private static bool WriteSetting(string key, string value)
    {
        string file = $"/proc/sys/{key}";
        // A kernel without IPv6 has no settings for it, and no IPv6 to turn off.
        if (HostFiles.TryReadText(file)?.Trim() is { } now && now != value)
        {
            HostFiles.WriteOnce(file, value);
        }
        return true;
    }
}
