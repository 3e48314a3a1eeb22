using System.Collections.Immutable;
using System.Globalization;

using Caisson.Control.Model;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Networks;

namespace Caisson.Control.Networking;

/// <summary>Translates between a network in Docker's words, in the state store's and in the plane's. Touches nothing.</summary>
internal static class NetworkRequest
{
    /// <summary>Driver option: the largest packet, bytes.</summary>
    private const string Mtu = "com.docker.network.driver.mtu";

    /// <summary>Driver option: whether containers reach each other.</summary>
    private const string Communication = "com.docker.network.bridge.enable_icc";

    /// <summary>Driver option: whether packets that leave get the host's address.</summary>
    private const string Masquerade = "com.docker.network.bridge.enable_ip_masquerade";

    /// <summary>Driver option: the host's address that ports are published at when none is named.</summary>
    private const string Binding = "com.docker.network.bridge.host_binding_ipv4";

    /// <summary>Driver option: the bridge's name.</summary>
    private const string BridgeName = "com.docker.network.bridge.name";

    /// <summary>Driver option of macvlan and ipvlan: the host's device below.</summary>
    private const string Parent = "parent";

    /// <summary>Driver option of macvlan: what containers see of each other.</summary>
    private const string MacvlanModeName = "macvlan_mode";

    /// <summary>Driver option of ipvlan: where containers are.</summary>
    private const string IpvlanModeName = "ipvlan_mode";

    /// <summary>Driver option of our own: whether containers reach programs of the host.</summary>
    private const string HostAccess = "caisson.host_access";

    /// <summary>Driver option of our own: whether containers reach the addresses where clouds give out credentials.</summary>
    private const string MetadataAccess = "caisson.metadata_access";

    /// <summary>Driver option of our own: whether containers reach each other by the host, where policies hold.</summary>
    private const string Routed = "caisson.routed";

    private static readonly string[] BridgeOptions = [Mtu, BridgeName, Communication, Masquerade, Binding, HostAccess, MetadataAccess, Routed];
    private static readonly string[] MacvlanOptions = [Mtu, Parent, MacvlanModeName];
    private static readonly string[] IpvlanOptions = [Mtu, Parent, IpvlanModeName];
    private static readonly MacvlanMode[] MacvlanModes = [MacvlanMode.Bridge, MacvlanMode.Private, MacvlanMode.Vepa, MacvlanMode.Passthrough];
    private static readonly IpvlanMode[] IpvlanModes = [IpvlanMode.L2, IpvlanMode.L3, IpvlanMode.L3S];

    /// <summary>Reads what a client asked for.</summary>
    /// <param name="asked">The document.</param>
    /// <param name="id">The new network's.</param>
    /// <param name="now">Its birth.</param>
    /// <param name="problems">Receives everything that is wrong; the record means nothing then.</param>
    public static NetworkRecord Read(NetworkCreate asked, string id, DateTimeOffset now, List<Problem> problems)
    {
        string driver = asked.Driver.Length == 0 ? "bridge" : asked.Driver;
        Check(driver is "bridge" or "macvlan" or "ipvlan", "/Driver", $"could not find plugin {driver} in v2 plugin registry: there are bridge, macvlan and ipvlan");
        Check(IsName(asked.Name), "/Name", $"invalid network name ({asked.Name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
        Check(asked.Scope is "" or "local", "/Scope", "networks of a cluster are not supported");
        Check(!asked.Ingress && !asked.ConfigOnly, "/Ingress", "networks of a cluster are not supported");
        Check(asked.EnableIPv4 ?? true, "/EnableIPv4", "a network has IPv4; name a subnet of each family for both");
        Check(asked.IPAM?.Driver is null or "" or "default", "/IPAM/Driver", $"there is no address driver '{asked.IPAM?.Driver}'; leave it out");
        for (int i = 0; i < asked.IPAM?.Config?.Count; i++)
        {
            CheckPool(asked.IPAM.Config[i], $"/IPAM/Config/{i}", problems);
        }
        string[] known = driver switch
        {
            "macvlan" => MacvlanOptions,
            "ipvlan" => IpvlanOptions,
            _ => BridgeOptions,
        };
        foreach ((string name, string value) in asked.Options ?? new Dictionary<string, string>())
        {
            CheckOption(name, value, known, problems);
        }
        return new NetworkRecord
        {
            Id = id,
            Name = asked.Name,
            Created = now,
            Driver = driver,
            Subnets =
            [
                .. (asked.IPAM?.Config ?? []).Where(pool => pool.Subnet.Length > 0)
                    .Select(pool => new NetworkSubnet
                    {
                        Subnet = pool.Subnet,
                        Range = pool.IPRange,
                        Gateway = pool.Gateway,
                        Reserved = pool.AuxiliaryAddresses ?? new Dictionary<string, string>(),
                    }),
            ],
            IPv6 = asked.EnableIPv6 ?? false,
            Internal = asked.Internal,
            Attachable = asked.Attachable,
            Options = asked.Options ?? new Dictionary<string, string>(),
            Labels = asked.Labels ?? new Dictionary<string, string>(),
        };

        void Check(bool holds, string path, string message)
        {
            if (!holds)
            {
                problems.Add(new(path, message));
            }
        }
    }

    /// <summary>The network as the plane takes it.</summary>
    public static NetworkConfig ToConfig(NetworkRecord network) => new()
    {
        Id = network.Id,
        Name = network.Name,
        Driver = network.Driver switch
        {
            "macvlan" => NetworkDriver.Macvlan,
            "ipvlan" => NetworkDriver.Ipvlan,
            _ => NetworkDriver.Bridge,
        },
        IsDefault = network.Name == ContainerNetworks.DefaultName,
        BridgeName = network.Options.GetValueOrDefault(BridgeName, ""),
        Subnets =
        [
            .. network.Subnets.Select(subnet => new SubnetConfig(Subnet.Parse(subnet.Subnet))
            {
                Range = subnet.Range.Length > 0 ? Subnet.Parse(subnet.Range) : null,
                Gateway = subnet.Gateway.Length > 0 ? InternetAddress.Parse(subnet.Gateway) : null,
                Reserved = [.. subnet.Reserved.Keys.Order(StringComparer.Ordinal).Select(name => new ReservedAddress(name, InternetAddress.Parse(subnet.Reserved[name])))],
            }),
        ],
        IPv6 = network.IPv6,
        Internal = network.Internal,
        IsolatedPorts = !Truth(network, Communication, otherwise: true),
        Routed = Truth(network, Routed, otherwise: false),
        Masquerade = Truth(network, Masquerade, otherwise: true),
        HostAccess = Truth(network, HostAccess, otherwise: false),
        MetadataAccess = Truth(network, MetadataAccess, otherwise: false),
        MtuBytes = network.Options.TryGetValue(Mtu, out string? mtu) ? int.Parse(mtu, CultureInfo.InvariantCulture) : 0,
        Parent = network.Options.GetValueOrDefault(Parent, ""),
        MacvlanMode = Array.Find(MacvlanModes, mode => mode.Word() == network.Options.GetValueOrDefault(MacvlanModeName)) is { } macvlan and not 0 ? macvlan : MacvlanMode.Bridge,
        IpvlanMode = Array.Find(IpvlanModes, mode => mode.Word() == network.Options.GetValueOrDefault(IpvlanModeName)),
    };

    /// <summary>The record with what the plane completed.</summary>
    public static NetworkRecord Complete(NetworkRecord network, NetworkConfig made) => network with
    {
        IPv6 = made.IPv6,
        Subnets =
        [
            .. made.Subnets.Select(subnet => new NetworkSubnet
            {
                Subnet = subnet.Subnet.ToString(),
                Range = subnet.Range?.ToString() ?? "",
                Gateway = subnet.Gateway?.ToString() ?? "",
                Reserved = subnet.Reserved.ToDictionary(one => one.Name, one => one.Address.ToString()),
            }),
        ],
    };

    /// <summary>The host's address that ports are published at when none is named; null for all.</summary>
    public static InternetAddress? BindingOf(NetworkRecord network) =>
        network.Options.TryGetValue(Binding, out string? text) && InternetAddress.TryParse(text, out InternetAddress address) && !address.IsAny ? address : null;

    private static void CheckPool(IpamPool pool, string path, List<Problem> problems)
    {
        if (pool.Subnet.Length == 0 && (pool.IPRange.Length > 0 || pool.Gateway.Length > 0))
        {
            problems.Add(new($"{path}/Subnet", "a range or a gateway needs the subnet it is in"));
        }
        Check(pool.Subnet.Length == 0 || Subnet.TryParse(pool.Subnet, out _), "Subnet", $"invalid subnet {pool.Subnet}: it is written as 172.20.0.0/16");
        Check(pool.IPRange.Length == 0 || Subnet.TryParse(pool.IPRange, out _), "IPRange", $"invalid range {pool.IPRange}: it is written as 172.20.10.0/24");
        Check(pool.Gateway.Length == 0 || InternetAddress.TryParse(pool.Gateway, out _), "Gateway", $"invalid gateway address {pool.Gateway}");
        foreach ((string name, string address) in pool.AuxiliaryAddresses ?? new Dictionary<string, string>())
        {
            Check(InternetAddress.TryParse(address, out _), $"AuxiliaryAddresses/{name}", $"invalid address {address}");
        }

        void Check(bool holds, string member, string message)
        {
            if (!holds)
            {
                problems.Add(new($"{path}/{member}", message));
            }
        }
    }

    private static void CheckOption(string name, string value, string[] known, List<Problem> problems)
    {
        string? wrong = !known.Contains(name) ? $"no such option; there are {string.Join(", ", known)}"
            : name is Mtu && !int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out _) ? "a number of bytes"
            : name is Communication or Masquerade or HostAccess or MetadataAccess && !TryTruth(value, out _) ? "true or false"
            : name is Binding && !InternetAddress.TryParse(value, out _) ? "an address"
            : name is MacvlanModeName && value.Length > 0 && !Array.Exists(MacvlanModes, mode => mode.Word() == value) ? "the modes are bridge, private, vepa and passthru"
            : name is IpvlanModeName && value.Length > 0 && !Array.Exists(IpvlanModes, mode => mode.Word() == value) ? "the modes are l2, l3 and l3s"
            : null;
        if (wrong is not null)
        {
            problems.Add(new($"/Options/{name}", $"{name}={value}: {wrong}"));
        }
    }

    private static bool Truth(NetworkRecord network, string name, bool otherwise) =>
        network.Options.TryGetValue(name, out string? text) && TryTruth(text, out bool truth) ? truth : otherwise;

    private static bool TryTruth(string text, out bool truth)
    {
        truth = text is "1" or "t" or "T" or "true" or "TRUE" or "True";
        return truth || text is "0" or "f" or "F" or "false" or "FALSE" or "False";
    }

    private static bool IsName(string name) =>
        name.Length is >= 1 and <= 255
        && char.IsAsciiLetterOrDigit(name[0])
        && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-');
}
