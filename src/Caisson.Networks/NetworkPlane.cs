using System.Collections.Immutable;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Networks.Addresses;
using Caisson.Networks.Names;
using Caisson.Networks.Ports;
using Caisson.Networks.Rules;
using Caisson.Networks.Services;

namespace Caisson.Networks;

/// <summary>What a plane is for.</summary>
public sealed record NetworkPlaneOptions
{
    /// <summary>Tells this engine from others of the machine: its run directory. Names of kernel objects are made of it.</summary>
    public required string Owner { get; init; }

    /// <summary>The network namespace to work in, which the caller keeps; null for that of the process.</summary>
    public Namespace? Host { get; init; }

    /// <summary>Where subnets come from when a network names none.</summary>
    public ImmutableArray<AddressBlock> Blocks { get; init; } = AddressPool.Default;

    /// <summary>Name servers of the rest of the world, asked in order; empty for those of the host's <c>/etc/resolv.conf</c>.</summary>
    public ImmutableArray<InternetEndpoint> NameServers { get; init; } = [];
}

/// <summary>A container that was connected before the engine was started anew.</summary>
/// <param name="Endpoint">As <see cref="NetworkPlane.Connect"/> gave it.</param>
/// <param name="Network">The container's network namespace, which the caller keeps and disposes.</param>
public sealed record ConnectedEndpoint(EndpointConfig Endpoint, Namespace Network);

/// <summary>All networks of an engine: bridges, addresses, rules, published ports and names. The one owner of their state.</summary>
/// <remarks>
/// May be used by many threads. What it makes outlives it: rules, bridges and connected containers stay as they are until
/// <see cref="Open"/> is told what should be there. Only names are answered by this process.
/// </remarks>
public sealed partial class NetworkPlane : IDisposable
{
    private readonly Lock _lock = new();
    private readonly NetworkPlaneOptions _options;
    private readonly NetworkNames _names;
    private readonly NetworkRunner _runner;
    private readonly Resolver _resolver;
    private readonly PortTable _ports = new();
    private readonly Dictionary<string, NetworkState> _networks = [];

    private NetworkPlane(NetworkPlaneOptions options)
    {
        _options = options;
        _names = new(options.Owner);
        _runner = new(options.Host, _names);
        try
        {
            _resolver = Resolver.Start(options.Host, options.NameServers);
        }
        catch
        {
            _runner.Dispose();
            throw;
        }
    }

    /// <summary>Opens the plane and makes the kernel's state that of the records: removes devices of this engine that should not be, adds what is missing, writes the rules anew at once.</summary>
    /// <param name="options">Of the engine.</param>
    /// <param name="networks">As <see cref="Create"/> gave them.</param>
    /// <param name="endpoints">Of running containers.</param>
    public static NetworkPlane Open(
        NetworkPlaneOptions options, IReadOnlyCollection<NetworkConfig> networks, IReadOnlyCollection<ConnectedEndpoint> endpoints)
    {
        var plane = new NetworkPlane(options);
        try
        {
            plane.Restore(networks, endpoints);
            return plane;
        }
        catch
        {
            plane.Dispose();
            throw;
        }
    }

    /// <summary>The networks, complete.</summary>
    public IReadOnlyList<NetworkConfig> Networks
    {
        get
        {
            lock (_lock)
            {
                return [.. _networks.Values.Select(network => network.Config)];
            }
        }
    }

    /// <summary>The endpoints of a network, complete.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: no such network.</exception>
    public IReadOnlyList<EndpointConfig> EndpointsOf(string networkId)
    {
        lock (_lock)
        {
            return [.. Find(networkId).Endpoints.Values.Select(endpoint => endpoint.Config)];
        }
    }

    /// <summary>Whether ports can be published at ::1. The kernel drops answers to it where bridged packets go through the rules of IPv6, net.bridge.bridge-nf-call-ip6tables.</summary>
    public bool HasLoopback6
    {
        get
        {
            lock (_lock)
            {
                return _runner.HasLoopback6();
            }
        }
    }

    /// <summary>A plane that knows the networks and no endpoint, and has changed nothing: for <see cref="Explain(EndpointConfig)"/> and the like.</summary>
    public static NetworkPlane ForPlans(NetworkPlaneOptions options, IReadOnlyCollection<NetworkConfig> networks)
    {
        var plane = new NetworkPlane(options);
        foreach (var network in networks)
        {
            plane._networks.Add(network.Id, new NetworkState(network));
        }
        return plane;
    }

    /// <summary>The steps that <see cref="Create"/> would make, one a line; nothing is changed.</summary>
    public string Explain(NetworkConfig asked)
    {
        lock (_lock)
        {
            var facts = Facts(asked);
            return string.Join('\n', NetworkPlan.Compile(Complete(asked, facts), facts));
        }
    }

    /// <summary>The steps that <see cref="Connect"/> would make, one a line, with the addresses and ports that are free now; nothing is changed.</summary>
    public string Explain(EndpointConfig asked)
    {
        lock (_lock)
        {
            return ExplainUnlocked(asked, Find(asked.NetworkId));
        }
    }

    /// <summary>The steps that <see cref="Create"/> and then <see cref="Connect"/> would make; nothing is changed.</summary>
    public string Explain(NetworkConfig network, EndpointConfig asked)
    {
        lock (_lock)
        {
            var facts = Facts(network);
            var made = Complete(network, facts);
            return $"{string.Join('\n', NetworkPlan.Compile(made, facts))}\n{ExplainUnlocked(asked, new NetworkState(made))}";
        }
    }

    private string ExplainUnlocked(EndpointConfig asked, NetworkState network)
    {
        var endpoint = TakeAddresses(asked, network);
        ReleaseAddresses(endpoint, network);
        if (!endpoint.Ports.IsEmpty)
        {
            endpoint = endpoint with { Ports = [.. _runner.OnHost(() => endpoint.Ports.Select(port => port.HostPort == 0 ? _ports.Choose(port) : port).ToList())] };
        }
        return string.Join('\n', NetworkPlan.Compile(endpoint, network.Config, Facts(null)));
    }

    /// <summary>All rules as they should be, in the language of nft(8).</summary>
    public string ExplainRules()
    {
        lock (_lock)
        {
            var all = AllElements().ToList();
            return $"{Ruleset.Host(_names, all.SelectMany(one => one.Host), _runner.Guards.IPv4, _runner.Guards.IPv6, _runner.HasLoopback6())}\n{Ruleset.Ports(_names, all.SelectMany(one => one.Ports))}";
        }
    }

    /// <summary>Makes a network.</summary>
    /// <returns>The same with all that it left open said: what the engine keeps.</returns>
    /// <exception cref="ProblemsException">It cannot be like that: a subnet overlaps another one, a device does not exist…; nothing was changed.</exception>
    public NetworkConfig Create(NetworkConfig asked)
    {
        lock (_lock)
        {
            var facts = Facts(asked);
            var network = Complete(asked, facts);
            var state = new NetworkState(network);
            WithRules(() => _runner.Run(NetworkPlan.Compile(network, facts)));
            _networks.Add(network.Id, state);
            return network;
        }
    }

    /// <summary>Removes a network that no container is connected to.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: no such network; <see cref="ErrorKind.Conflict"/>: containers are connected.</exception>
    public void Remove(string networkId)
    {
        lock (_lock)
        {
            var network = Find(networkId);
            if (network.Endpoints.Count > 0)
            {
                throw new CaissonException(
                    ErrorKind.Conflict,
                    $"remove network {network.Config.Name}: {string.Join(", ", network.Endpoints.Values.Select(endpoint => endpoint.Config.Name))} connected to it; disconnect or remove them first");
            }
            _runner.Undo(NetworkPlan.Compile(network.Config, Facts(null)));
            _networks.Remove(networkId);
        }
    }

    /// <summary>Connects a container, running or not yet started, to a network.</summary>
    /// <param name="asked">What for; addresses and ports may be left open.</param>
    /// <param name="container">The container's network namespace; stays the caller's.</param>
    /// <returns>The same with all that it left open said: what the engine keeps.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: no such network; <see cref="ErrorKind.Conflict"/>: an address or port is taken, by whom is said; nothing was changed.</exception>
    public EndpointConfig Connect(EndpointConfig asked, Namespace container)
    {
        lock (_lock)
        {
            var network = Find(asked.NetworkId);
            if (network.Endpoints.ContainsKey(asked.Id))
            {
                throw new CaissonException(ErrorKind.AlreadyExists, $"connect {asked.Name} to network {network.Config.Name}: endpoint {asked.Id} exists");
            }
            var state = new EndpointState(TakeAddresses(asked, network) with { Ports = [] });
            PortChange? ports = null;
            try
            {
                RequireOwnHardware(state.Config, network.Config);
                LeadLoopback6(asked.Ports);
                ports = TakePorts(state, asked.Ports, from: null);
                WithRules(() => Attach(state, network, container));
                return state.Config;
            }
            catch
            {
                UndoPorts(ports);
                ReleaseAddresses(state.Config, network);
                throw;
            }
        }
    }

    /// <summary>Takes a container out of a network. Its other networks, and its connections there, stay.</summary>
    /// <param name="networkId">Of the network.</param>
    /// <param name="endpointId">Of the endpoint.</param>
    /// <param name="container">The network namespace of a container that runs on; null when it ended: then its namespace goes, and with it, by the kernel, its devices, and nobody waits for that.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: no such network or endpoint.</exception>
    public void Disconnect(string networkId, string endpointId, Namespace? container)
    {
        lock (_lock)
        {
            var network = Find(networkId);
            var state = Find(network, endpointId);
            var endpoint = state.Config;
            _resolver.Leave(endpoint.ContainerId, network.Names);
            network.Names.Remove(endpoint.Id);
            if (network.Config.Driver == NetworkDriver.Bridge)
            {
                // Without its elements a port that is still there can send nothing.
                WithRules(() => _runner.ChangeElements(Ruleset.ElementsOf(endpoint, network.Config, _names), new([], [])));
                if (container is not null)
                {
                    _runner.DeleteLink(_names.Port(endpoint.Id));
                }
            }
            else if (container is not null)
            {
                NetworkRunner.DeleteInside(container, endpoint.DeviceName);
            }
            network.Endpoints.Remove(endpoint.Id);
            TakePorts(state, [], from: null)?.Keep();
            ReleaseAddresses(endpoint, network);
        }
    }

    /// <summary>Gives a connected container other names, by which others in the network find it at once, and no more by the old ones.</summary>
    /// <param name="networkId">Of the network.</param>
    /// <param name="endpointId">Of the endpoint.</param>
    /// <param name="name">Of the container.</param>
    /// <param name="aliases">All further names it has from now on; null: those it has.</param>
    /// <returns>The endpoint with its new names.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: no such network or endpoint.</exception>
    public EndpointConfig Rename(string networkId, string endpointId, string name, ImmutableArray<string>? aliases = null)
    {
        lock (_lock)
        {
            var network = Find(networkId);
            var state = Find(network, endpointId);
            state.Config = state.Config with { Name = name, Aliases = aliases ?? state.Config.Aliases };
            foreach (var address in state.Config.Addresses())
            {
                network.Space(address.IsIPv6)?.Rename(address, Holder(state.Config));
            }
            network.Names.Replace(endpointId, name, NamesOf(state.Config), state.Config.IPv4, state.Config.IPv6);
            return state.Config;
        }
    }

    /// <summary>Writes the rules anew when somebody removed them, as a reload of the host's own rules may do.</summary>
    /// <returns>Whether they were missing: until now networks were not isolated and ports not published.</returns>
    public bool Repair()
    {
        lock (_lock)
        {
            if (_runner.HasRules())
            {
                return false;
            }
            _runner.ReplaceRules(AllElements());
            WriteServicesUnlocked();
            return true;
        }
    }

    /// <summary>Removes everything of this engine from the kernel: rules and devices. The plane is of no use afterwards.</summary>
    public void RemoveAll()
    {
        lock (_lock)
        {
            foreach (string link in OwnLinks())
            {
                _runner.DeleteLink(link);
            }
            _runner.RemoveRules();
            _runner.Commit(new Linux.Nftables.NftTransaction().Remove(Linux.Nftables.NftFamily.Inet, ServiceRules.TableOf(_names)));
        }
    }

    /// <summary>Stops answering names and frees the reserved ports; the kernel's state stays.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _resolver.Dispose();
            _ports.Dispose();
            _runner.Dispose();
        }
    }

    private void Restore(IReadOnlyCollection<NetworkConfig> networks, IReadOnlyCollection<ConnectedEndpoint> endpoints)
    {
        var states = networks.Select(network => new NetworkState(network)).ToList();
        states.ForEach(network => _networks.Add(network.Config.Id, network));
        var facts = Facts(null);

        HashSet<string> wanted =
        [
            .. networks.Where(network => network.Driver == NetworkDriver.Bridge).Select(_names.Bridge),
            .. endpoints.Select(endpoint => _names.Port(endpoint.Endpoint.Id)),
        ];
        List<string> there = [.. OwnLinks()];
        foreach (string link in there.Where(link => !wanted.Contains(link)))
        {
            _runner.DeleteLink(link);
        }
        List<(EndpointState State, NetworkState Network, Namespace Container)> connected = [];
        foreach (var (endpoint, container) in endpoints)
        {
            var network = Find(endpoint.NetworkId);
            var state = new EndpointState(TakeAddresses(endpoint, network) with { Ports = [] });
            // Of two that are said to have a port one has it: a map has one place for a port.
            _runner.OnHost(() => state.Config = state.Config with { Ports = [.. _ports.Restore(state, endpoint.Ports)] });
            connected.Add((state, network, container));
        }
        _runner.ReplaceRules(networks.Select(network => Ruleset.ElementsOf(network, _names)).Concat(
            connected.Where(one => one.Network.Config.Driver == NetworkDriver.Bridge).Select(one => Ruleset.ElementsOf(one.State.Config, one.Network.Config, _names))));
        foreach (var network in states)
        {
            bool exists = there.Contains(_names.Bridge(network.Config));
            _runner.Run([.. NetworkPlan.Compile(network.Config, facts).Where(step => !exists || step is not NetworkStep.CreateBridge)]);
        }
        foreach (var (state, network, container) in connected)
        {
            if (network.Config.Driver == NetworkDriver.Bridge && !there.Contains(_names.Port(state.Config.Id)))
            {
                Attach(state, network, container);
            }
            else
            {
                Answer(state, network, container, within: null);
            }
        }
    }

    /// <summary>Makes a change of the rules, once more when they were removed behind our back and have been written anew.</summary>
    private void WithRules(Action change)
    {
        try
        {
            change();
        }
        catch (LinuxException e) when (e is { Errno: Errno.ENOENT, Call: "nf_tables" })
        {
            _runner.ReplaceRules(AllElements());
            change();
        }
    }

    private void Attach(EndpointState state, NetworkState network, Namespace container)
    {
        var endpoint = state.Config;
        _runner.Run(
            NetworkPlan.Compile(endpoint, network.Config, Facts(null)), container,
            () => Answer(state, network, container, within: container));
    }

    /// <summary>Frames to a hardware address are for the container that has it, in whatever bridge.</summary>
    private void RequireOwnHardware(EndpointConfig asked, NetworkConfig network)
    {
        if (asked.HardwareAddress is { } hardware && network.Driver == NetworkDriver.Bridge
            && _networks.Values.SelectMany(other => other.Endpoints.Values).FirstOrDefault(endpoint => endpoint.Config.HardwareAddress == hardware) is { } holder)
        {
            throw new CaissonException(ErrorKind.Conflict, $"hardware address {hardware} for {Holder(asked)}: {Holder(holder.Config)} has it");
        }
    }

    /// <summary>Makes the container's names known and answers its questions.</summary>
    private void Answer(EndpointState state, NetworkState network, Namespace container, Namespace? within)
    {
        var endpoint = state.Config;
        if (within is not null)
        {
            Join();
        }
        else
        {
            container.RunInside(Join);
        }
        network.Names.Add(endpoint.Id, endpoint.Name, NamesOf(endpoint), endpoint.IPv4, endpoint.IPv6);
        network.Endpoints.Add(endpoint.Id, state);

        void Join() => _resolver.Join(endpoint.ContainerId, new(network.Names, Forwards: !network.Config.Internal, endpoint.Links), endpoint.NameServers);
    }

    private static IEnumerable<string> NamesOf(EndpointConfig endpoint) => [endpoint.Name, ShortId(endpoint.ContainerId), .. endpoint.Aliases];

    private EndpointConfig TakeAddresses(EndpointConfig asked, NetworkState network)
    {
        Check(asked, network.Config);
        string holder = Holder(asked);
        var taken = asked;
        try
        {
            if (network.Space(isIPv6: false) is { } four)
            {
                taken = taken with { IPv4 = Take(four, asked.IPv4, holder) };
            }
            else
            {
                taken = taken with { IPv4 = null };
            }
            taken = taken with { IPv6 = network.Space(isIPv6: true) is { } six ? Take(six, asked.IPv6, holder) : null };
        }
        catch
        {
            if (taken.IPv4 is { } address && taken != asked)
            {
                network.Space(isIPv6: false)?.Release(address);
            }
            throw;
        }
        return network.Config.Driver == NetworkDriver.Ipvlan ? taken : taken with
        {
            // As Docker makes them, so that an address that comes again is at the same hardware address.
            HardwareAddress = asked.HardwareAddress
                ?? (taken.IPv4 is { } ipv4 ? Linux.HardwareAddress.Local(0x42_0000_0000 | (ulong)ipv4.Bits) : NetworkNames.Hardware(asked.Id)),
        };
    }

    private static InternetAddress Take(AddressSpace space, InternetAddress? asked, string holder)
    {
        if (asked is not { } address)
        {
            return space.TakeAny(holder);
        }
        space.Take(address, holder);
        return address;
    }

    private static void ReleaseAddresses(EndpointConfig endpoint, NetworkState network)
    {
        foreach (var address in endpoint.Addresses())
        {
            network.Space(address.IsIPv6)?.Release(address);
        }
    }

    private static NetworkConfig Complete(NetworkConfig asked, NetworkFacts facts)
    {
        List<Problem> problems = [];
        var network = NetworkPlan.Complete(asked, facts, problems);
        ProblemsException.ThrowIfAny($"create network {asked.Name}", problems);
        return network;
    }

    private void Check(EndpointConfig endpoint, NetworkConfig network)
    {
        List<Problem> problems = [];
        bool atLoopback6 = endpoint.Ports.Any(port => port.HostAddress is { IsIPv6: true, IsLoopback: true });
        bool loopback6 = atLoopback6 && _runner.HasLoopback6();
        NetworkPlan.Check(endpoint, network, Facts(null) with { Loopback6 = loopback6 }, problems);
        ProblemsException.ThrowIfAny($"connect {endpoint.Name} to network {network.Name}", problems);
    }

    /// <summary>Has the rules lead ::1, which could not be when they were written.</summary>
    private void LeadLoopback6(ImmutableArray<PublishedPort> ports)
    {
        if (!_runner.LeadsLoopback6 && ports.Any(port => port.HostAddress is { IsIPv6: true, IsLoopback: true }))
        {
            _runner.ReplaceRules(AllElements());
        }
    }

    /// <summary>What a plan must know; of the host only what the network that is to be made needs.</summary>
    private NetworkFacts Facts(NetworkConfig? asked) => new()
    {
        Names = _names,
        Networks = [.. _networks.Values.Select(network => network.Config)],
        Blocks = _options.Blocks,
        FiltersBridged = _runner.FiltersBridged(),
        Routed = asked is { Driver: NetworkDriver.Bridge } ? [.. _runner.RoutedSubnets()] : [],
        Devices = asked is not null && (asked.Driver != NetworkDriver.Bridge || asked.BridgeName.Length > 0)
            ? [.. _runner.Links().Where(link => link.Index != 1).Select(link => link.Name)]
            : [],
    };

    private IEnumerable<RuleElements> AllElements() => _networks.Values.SelectMany(network =>
        network.Endpoints.Values
            .Where(_ => network.Config.Driver == NetworkDriver.Bridge)
            .Select(endpoint => Ruleset.ElementsOf(endpoint.Config, network.Config, _names))
            .Prepend(Ruleset.ElementsOf(network.Config, _names)));

    private IEnumerable<string> OwnLinks() => _runner.Links()
        .Where(link => link.Group == _names.BridgeGroup || link.Name.StartsWith(_names.PortPrefix, StringComparison.Ordinal))
        .Select(link => link.Name);

    private NetworkState Find(string networkId) => _networks.GetValueOrDefault(networkId)
        ?? throw new CaissonException(ErrorKind.NotFound, $"network {networkId} not found");

    private static EndpointState Find(NetworkState network, string endpointId) => network.Endpoints.GetValueOrDefault(endpointId)
        ?? throw new CaissonException(ErrorKind.NotFound, $"endpoint {endpointId} is not connected to network {network.Config.Name}");

    private static string Holder(EndpointConfig endpoint) => $"container {endpoint.Name}";

    private static string ShortId(string id) => id.Length > 12 ? id[..12] : id;
}
