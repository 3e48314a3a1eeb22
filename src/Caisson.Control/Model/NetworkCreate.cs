namespace Caisson.Control.Model;

/// <summary>The document of <c>POST /networks/create</c>. Source: Docker Engine API, "Create a network".</summary>
public sealed record NetworkCreate
{
    /// <summary>Its name.</summary>
    public string Name { get => field ?? ""; init; } = "";

    /// <summary><c>bridge</c>, <c>macvlan</c> or <c>ipvlan</c>; empty is bridge.</summary>
    public string Driver { get => field ?? ""; init; } = "";

    /// <summary><c>local</c> or empty.</summary>
    public string Scope { get => field ?? ""; init; } = "";

    /// <summary>No way out and none in.</summary>
    public bool Internal { get; init; }

    /// <summary>Told back only: of clusters.</summary>
    public bool Attachable { get; init; }

    /// <summary>Of clusters; not supported.</summary>
    public bool Ingress { get; init; }

    /// <summary>A network that only holds settings; not supported.</summary>
    public bool ConfigOnly { get; init; }

    /// <summary>Whether there is IPv4; null is yes.</summary>
    public bool? EnableIPv4 { get; init; }

    /// <summary>Whether there is IPv6.</summary>
    public bool? EnableIPv6 { get; init; }

    /// <summary>Its addresses.</summary>
    public IpamConfig? IPAM { get; init; }

    /// <summary>Settings of the driver by name.</summary>
    public IReadOnlyDictionary<string, string>? Options { get; init; }

    /// <summary>Free text by key.</summary>
    public IReadOnlyDictionary<string, string>? Labels { get; init; }
}

/// <summary>How addresses are given out.</summary>
public sealed record IpamConfig
{
    /// <summary><c>default</c> or empty.</summary>
    public string Driver { get => field ?? ""; init; } = "";

    /// <summary>One for each subnet.</summary>
    public IReadOnlyList<IpamPool>? Config { get; init; }

    /// <summary>Settings of the driver; there are none.</summary>
    public IReadOnlyDictionary<string, string>? Options { get; init; }
}

/// <summary>A subnet.</summary>
public sealed record IpamPool
{
    /// <summary>The whole, such as <c>172.20.0.0/16</c>.</summary>
    public string Subnet { get => field ?? ""; init; } = "";

    /// <summary>Where addresses that nobody names come from; empty for the whole subnet.</summary>
    public string IPRange { get => field ?? ""; init; } = "";

    /// <summary>The gateway's address; empty for the first.</summary>
    public string Gateway { get => field ?? ""; init; } = "";

    /// <summary>Addresses never to be given out, by the name of what has each.</summary>
    public IReadOnlyDictionary<string, string>? AuxiliaryAddresses { get; init; }
}

/// <summary>The document of <c>POST /networks/{id}/connect</c> and <c>/disconnect</c>.</summary>
public sealed record NetworkConnect
{
    /// <summary>The container's id or name.</summary>
    public string Container { get => field ?? ""; init; } = "";

    /// <summary>What is asked for there.</summary>
    public EndpointSettings? EndpointConfig { get; init; }

    /// <summary>Caisson's own: the container is in the network already, and gets these aliases in the place of those it has.</summary>
    public bool ReplaceAliases { get; init; }

    /// <summary>Disconnect also what is broken.</summary>
    public bool Force { get; init; }
}
