namespace Caisson.Control.Model;

/// <summary>A network as it is: all that was left open at its creation is said. Immutable.</summary>
public sealed record NetworkRecord
{
    /// <summary>64 hex digits.</summary>
    public required string Id { get; init; }

    /// <summary>Unique among networks.</summary>
    public required string Name { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary><c>bridge</c>, <c>macvlan</c>, <c>ipvlan</c>, <c>host</c> or <c>null</c>.</summary>
    public required string Driver { get; init; }

    /// <summary>At most one of each family; none for the host's network and for none.</summary>
    public IReadOnlyList<NetworkSubnet> Subnets { get => field ?? []; init; }

    /// <summary>Whether there is IPv6.</summary>
    public bool IPv6 { get; init; }

    /// <summary>No way out and none in.</summary>
    public bool Internal { get; init; }

    /// <summary>Told back only: of clusters.</summary>
    public bool Attachable { get; init; }

    /// <summary>Settings of the driver by name.</summary>
    public IReadOnlyDictionary<string, string> Options { get => field ?? new Dictionary<string, string>(); init; }

    /// <summary>Free text by key.</summary>
    public IReadOnlyDictionary<string, string> Labels { get => field ?? new Dictionary<string, string>(); init; }
}

/// <summary>Addresses of a network, as text.</summary>
public sealed record NetworkSubnet
{
    /// <summary>The whole, such as <c>172.17.0.0/16</c>.</summary>
    public required string Subnet { get; init; }

    /// <summary>Where addresses that nobody names come from; empty for the whole subnet.</summary>
    public string Range { get => field ?? ""; init; } = "";

    /// <summary>The gateway's address.</summary>
    public string Gateway { get => field ?? ""; init; } = "";

    /// <summary>Addresses never to be given out, by the name of what has each.</summary>
    public IReadOnlyDictionary<string, string> Reserved { get => field ?? new Dictionary<string, string>(); init; }
}

/// <summary>That a container is to be in a network, and what it asked for there. Immutable.</summary>
public sealed record NetworkAttachment
{
    /// <summary>The network's id.</summary>
    public required string NetworkId { get; init; }

    /// <summary>The network's name when the container was attached.</summary>
    public required string NetworkName { get; init; }

    /// <summary>Further names in that network.</summary>
    public IReadOnlyList<string> Aliases { get => field ?? []; init; }

    /// <summary>The address asked for; empty for any.</summary>
    public string IPv4 { get => field ?? ""; init; } = "";

    /// <summary>The IPv6 address asked for; empty for any.</summary>
    public string IPv6 { get => field ?? ""; init; } = "";

    /// <summary>The hardware address asked for; empty for one made of the address.</summary>
    public string HardwareAddress { get => field ?? ""; init; } = "";

    /// <summary>Names that this container alone has for others there: ids by name.</summary>
    public IReadOnlyDictionary<string, string> Links { get => field ?? new Dictionary<string, string>(); init; }
}

/// <summary>A running container's place in a network, with all that was left open said. Immutable.</summary>
public sealed record EndpointRecord
{
    /// <summary>64 hex digits; new for each connection.</summary>
    public required string Id { get; init; }

    /// <summary>The network's id.</summary>
    public required string NetworkId { get; init; }

    /// <summary>The container's id.</summary>
    public required string ContainerId { get; init; }

    /// <summary>What the container was called when it was connected.</summary>
    public required string Name { get; init; }

    /// <summary>Further names in that network.</summary>
    public IReadOnlyList<string> Aliases { get => field ?? []; init; }

    /// <summary>Its address; empty without IPv4.</summary>
    public string IPv4 { get => field ?? ""; init; } = "";

    /// <summary>Its IPv6 address; empty without IPv6.</summary>
    public string IPv6 { get => field ?? ""; init; } = "";

    /// <summary>Its hardware address.</summary>
    public string HardwareAddress { get => field ?? ""; init; } = "";

    /// <summary>The device inside.</summary>
    public required string Device { get; init; }

    /// <summary>Metric of its default route.</summary>
    public long Metric { get; init; }

    /// <summary>Names that this container alone has for others there: ids by name.</summary>
    public IReadOnlyDictionary<string, string> Links { get => field ?? new Dictionary<string, string>(); init; }

    /// <summary>Name servers the container asked for; empty for the host's.</summary>
    public IReadOnlyList<string> NameServers { get => field ?? []; init; }

    /// <summary>Ports of the host that lead here.</summary>
    public IReadOnlyList<EndpointPort> Ports { get => field ?? []; init; }
}

/// <summary>Ports of the host that lead to ports of a container, one to one and in order.</summary>
public sealed record EndpointPort
{
    /// <summary><c>tcp</c>, <c>udp</c> or <c>sctp</c>.</summary>
    public required string Protocol { get; init; }

    /// <summary>The host's address; empty for all.</summary>
    public string HostAddress { get => field ?? ""; init; } = "";

    /// <summary>The first of the host.</summary>
    public int HostPort { get; init; }

    /// <summary>The first of the container.</summary>
    public int ContainerPort { get; init; }

    /// <summary>How many.</summary>
    public int Count { get; init; }
}
