using System.Text.Json.Serialization;

namespace Caisson.Control.Model;

/// <summary>The document of <c>POST /containers/create</c>: a configuration with what the host shall give it.</summary>
public sealed record ContainerCreate : ContainerConfig
{
    /// <summary>What the host shall give the container; null for the defaults.</summary>
    public HostConfig? HostConfig { get; init; }

    /// <summary>The networks to connect to; null for what <see cref="HostConfig.NetworkMode"/> says.</summary>
    public NetworkingConfig? NetworkingConfig { get; init; }

    /// <summary>The hardware address in the first network, where clients before 1.44 said it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? MacAddress { get; init; }
}

/// <summary>The networks of a new container.</summary>
public sealed record NetworkingConfig
{
    /// <summary>Settings by the network's name.</summary>
    public IReadOnlyDictionary<string, EndpointSettings?>? EndpointsConfig { get; init; }
}

/// <summary>A container's place in one network.</summary>
public sealed record EndpointSettings
{
    /// <summary>Addresses asked for; null for any.</summary>
    public EndpointAddresses? IPAMConfig { get; init; }

    /// <summary>Names for other containers of the network, for this one alone: <c>container:alias</c>.</summary>
    public IReadOnlyList<string>? Links { get; init; }

    /// <summary>Further names in that network.</summary>
    public IReadOnlyList<string>? Aliases { get; init; }

    /// <summary>Settings of the driver for this place; there are none.</summary>
    public IReadOnlyDictionary<string, string>? DriverOpts { get; init; }

    /// <summary>The hardware address asked for.</summary>
    public string MacAddress { get => field ?? ""; init; } = "";

    /// <summary>The network's id.</summary>
    public string NetworkID { get => field ?? ""; init; } = "";

    /// <summary>The id of this place; empty when not connected.</summary>
    public string EndpointID { get => field ?? ""; init; } = "";

    /// <summary>The gateway's address.</summary>
    public string Gateway { get => field ?? ""; init; } = "";

    /// <summary>The container's address.</summary>
    public string IPAddress { get => field ?? ""; init; } = "";

    /// <summary>Bits of the network part of <see cref="IPAddress"/>.</summary>
    public int IPPrefixLen { get; init; }

    /// <summary>The IPv6 gateway's address.</summary>
    public string IPv6Gateway { get => field ?? ""; init; } = "";

    /// <summary>The container's IPv6 address.</summary>
    public string GlobalIPv6Address { get => field ?? ""; init; } = "";

    /// <summary>Bits of the network part of <see cref="GlobalIPv6Address"/>.</summary>
    public int GlobalIPv6PrefixLen { get; init; }

    /// <summary>Names the network's resolver answers to.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? DNSNames { get; init; }
}

/// <summary>Addresses that a container asks for in a network.</summary>
public sealed record EndpointAddresses
{
    /// <summary>Empty for any.</summary>
    public string IPv4Address { get => field ?? ""; init; } = "";

    /// <summary>Empty for any.</summary>
    public string IPv6Address { get => field ?? ""; init; } = "";
}
