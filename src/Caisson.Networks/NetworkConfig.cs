using System.Collections.Immutable;
using Caisson.Linux;

namespace Caisson.Networks;

/// <summary>What connects the containers of a network.</summary>
public enum NetworkDriver
{
    /// <summary>A bridge of this host, behind address translation.</summary>
    Bridge,

    /// <summary>Devices of their own on the wire of one of the host's devices. Not the host itself can reach them.</summary>
    Macvlan,

    /// <summary>The same with the hardware address of the host's device, for wires that allow only one.</summary>
    Ipvlan,
}

/// <summary>Addresses of a network.</summary>
/// <param name="Subnet">Of either family; two subnets of one network are of different families.</param>
public sealed record SubnetConfig(Subnet Subnet)
{
    /// <summary>Where addresses that nobody names come from; null for the whole subnet.</summary>
    public Subnet? Range { get; init; }

    /// <summary>The bridge's own address, by which containers reach the rest; null for the first one.</summary>
    public InternetAddress? Gateway { get; init; }

    /// <summary>Addresses that others have, never to be given out.</summary>
    public ImmutableArray<ReservedAddress> Reserved { get; init; } = [];
}

/// <summary>An address that is not the network's to give.</summary>
/// <param name="Name">What has it, for messages.</param>
/// <param name="Address">In the subnet.</param>
public sealed record ReservedAddress(string Name, InternetAddress Address);

/// <summary>A network as it was asked for. Once <see cref="NetworkPlane.Create"/> gave it back, its subnets and gateways are all said.</summary>
public sealed record NetworkConfig
{
    /// <summary>Unique for ever; names of devices are made of it.</summary>
    public required string Id { get; init; }

    /// <summary>What a person calls it; containers may ask for <c>name.network</c>.</summary>
    public required string Name { get; init; }

    /// <summary>What connects its containers.</summary>
    public NetworkDriver Driver { get; init; }

    /// <summary>The network of containers that name none: it gets the first of the addresses to choose from, which others get last.</summary>
    public bool IsDefault { get; init; }

    /// <summary>The bridge's name, at most 15 letters, digits, dots, hyphens and underscores; empty for one made of the id.</summary>
    public string BridgeName { get; init; } = "";

    /// <summary>At most one of each family; empty for one of IPv4 that is free.</summary>
    public ImmutableArray<SubnetConfig> Subnets { get; init; } = [];

    /// <summary>Whether there is IPv6; a subnet is chosen when none is named.</summary>
    public bool IPv6 { get; init; }

    /// <summary>No way out and none in: no default route, no translation, no published ports, no names but its own.</summary>
    public bool Internal { get; init; }

    /// <summary>Containers reach what is outside but not each other.</summary>
    public bool IsolatedPorts { get; init; }

    /// <summary>The packet filter sees what containers of a bridge say to each other: they reach each other by the host, unless the bridge asks the filter itself. IPv4 only.</summary>
    public bool Routed { get; init; }

    /// <summary>Packets that leave get the address of the host; off for networks that others have routes to.</summary>
    public bool Masquerade { get; init; } = true;

    /// <summary>Containers may open connections to programs of the host itself; published ports they may always.</summary>
    public bool HostAccess { get; init; }

    /// <summary>Containers may reach 169.254.0.0/16 and fd00:ec2::254, where clouds give out the host's credentials.</summary>
    public bool MetadataAccess { get; init; }

    /// <summary>Largest packet, bytes; 0 for 1500 or the parent's.</summary>
    public int MtuBytes { get; init; }

    /// <summary>Of <see cref="NetworkDriver.Macvlan"/> and <see cref="NetworkDriver.Ipvlan"/>: the host's device below.</summary>
    public string Parent { get; init; } = "";

    /// <summary>Of <see cref="NetworkDriver.Macvlan"/>: what containers see of each other.</summary>
    public MacvlanMode MacvlanMode { get; init; } = MacvlanMode.Bridge;

    /// <summary>Of <see cref="NetworkDriver.Ipvlan"/>: where containers are.</summary>
    public IpvlanMode IpvlanMode { get; init; } = IpvlanMode.L2;
}

/// <summary>A container's place in a network. Once <see cref="NetworkPlane.Connect"/> gave it back, its addresses are all said.</summary>
public sealed record EndpointConfig
{
    /// <summary>Unique for ever; the name of the device is made of it.</summary>
    public required string Id { get; init; }

    /// <summary>The network's id.</summary>
    public required string NetworkId { get; init; }

    /// <summary>The container's id.</summary>
    public required string ContainerId { get; init; }

    /// <summary>What the container is called, for messages and for the answer to whose address that is.</summary>
    public required string Name { get; init; }

    /// <summary>Further names in this network; several endpoints may share one.</summary>
    public ImmutableArray<string> Aliases { get; init; } = [];

    /// <summary>Names by which this container alone finds others of the network.</summary>
    public ImmutableArray<NameLink> Links { get; init; } = [];

    /// <summary>An address asked for; null for one that is free, if the network has IPv4.</summary>
    public InternetAddress? IPv4 { get; init; }

    /// <summary>An address asked for; null for one that is free, if the network has IPv6.</summary>
    public InternetAddress? IPv6 { get; init; }

    /// <summary>Null for one made of the address, and where containers share the parent's.</summary>
    public HardwareAddress? HardwareAddress { get; init; }

    /// <summary>The device inside; different for each network of the container.</summary>
    public string DeviceName { get; init; } = "eth0";

    /// <summary>Whether the container's default route is by this network. Of several the lowest metric wins.</summary>
    public bool DefaultRoute { get; init; } = true;

    /// <summary>Of the default route; 0 for the kernel's default.</summary>
    public uint Metric { get; init; }

    /// <summary>Name servers that this container's questions about the rest of the world go to; empty for the engine's.</summary>
    public ImmutableArray<InternetEndpoint> NameServers { get; init; } = [];

    /// <summary>Ports of the host that lead here.</summary>
    public ImmutableArray<PublishedPort> Ports { get; init; } = [];

    /// <summary>The addresses it has, that of IPv4 first.</summary>
    internal List<InternetAddress> Addresses()
    {
        List<InternetAddress> addresses = [];
        if (IPv4 is { } four)
        {
            addresses.Add(four);
        }
        if (IPv6 is { } six)
        {
            addresses.Add(six);
        }
        return addresses;
    }
}

/// <summary>Another name of a container, for one that asks.</summary>
/// <param name="Alias">What is asked for.</param>
/// <param name="Target">A name, alias or beginning of the id, 12 digits, that the network knows.</param>
public sealed record NameLink(string Alias, string Target);
