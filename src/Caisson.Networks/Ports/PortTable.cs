using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Networks.Ports;

/// <summary>Which ports of the host lead to containers, with the sockets that keep programs of the host from taking them. For one thread at a time, which is in the host's network.</summary>
internal sealed class PortTable : IDisposable
{
    private readonly Dictionary<int, List<Holding>> _held = [];

    /// <summary>A port at an address; the "any" of a family stands for all of it.</summary>
    internal sealed record Place(TransportProtocol Protocol, InternetAddress Address, ushort Port)
    {
        internal int Key => (int)Protocol << 16 | Port;

        internal bool Collides(Place other) => Key == other.Key && PublishedPort.Collide(Address, other.Address);
    }

    /// <summary>Who has a place, and the socket there, unless a program had it first or the range is too long for sockets.</summary>
    internal sealed class Holding(Place place, EndpointState holder, bool keepsSocket)
    {
        internal Place Place => place;

        internal EndpointState Holder => holder;

        internal bool KeepsSocket => keepsSocket;

        internal InternetSocket? Socket { get; set; }
    }

    /// <summary>Says the first port of a free range of the host for one that leaves it open.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.ResourceExhausted"/>: there is none.</exception>
    internal PublishedPort Choose(PublishedPort port)
    {
        for (int attempt = 0; attempt < 256; attempt++)
        {
            var candidate = port with { HostPort = (ushort)Random.Shared.Next(HostPorts.EphemeralFirst, HostPorts.EphemeralLast - port.Count + 2) };
            if (FindHolder(candidate) is null && HostPorts.AreFree(candidate))
            {
                return candidate;
            }
        }
        throw new CaissonException(
            ErrorKind.ResourceExhausted,
            $"publish {port}: no {port.Count} free ports of the host between {HostPorts.EphemeralFirst} and {HostPorts.EphemeralLast}");
    }

    /// <summary>Gives <paramref name="holder"/> the ports <paramref name="now"/> in the place of all it has.</summary>
    /// <param name="holder">Who gets them.</param>
    /// <param name="now">With their numbers.</param>
    /// <param name="from">From whom those are taken that it has; null: nobody.</param>
    /// <returns>What was changed, to be kept or undone.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Conflict"/>: another one has a port, who is said; nothing was changed.</exception>
    internal PortChange Change(EndpointState holder, IReadOnlyList<PublishedPort> now, EndpointState? from = null)
    {
        List<Holding> removed = [.. HoldingsOf(holder)];
        removed.AddRange(from is null ? [] : HoldingsOf(from).Where(held => now.Any(port => port.Collides(held.Place))));
        var change = new PortChange(this, removed);
        removed.ForEach(Remove);
        try
        {
            foreach (var port in now)
            {
                if (FindHolder(port) is { } taken)
                {
                    throw new CaissonException(
                        ErrorKind.Conflict, $"publish {port} for {NameOf(holder)}: port {taken.Place.Port} of the host already leads to {NameOf(taken.Holder)}");
                }
                foreach (var place in PlacesOf(port))
                {
                    change.Add(new(place, holder, port.Count <= HostPorts.HeldMax));
                }
            }
            change.TakeSockets(NameOf(holder));
            return change;
        }
        catch
        {
            change.Undo();
            throw;
        }
    }

    /// <summary>Gives a container the ports it had before the engine was started anew, but for those that another one has; that a program of the host took one meanwhile ends nothing.</summary>
    /// <returns>Those it has.</returns>
    internal IReadOnlyList<PublishedPort> Restore(EndpointState holder, IReadOnlyList<PublishedPort> ports)
    {
        List<PublishedPort> had = [];
        foreach (var port in ports.Where(port => FindHolder(port) is null))
        {
            foreach (var place in PlacesOf(port))
            {
                var holding = new Holding(place, holder, port.Count <= HostPorts.HeldMax);
                Insert(holding);
                holding.Socket = holding.KeepsSocket ? HostPorts.TryTake(place) : null;
            }
            had.Add(port);
        }
        return had;
    }

    public void Dispose()
    {
        foreach (var holding in _held.Values.SelectMany(list => list))
        {
            holding.Socket?.Dispose();
        }
        _held.Clear();
    }

    internal void Insert(Holding holding)
    {
        if (!_held.TryGetValue(holding.Place.Key, out var list))
        {
            _held[holding.Place.Key] = list = [];
        }
        list.Add(holding);
    }

    internal void Remove(Holding holding)
    {
        if (_held.TryGetValue(holding.Place.Key, out var list) && list.Remove(holding) && list.Count == 0)
        {
            _held.Remove(holding.Place.Key);
        }
    }

    internal static string NameOf(EndpointState holder) => $"container {holder.Config.Name}";

    internal static IEnumerable<Place> PlacesOf(PublishedPort port)
    {
        for (int i = 0; i < port.Count; i++)
        {
            ushort number = (ushort)(port.HostPort + i);
            if (port.HostAddress is { } address)
            {
                yield return new(port.Protocol, address, number);
                continue;
            }
            yield return new(port.Protocol, InternetAddress.AnyIPv4, number);
            yield return new(port.Protocol, InternetAddress.AnyIPv6, number);
        }
    }

    private Holding? FindHolder(PublishedPort port)
    {
        foreach (var place in PlacesOf(port))
        {
            if (_held.TryGetValue(place.Key, out var list) && list.Find(held => held.Place.Collides(place)) is { } holding)
            {
                return holding;
            }
        }
        return null;
    }

    private IEnumerable<Holding> HoldingsOf(EndpointState holder) => holder.Config.Ports
        .SelectMany(PlacesOf)
        .Select(place => _held.GetValueOrDefault(place.Key)?.Find(held => held.Holder == holder && held.Place == place))
        .OfType<Holding>();
}

/// <summary>A change of the table that is kept or undone; sockets that both sides have are handed over, never closed and opened again.</summary>
internal sealed class PortChange(PortTable table, List<PortTable.Holding> removed)
{
    private readonly List<PortTable.Holding> _added = [];
    private readonly List<(PortTable.Holding From, PortTable.Holding To)> _handed = [];
    private readonly List<PortTable.Holding> _closed = [];

    internal void Add(PortTable.Holding holding)
    {
        _added.Add(holding);
        table.Insert(holding);
    }

    /// <summary>Takes the added ports on the host.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Conflict"/>: a program has one; <see cref="ErrorKind.InvalidArgument"/>: the host has no such address.</exception>
    internal void TakeSockets(string holder)
    {
        var before = removed.Where(held => held.Socket is not null).ToLookup(held => held.Place.Key);
        foreach (var holding in _added)
        {
            if (before[holding.Place.Key].FirstOrDefault(held => held.Place == holding.Place && held.Socket is not null) is { } same && holding.KeepsSocket)
            {
                (holding.Socket, same.Socket) = (same.Socket, null);
                _handed.Add((same, holding));
                continue;
            }
            foreach (var other in before[holding.Place.Key].Where(held => held.Socket is not null && held.Place.Collides(holding.Place)))
            {
                other.Socket!.Dispose();
                other.Socket = null;
                _closed.Add(other);
            }
            var socket = HostPorts.Take(holding.Place, holder);
            if (holding.KeepsSocket)
            {
                holding.Socket = socket;
            }
            else
            {
                socket?.Dispose();
            }
        }
    }

    /// <summary>Frees what nobody has any more.</summary>
    internal void Keep() => removed.ForEach(held => held.Socket?.Dispose());

    /// <summary>Makes the table what it was.</summary>
    internal void Undo()
    {
        foreach (var (from, to) in _handed)
        {
            (from.Socket, to.Socket) = (to.Socket, null);
        }
        foreach (var holding in _added)
        {
            holding.Socket?.Dispose();
            table.Remove(holding);
        }
        removed.ForEach(table.Insert);
        _closed.ForEach(held => held.Socket = HostPorts.TryTake(held.Place));
    }
}
