using System.Collections.Immutable;

using Caisson.Control.Model;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Networks;

namespace Caisson.Control.Networking;

/// <summary>Translates a container's place in a network between Docker's words, the state store's and the plane's. Touches nothing.</summary>
internal static class EndpointRequest
{
    private const ushort NamePort = 53;

    /// <summary>Of the first network's default route; those of the others are worse by one each.</summary>
    private const uint MetricOfFirst = 1_024;

    /// <summary>Reads what a client asked for.</summary>
    /// <param name="network">Where.</param>
    /// <param name="asked">Null for nothing.</param>
    /// <param name="idOf">Gives the id of the container of a name.</param>
    /// <param name="path">Of <paramref name="asked"/> in the document.</param>
    /// <param name="problems">Receives everything that is wrong.</param>
    public static NetworkAttachment Read(NetworkRecord network, EndpointSettings? asked, Func<string, string> idOf, string path, ICollection<Problem> problems)
    {
        string four = asked?.IPAMConfig?.IPv4Address ?? "";
        string six = asked?.IPAMConfig?.IPv6Address ?? "";
        string hardware = asked?.MacAddress ?? "";
        Check(four.Length == 0 || (InternetAddress.TryParse(four, out InternetAddress ipv4) && !ipv4.IsIPv6), "IPAMConfig/IPv4Address", $"invalid IPv4 address: {four}");
        Check(six.Length == 0 || (InternetAddress.TryParse(six, out InternetAddress ipv6) && ipv6.IsIPv6), "IPAMConfig/IPv6Address", $"invalid IPv6 address: {six}");
        Check(hardware.Length == 0 || HardwareAddress.TryParse(hardware, out _), "MacAddress", $"invalid MAC address: {hardware}; it is written as 02:42:ac:11:00:02");
        Check(asked?.Aliases?.All(IsHostName) ?? true, "Aliases", "an alias is a host name: letters, digits, hyphens, dots and underscores");
        return new NetworkAttachment
        {
            NetworkId = network.Id,
            NetworkName = network.Name,
            Aliases = asked?.Aliases ?? [],
            IPv4 = four,
            IPv6 = six,
            HardwareAddress = hardware,
            Links = ReadLinks(asked?.Links, idOf, $"{path}/Links", problems),
        };

        void Check(bool holds, string member, string message)
        {
            if (!holds)
            {
                problems.Add(new($"{path}/{member}", message));
            }
        }
    }

    /// <summary>Reads <c>container:alias</c>, or a container alone, which is its own alias: ids by alias.</summary>
    public static IReadOnlyDictionary<string, string> ReadLinks(IReadOnlyList<string>? links, Func<string, string> idOf, string path, ICollection<Problem> problems)
    {
        Dictionary<string, string> read = [];
        for (int i = 0; i < links?.Count; i++)
        {
            string[] parts = links[i].Split(':');
            string alias = parts[^1].TrimStart('/');
            alias = alias[(alias.LastIndexOf('/') + 1)..];
            if (parts.Length > 2 || parts[0].Length == 0 || !IsHostName(alias))
            {
                problems.Add(new($"{path}/{i}", $"bad format for links: {links[i]}; it is written as container:alias"));
            }
            else
            {
                read[alias] = idOf(parts[0].TrimStart('/'));
            }
        }
        return read;
    }

    /// <summary>What the plane is asked for.</summary>
    /// <param name="container">The container.</param>
    /// <param name="attachment">What it asked for in this network.</param>
    /// <param name="device">Number of its device inside.</param>
    /// <param name="ports">Ports of the host that are to lead here.</param>
    public static EndpointConfig ToConfig(ContainerRecord container, NetworkAttachment attachment, int device, ImmutableArray<PublishedPort> ports) => new()
    {
        Id = Workloads.Names.NewId(),
        NetworkId = attachment.NetworkId,
        ContainerId = container.Id,
        Name = container.Name,
        Aliases = [.. AliasesOf(container, attachment)],
        IPv4 = AddressOf(attachment.IPv4),
        IPv6 = AddressOf(attachment.IPv6),
        HardwareAddress = HardwareAddress.TryParse(attachment.HardwareAddress, out HardwareAddress hardware) ? hardware : null,
        DeviceName = $"eth{device}",
        Metric = MetricOfFirst + (uint)device,
        Links = LinksOf(attachment.Links),
        NameServers = [.. ServersOf(container.HostConfig.Dns)],
        Ports = ports,
    };

    /// <summary>The plane's answer as it is stored.</summary>
    public static EndpointRecord ToRecord(EndpointConfig made) => new()
    {
        Id = made.Id,
        NetworkId = made.NetworkId,
        ContainerId = made.ContainerId,
        Name = made.Name,
        Aliases = made.Aliases,
        IPv4 = made.IPv4?.ToString() ?? "",
        IPv6 = made.IPv6?.ToString() ?? "",
        HardwareAddress = made.HardwareAddress?.ToString() ?? "",
        Device = made.DeviceName,
        Metric = made.Metric,
        Links = made.Links.ToDictionary(link => link.Alias, link => link.Target),
        NameServers = Texts(made.NameServers),
        Ports =
        [
            .. made.Ports.Select(port => new EndpointPort
            {
                Protocol = NameOf(port.Protocol),
                HostAddress = port.HostAddress?.ToString() ?? "",
                HostPort = port.HostPort,
                ContainerPort = port.ContainerPort,
                Count = port.Count,
            }),
        ],
    };

    /// <summary>What is stored as the plane takes it.</summary>
    public static EndpointConfig ToConfig(EndpointRecord stored) => new()
    {
        Id = stored.Id,
        NetworkId = stored.NetworkId,
        ContainerId = stored.ContainerId,
        Name = stored.Name,
        Aliases = [.. stored.Aliases],
        IPv4 = AddressOf(stored.IPv4),
        IPv6 = AddressOf(stored.IPv6),
        HardwareAddress = HardwareAddress.TryParse(stored.HardwareAddress, out HardwareAddress hardware) ? hardware : null,
        DeviceName = stored.Device,
        Metric = (uint)stored.Metric,
        Links = LinksOf(stored.Links),
        NameServers = [.. ServersOf(stored.NameServers)],
        Ports = [.. stored.Ports.Select(ToPort)],
    };

    /// <summary>Stored ports as the plane takes them.</summary>
    public static PublishedPort ToPort(EndpointPort stored) =>
        new(ProtocolOf(stored.Protocol), AddressOf(stored.HostAddress), (ushort)stored.HostPort, (ushort)stored.ContainerPort, stored.Count);

    /// <summary>Names by which others in the network find the container, beside its own and its id's beginning.</summary>
    public static IEnumerable<string> AliasesOf(ContainerRecord container, NetworkAttachment attachment) =>
        attachment.Aliases
            .Append(container.Config.Hostname)
            .Where(name => name.Length > 0 && name != container.Name && !container.Id.StartsWith(name, StringComparison.Ordinal))
            .Distinct(StringComparer.Ordinal);

    private static InternetAddress? AddressOf(string text) => InternetAddress.TryParse(text, out InternetAddress address) ? address : null;

    private static List<InternetEndpoint> ServersOf(IEnumerable<string>? addresses)
    {
        List<InternetEndpoint> servers = [];
        foreach (string text in addresses ?? [])
        {
            if (InternetAddress.TryParse(text, out InternetAddress address))
            {
                servers.Add(new(address, NamePort));
            }
        }
        return servers;
    }

    private static List<string> Texts(ImmutableArray<InternetEndpoint> servers)
    {
        List<string> texts = [];
        foreach (InternetEndpoint server in servers)
        {
            texts.Add(server.Address.ToString());
        }
        return texts;
    }

    /// <summary>Every network knows its containers by twelve digits of their ids, whatever their names become.</summary>
    private static ImmutableArray<NameLink> LinksOf(IReadOnlyDictionary<string, string> links) =>
        [.. links.Keys.Order(StringComparer.Ordinal).Select(alias => new NameLink(alias, links[alias][..Math.Min(12, links[alias].Length)]))];

    private static TransportProtocol ProtocolOf(string name) => name switch
    {
        "udp" => TransportProtocol.Udp,
        "sctp" => TransportProtocol.Sctp,
        _ => TransportProtocol.Tcp,
    };

    private static string NameOf(TransportProtocol protocol) => protocol switch
    {
        TransportProtocol.Udp => "udp",
        TransportProtocol.Sctp => "sctp",
        _ => "tcp",
    };

    private static bool IsHostName(string name) =>
        name.Length is >= 1 and <= 253 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_');
}
