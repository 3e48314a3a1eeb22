namespace Caisson.Client.Networks;

/// <summary>The body of <c>POST /networks/create</c>.</summary>
/// <param name="Name">Unique among networks.</param>
public sealed record NetworkCreation(string Name)
{
    /// <summary><c>bridge</c>, <c>macvlan</c> or <c>ipvlan</c>; empty: bridge.</summary>
    public string Driver { get; init; } = "";

    /// <summary>No way out and none in.</summary>
    public bool Internal { get; init; }

    /// <summary>Told back only: of clusters.</summary>
    public bool Attachable { get; init; }

    /// <summary>Whether there is IPv6.</summary>
    public bool IPv6 { get; init; }

    /// <summary>Addresses, one for each subnet; empty: ones that are free.</summary>
    public IReadOnlyList<NetworkPool> Pools { get; init; } = [];

    /// <summary>Settings of the driver by name.</summary>
    public IReadOnlyDictionary<string, string> Options { get; init; } = new Dictionary<string, string>();

    /// <summary>Free text by key.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>The JSON, as sent.</summary>
    public ReadOnlyMemory<byte> ToJson() => JsonBody.Write(json =>
    {
        json.WriteString(nameof(Name), Name);
        json.Text(nameof(Driver), Driver);
        json.Flag(nameof(Internal), Internal);
        json.Flag(nameof(Attachable), Attachable);
        json.Flag("EnableIPv6", IPv6);
        if (Pools.Count > 0)
        {
            json.WriteStartObject("IPAM");
            json.WriteStartArray("Config");
            foreach (var pool in Pools)
            {
                json.WriteStartObject();
                json.Text(nameof(pool.Subnet), pool.Subnet);
                json.Text(nameof(pool.IPRange), pool.IPRange);
                json.Text(nameof(pool.Gateway), pool.Gateway);
                json.TextMap("AuxiliaryAddresses", pool.Reserved);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.TextMap(nameof(Options), Options);
        json.TextMap(nameof(Labels), Labels);
    });
}

/// <summary>Addresses of a network.</summary>
/// <param name="Subnet">The whole, such as <c>172.20.0.0/16</c>.</param>
/// <param name="IPRange">Where addresses that nobody names come from; empty: the whole subnet.</param>
/// <param name="Gateway">Empty: the first address.</param>
/// <param name="Reserved">Addresses never to be given out, by the name of what has each.</param>
public sealed record NetworkPool(string Subnet, string IPRange, string Gateway, IReadOnlyDictionary<string, string> Reserved);

/// <summary>What a container asks for in a network.</summary>
public sealed record NetworkPlace
{
    /// <summary>Further names in that network.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>Names for other containers there, for this one alone: <c>container:alias</c>.</summary>
    public IReadOnlyList<string> Links { get; init; } = [];

    /// <summary>Fixed IPv4 address; empty: any.</summary>
    public string IPv4Address { get; init; } = "";

    /// <summary>Fixed IPv6 address; empty: any.</summary>
    public string IPv6Address { get; init; } = "";

    /// <summary>Fixed MAC address; empty: any.</summary>
    public string MacAddress { get; init; } = "";

    internal bool IsEmpty => Aliases.Count == 0 && Links.Count == 0 && IPv4Address.Length == 0 && IPv6Address.Length == 0 && MacAddress.Length == 0;

    internal void WriteTo(System.Text.Json.Utf8JsonWriter json)
    {
        if (Aliases.Count > 0)
        {
            json.Texts(nameof(Aliases), Aliases);
        }
        if (Links.Count > 0)
        {
            json.Texts(nameof(Links), Links);
        }
        json.Text(nameof(MacAddress), MacAddress);
        if (IPv4Address.Length > 0 || IPv6Address.Length > 0)
        {
            json.WriteStartObject("IPAMConfig");
            json.Text(nameof(IPv4Address), IPv4Address);
            json.Text(nameof(IPv6Address), IPv6Address);
            json.WriteEndObject();
        }
    }
}
