using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

using Caisson.Control.Events;
using Caisson.Control.Hosting;
using Caisson.Control.Json;
using Caisson.Control.Model;
using Caisson.Control.State;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Networks;

namespace Caisson.Control.Networking;

/// <summary>All networks of this engine: their records, and who is connected now. The one owner of the plane.</summary>
/// <remarks>
/// The plane is opened when it is first needed, so that an engine whose containers have none or the host's network touches nothing
/// of the host. It is left as it is when the engine ends while containers are connected, and taken away when none is.
/// Safe for concurrent use.
/// </remarks>
public sealed class ContainerNetworks : IDisposable
{
    /// <summary>The network of containers that name none; made when first needed.</summary>
    public const string DefaultName = "bridge";

    /// <summary>In the state store while something of ours is in the kernel, so that the next engine looks.</summary>
    private const string MarkKey = "networks";

    /// <summary>How often the rules are looked at while somebody relies on them: another program's reload may remove them.</summary>
    private static readonly TimeSpan RepairInterval = TimeSpan.FromSeconds(30);

    private static readonly string[] Predefined = [DefaultName, "host", "none"];

    /// <summary>Those that are always there, as they are before anybody used them.</summary>
    private static readonly FrozenDictionary<string, NetworkRecord> Unmade = Predefined.ToFrozenDictionary(name => name, name => new NetworkRecord
    {
        Id = HashOf(name),
        Name = name,
        Created = DateTimeOffset.UnixEpoch,
        Driver = name == "none" ? "null" : name,
    });

    private readonly Lock _lock = new();
    private readonly NetworkPlaneOptions _options;
    private readonly IContainerHost _host;
    private readonly IStateStore _store;
    private readonly EventLog _events;
    private readonly EngineLog _log;
    private readonly TimeProvider _time;
    private readonly Dictionary<string, NetworkRecord> _records = [];
    private readonly Dictionary<string, EndpointRecord> _endpoints = [];
    private readonly Timer _repair;
    private NetworkPlane? _plane;
    private bool _disposed;

    /// <summary>Loads what <paramref name="store"/> has; <see cref="Restore"/> comes next.</summary>
    /// <param name="options">Of the plane.</param>
    /// <param name="host">Knows the network namespaces of containers.</param>
    /// <param name="store">Outlives this.</param>
    /// <param name="events">Commits and tells.</param>
    /// <param name="log">The engine's.</param>
    /// <param name="time">The clock.</param>
    public ContainerNetworks(NetworkPlaneOptions options, IContainerHost host, IStateStore store, EventLog events, EngineLog log, TimeProvider time)
    {
        (_options, _host, _store, _events, _log, _time) = (options, host, store, events, log, time);
        _repair = new Timer(_ => Repair());
        foreach (StoredRecord stored in store.List(RecordKind.Network))
        {
            _records[stored.Key] = JsonSerializer.Deserialize(stored.Value, ControlJson.Default.NetworkRecord)
                ?? throw new CaissonException(ErrorKind.Internal, $"the state store's record of network {stored.Key} is empty");
        }
    }

    /// <summary>Every network, also those there always are: none, the host's, and the default one before it is made.</summary>
    public IReadOnlyList<NetworkRecord> List()
    {
        lock (_lock)
        {
            return [.. Predefined.Select(FindPredefinedUnlocked), .. _records.Values.Where(network => network.Name != DefaultName).OrderBy(network => network.Created)];
        }
    }

    /// <summary>The network of a name, an id, or the beginning of an id.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: none; <see cref="ErrorKind.InvalidArgument"/>: the beginning fits several.</exception>
    public NetworkRecord Find(string reference)
    {
        lock (_lock)
        {
            if (_records.TryGetValue(reference, out NetworkRecord? known))
            {
                return known;
            }
            if (Unmade.ContainsKey(reference))
            {
                return FindPredefinedUnlocked(reference);
            }
        }
        IReadOnlyList<NetworkRecord> all = List();
        if (all.FirstOrDefault(network => network.Id == reference) is { } exact)
        {
            return exact;
        }
        if (all.FirstOrDefault(network => network.Name == reference) is { } named)
        {
            return named;
        }
        NetworkRecord[] fits = reference.Length == 0 ? [] : [.. all.Where(network => network.Id.StartsWith(reference, StringComparison.Ordinal))];
        return fits.Length switch
        {
            1 => fits[0],
            0 => throw new CaissonException(ErrorKind.NotFound, $"network {reference} not found"),
            _ => throw new CaissonException(ErrorKind.InvalidArgument, $"network {reference} is ambiguous ({fits.Length} matches found based on ID prefix)"),
        };
    }

    /// <summary>The network of an id; null when it is not there.</summary>
    public NetworkRecord? TryFind(string id)
    {
        lock (_lock)
        {
            return _records.GetValueOrDefault(id) ?? Unmade.Values.FirstOrDefault(network => network.Id == id);
        }
    }

    /// <summary>Whether containers can be connected to it: it is neither the host's nor none.</summary>
    public static bool IsConnectable(NetworkRecord network) => network.Driver is "bridge" or "macvlan" or "ipvlan";

    /// <summary>Whether ports of its containers can be published.</summary>
    public static bool CanPublish(NetworkRecord network) => network is { Driver: "bridge", Internal: false };

    /// <summary>Whether it is one of those there always are.</summary>
    public static bool IsPredefined(NetworkRecord network) => Predefined.Contains(network.Name);

    /// <summary>Who is connected to a network now.</summary>
    public IReadOnlyList<EndpointRecord> EndpointsOf(string networkId)
    {
        lock (_lock)
        {
            return [.. _endpoints.Values.Where(endpoint => endpoint.NetworkId == networkId)];
        }
    }

    /// <summary>Makes a network.</summary>
    /// <exception cref="ProblemsException">Something asked for is wrong; says everything that is.</exception>
    /// <exception cref="CaissonException"><see cref="ErrorKind.AlreadyExists"/>: the name is taken; else networks cannot be used on this host.</exception>
    public NetworkRecord Create(NetworkCreate asked)
    {
        if (Predefined.Contains(asked.Name) || asked.Name == "default")
        {
            throw new CaissonException(ErrorKind.PermissionDenied, $"operation is not permitted on predefined {asked.Name} network");
        }
        List<Problem> problems = [];
        NetworkRecord network = NetworkRequest.Read(asked, Workloads.Names.NewId(), _time.GetUtcNow(), problems);
        ProblemsException.ThrowIfAny($"create network {asked.Name}", problems);
        lock (_lock)
        {
            if (_records.Values.Any(other => other.Name == network.Name))
            {
                throw new CaissonException(ErrorKind.AlreadyExists, $"network with name {network.Name} already exists");
            }
            return MakeUnlocked(network);
        }
    }

    /// <summary>Removes a network that nobody is connected to.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: no such network; <see cref="ErrorKind.PermissionDenied"/>: it is in use, or one of those there always are.</exception>
    public void Remove(string reference)
    {
        NetworkRecord network = Find(reference);
        if (IsPredefined(network))
        {
            throw new CaissonException(ErrorKind.PermissionDenied, $"{network.Name} is a pre-defined network and cannot be removed");
        }
        lock (_lock)
        {
            if (!_records.ContainsKey(network.Id))
            {
                throw new CaissonException(ErrorKind.NotFound, $"network {reference} not found");
            }
            if (EndpointsOf(network.Id) is { Count: > 0 } connected)
            {
                throw new CaissonException(
                    ErrorKind.PermissionDenied,
                    $"error while removing network: network {network.Name} has active endpoints ({string.Join(", ", connected.Select(endpoint => $"name:\"{endpoint.Name}\" id:\"{endpoint.Id[..12]}\""))})");
            }
            if (_plane is { } plane && plane.Networks.Any(known => known.Id == network.Id))
            {
                plane.Remove(network.Id);
            }
            _events.Commit(Durability.Power, new StateChange().Delete(RecordKind.Network, network.Id), Event(network, "destroy"));
            _records.Remove(network.Id);
            if (!_records.Values.Any(other => !IsPredefined(other)))
            {
                CloseUnlocked();
            }
        }
    }

    /// <summary>Ends what this process does for networks: names are no longer answered. What is connected stays so; when nothing is, nothing stays in the kernel.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }
            _disposed = true;
            _repair.Dispose();
            try
            {
                CloseUnlocked();
            }
            catch (CaissonException error)
            {
                _log.Warn($"take networks out of the kernel: {error.Message}; the next engine tries again");
            }
            _plane?.Dispose();
            _plane = null;
        }
    }

    /// <summary>Takes over from an earlier engine.</summary>
    /// <param name="endpoints">Of containers whose first process lives.</param>
    internal void Restore(IReadOnlyCollection<EndpointRecord> endpoints)
    {
        lock (_lock)
        {
            foreach (EndpointRecord endpoint in endpoints.Where(endpoint => _records.ContainsKey(endpoint.NetworkId)))
            {
                _endpoints[endpoint.Id] = endpoint;
            }
            if (_endpoints.Count == 0 && _store.Find(RecordKind.Engine, MarkKey) is null)
            {
                return;
            }
            try
            {
                _ = OpenUnlocked();
                if (_endpoints.Count == 0)
                {
                    CloseUnlocked();
                }
            }
            catch (CaissonException error)
            {
                _log.Warn($"take over networks: {error.Message}; the next use of a network tries again");
            }
        }
    }

    /// <summary>Connects a container to a network that is in the records, or to the default one.</summary>
    /// <param name="container">The container.</param>
    /// <param name="attachment">Where, and what is asked for there.</param>
    /// <param name="device">Number of its device inside.</param>
    /// <param name="ports">Ports to publish here.</param>
    /// <param name="inside">Its network namespace; stays the caller's.</param>
    /// <exception cref="CaissonException">It cannot; nothing was changed.</exception>
    internal EndpointRecord Connect(
        ContainerRecord container, NetworkAttachment attachment, int device, IReadOnlyList<PortRequest> ports, Namespace inside)
    {
        lock (_lock)
        {
            NetworkPlane plane = OpenUnlocked();
            if (!_records.TryGetValue(attachment.NetworkId, out NetworkRecord? network))
            {
                network = attachment.NetworkId == IdOf(DefaultName)
                    ? MakeUnlocked(FindPredefinedUnlocked(DefaultName))
                    : throw new CaissonException(ErrorKind.NotFound, $"network {attachment.NetworkName} not found");
            }
            EndpointRecord endpoint = EndpointRequest.ToRecord(ConnectUnlocked(plane, container, attachment, device, ports, network, inside));
            _endpoints.Add(endpoint.Id, endpoint);
            _repair.Change(RepairInterval, RepairInterval);
            return endpoint;
        }
    }

    /// <summary>Takes a container out of a network; no error when it is not in it any more.</summary>
    /// <param name="endpoint">Its place.</param>
    /// <param name="inside">The network namespace of a container that runs on; null when it has ended.</param>
    internal void Disconnect(EndpointRecord endpoint, Namespace? inside)
    {
        lock (_lock)
        {
            if (!_endpoints.Remove(endpoint.Id))
            {
                return;
            }
            if (_endpoints.Count == 0 && !_disposed)
            {
                _repair.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            }
            try
            {
                _plane?.Disconnect(endpoint.NetworkId, endpoint.Id, inside);
            }
            catch (CaissonException error) when (error.Kind is ErrorKind.NotFound)
            {
                // An engine that could not open its plane at first has it without containers that ended meanwhile.
            }
        }
    }

    /// <summary>Publishes ports of a connected container in the place of those it has; in the same moment another one loses those of them that it has.</summary>
    /// <param name="endpoint">The place where it publishes.</param>
    /// <param name="ports">All it has afterwards.</param>
    /// <param name="from">The other container's place; null for none.</param>
    /// <returns>Both places as they are then.</returns>
    /// <exception cref="CaissonException">A port is taken, by whom is said; nothing was changed.</exception>
    internal (EndpointRecord Endpoint, EndpointRecord? From) Publish(EndpointRecord endpoint, IReadOnlyList<PortRequest> ports, EndpointRecord? from)
    {
        lock (_lock)
        {
            NetworkPlane plane = OpenUnlocked();
            InternetAddress? binding = _records.TryGetValue(endpoint.NetworkId, out NetworkRecord? network) ? NetworkRequest.BindingOf(network) : null;
            var (made, left) = WithChoices(ports, binding, chosen =>
            {
                if (from is null)
                {
                    return (plane.Publish(endpoint.NetworkId, endpoint.Id, chosen), null);
                }
                var (mine, theirs) = plane.TakeOver(endpoint.NetworkId, endpoint.Id, chosen, from.NetworkId, from.Id);
                return (mine, (EndpointConfig?)theirs);
            });
            _endpoints[endpoint.Id] = EndpointRequest.ToRecord(made);
            if (left is not null)
            {
                _endpoints[left.Id] = EndpointRequest.ToRecord(left);
            }
            return (_endpoints[endpoint.Id], left is null ? null : _endpoints[left.Id]);
        }
    }

    /// <summary>Leads connections to services; see <see cref="NetworkPlane.SetServices"/>.</summary>
    internal void SetServices(string networkId, Caisson.Networks.Services.ServicePlan services)
    {
        lock (_lock)
        {
            try
            {
                if (_records.ContainsKey(networkId) && !_disposed)
                {
                    OpenUnlocked().SetServices(networkId, services);
                }
            }
            catch (LinuxException error)
            {
                throw Unusable(error);
            }
        }
    }

    /// <summary>Others find a connected container by its new name from now on, and no more by the old one.</summary>
    internal void Rename(EndpointRecord endpoint)
    {
        lock (_lock)
        {
            if (_endpoints.ContainsKey(endpoint.Id))
            {
                _endpoints[endpoint.Id] = endpoint;
                _plane?.Rename(endpoint.NetworkId, endpoint.Id, endpoint.Name, [.. endpoint.Aliases]);
            }
        }
    }

    /// <summary>How a container would be connected, one step a line, and all rules; nothing is changed. Empty for one without networks of its own.</summary>
    /// <param name="container">The container.</param>
    /// <param name="portsOf">Ports that it publishes in a network.</param>
    internal string Explain(ContainerRecord container, Func<NetworkAttachment, IReadOnlyList<PortRequest>> portsOf)
    {
        if (container.Networks.Count == 0)
        {
            return "";
        }
        lock (_lock)
        {
            try
            {
                using NetworkPlane? own = _plane is null ? NetworkPlane.ForPlans(_options, [.. _records.Values.Select(NetworkRequest.ToConfig)]) : null;
                NetworkPlane plane = _plane ?? own!;
                var text = new StringBuilder();
                for (int i = 0; i < container.Networks.Count; i++)
                {
                    NetworkAttachment attachment = container.Networks[i];
                    bool exists = _records.TryGetValue(attachment.NetworkId, out NetworkRecord? network);
                    network ??= FindPredefinedUnlocked(attachment.NetworkName);
                    InternetAddress? binding = NetworkRequest.BindingOf(network);
                    EndpointConfig asked = EndpointRequest.ToConfig(
                        container, attachment, i, [.. portsOf(attachment).Select(port => port.Port with { HostAddress = port.Port.HostAddress ?? binding })]);
                    string steps = exists ? plane.Explain(asked) : plane.Explain(NetworkRequest.ToConfig(network), asked);
                    text.Append(CultureInfo.InvariantCulture, $"network {attachment.NetworkName}: made by the engine before the program runs\n      {steps.Replace("\n", "\n      ", StringComparison.Ordinal)}\n");
                }
                return text.Append(CultureInfo.InvariantCulture, $"rules of all networks, in the language of nft(8)\n{plane.ExplainRules()}").ToString();
            }
            catch (LinuxException error)
            {
                throw Unusable(error);
            }
        }
    }

    /// <summary>What a connection tells those who listen.</summary>
    internal EngineEvent Event(string networkId, string action, string containerId)
    {
        lock (_lock)
        {
            NetworkRecord? network = _records.GetValueOrDefault(networkId);
            return new EngineEvent
            {
                Type = "network",
                Action = action,
                ActorId = networkId,
                Attributes = new Dictionary<string, string> { ["container"] = containerId, ["name"] = network?.Name ?? "", ["type"] = network?.Driver ?? "" },
                At = _time.GetUtcNow(),
            };
        }
    }

    /// <summary>The id of a network there always is: the same for every engine, as each has one.</summary>
    internal static string IdOf(string name) => Unmade.TryGetValue(name, out NetworkRecord? network) ? network.Id : HashOf(name);

    private static string HashOf(string name) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes("caisson network " + name)));

    private static EndpointConfig ConnectUnlocked(
        NetworkPlane plane, ContainerRecord container, NetworkAttachment attachment, int device, IReadOnlyList<PortRequest> ports, NetworkRecord network, Namespace inside)
    {
        return WithChoices(ports, NetworkRequest.BindingOf(network), chosen => plane.Connect(EndpointRequest.ToConfig(container, attachment, device, chosen), inside));
    }

    /// <summary>Tries each port of ranges to choose from until one is free.</summary>
    private static T WithChoices<T>(IReadOnlyList<PortRequest> ports, InternetAddress? binding, Func<ImmutableArray<PublishedPort>, T> act)
    {
        int choices = ports.Count == 0 ? 1 : ports.Max(port => port.Choices);
        for (int choice = 0; ; choice++)
        {
            ImmutableArray<PublishedPort> chosen =
            [
                .. ports.Select(port => port.Port with
                {
                    HostAddress = port.Port.HostAddress ?? binding,
                    HostPort = (ushort)(port.Port.HostPort + Math.Min(choice, port.Choices - 1)),
                }),
            ];
            try
            {
                return act(chosen);
            }
            catch (CaissonException error) when (error.Kind is ErrorKind.Conflict && choice + 1 < choices)
            {
                // Another port of the range may be free.
            }
        }
    }

    private NetworkRecord FindPredefinedUnlocked(string name)
    {
        NetworkRecord unmade = Unmade[name];
        return _records.GetValueOrDefault(unmade.Id) ?? unmade;
    }

    private NetworkRecord MakeUnlocked(NetworkRecord asked)
    {
        NetworkPlane plane = OpenUnlocked();
        NetworkRecord network;
        try
        {
            network = NetworkRequest.Complete(asked, plane.Create(NetworkRequest.ToConfig(asked))) with { Created = _time.GetUtcNow() };
        }
        catch (LinuxException error)
        {
            if (_records.Count == 0)
            {
                CloseUnlocked();
            }
            throw Unusable(error);
        }
        try
        {
            _events.Commit(
                Durability.Power,
                new StateChange().Put(RecordKind.Network, network.Id, network, ControlJson.Default.NetworkRecord),
                Event(network, "create"));
        }
        catch
        {
            plane.Remove(network.Id);
            throw;
        }
        _records.Add(network.Id, network);
        return network;
    }

    private EngineEvent Event(NetworkRecord network, string action) => new()
    {
        Type = "network",
        Action = action,
        ActorId = network.Id,
        Attributes = new Dictionary<string, string> { ["name"] = network.Name, ["type"] = network.Driver },
        At = _time.GetUtcNow(),
    };

    private NetworkPlane OpenUnlocked()
    {
        if (_disposed)
        {
            throw new CaissonException(ErrorKind.Unavailable, "the engine is stopping");
        }
        if (_plane is { } open)
        {
            return open;
        }
        List<ConnectedEndpoint> connected = [];
        try
        {
            foreach (EndpointRecord endpoint in _endpoints.Values)
            {
                if (_host.OpenNetwork(endpoint.ContainerId) is { } inside)
                {
                    connected.Add(new(EndpointRequest.ToConfig(endpoint), inside));
                }
            }
            _store.Commit(Durability.Power, new StateChange().Put(RecordKind.Engine, MarkKey, "1"u8.ToArray()));
            _plane = NetworkPlane.Open(_options, [.. _records.Values.Select(NetworkRequest.ToConfig)], connected);
            if (_endpoints.Count > 0)
            {
                _repair.Change(RepairInterval, RepairInterval);
            }
            return _plane;
        }
        catch (LinuxException error)
        {
            throw Unusable(error);
        }
        finally
        {
            connected.ForEach(one => one.Network.Dispose());
        }
    }

    private static CaissonException Unusable(LinuxException error) => new(
        ErrorKind.FailedPrecondition,
        $"networks cannot be used on this host: {error.Message}; bridges and nftables are needed, --network none and --network host work without",
        error);

    /// <summary>Takes everything of ours out of the kernel, unless somebody is connected.</summary>
    private void CloseUnlocked()
    {
        if (_plane is not { } plane || _endpoints.Count > 0)
        {
            return;
        }
        plane.RemoveAll();
        plane.Dispose();
        _plane = null;
        _store.Commit(Durability.Process, new StateChange().Delete(RecordKind.Engine, MarkKey));
    }

    private void Repair()
    {
        lock (_lock)
        {
            if (_disposed || _plane is not { } plane)
            {
                return;
            }
            try
            {
                if (plane.Repair())
                {
                    _log.Warn("the rules of networks were missing, as after a reload of the host's own rules; they are written anew");
                }
            }
            catch (CaissonException error)
            {
                _log.Warn($"look after the rules of networks: {error.Message}");
            }
        }
    }
}
