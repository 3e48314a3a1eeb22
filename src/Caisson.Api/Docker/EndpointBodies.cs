using System.Globalization;

using Caisson.Api.Http;
using Caisson.Control.Model;
using Caisson.Control.Networking;

namespace Caisson.Api.Docker;

/// <summary>A container's places in networks in Docker's words. Source: Docker Engine API, "NetworkSettings", "EndpointSettings".</summary>
internal static class EndpointBodies
{
    /// <summary>The ports of a line of <c>docker ps</c>: published ones, and exposed ones that are not.</summary>
    public static IReadOnlyList<PortBody> List(ContainerRecord record, ContainerStatus status)
    {
        List<PortBody> ports = [];
        foreach ((string name, string address, int port) in Published(status))
        {
            ports.Add(new PortBody { IP = address, PrivatePort = NumberOf(name), PublicPort = port, Type = ProtocolOf(name) });
        }
        foreach (string exposed in record.Config.ExposedPorts ?? [])
        {
            if (NumberOf(exposed) > 0 && !ports.Exists(port => port.PrivatePort == NumberOf(exposed) && port.Type == ProtocolOf(exposed)))
            {
                ports.Add(new PortBody { PrivatePort = NumberOf(exposed), Type = ProtocolOf(exposed) });
            }
        }
        return ports;
    }

    /// <summary>The networks of a container by name, with what it has there while it runs.</summary>
    public static Dictionary<string, EndpointSettings> Networks(ContainerRecord record, ContainerStatus status, ContainerNetworks networks, ApiVersion version)
    {
        Dictionary<string, EndpointSettings> settings = [];
        if (record.Networks.Count == 0)
        {
            if (record.HostConfig.NetworkMode is "none" or "host")
            {
                NetworkRecord network = networks.Find(record.HostConfig.NetworkMode);
                settings[network.Name] = new EndpointSettings { NetworkID = network.Id };
            }
            return settings;
        }
        foreach (NetworkAttachment attachment in record.Networks)
        {
            settings[attachment.NetworkName] = Endpoint(
                record, attachment, status.Endpoints.FirstOrDefault(one => one.NetworkId == attachment.NetworkId), networks.TryFind(attachment.NetworkId)).For(record, version);
        }
        return settings;
    }

    /// <summary>All about the network of one container.</summary>
    public static NetworkSettingsBody Settings(ContainerRecord record, ContainerStatus status, ContainerNetworks networks, ApiVersion version)
    {
        Dictionary<string, EndpointSettings> all = Networks(record, status, networks, version);
        EndpointSettings of = all.GetValueOrDefault(ContainerNetworks.DefaultName) ?? new EndpointSettings();
        var ports = new SortedDictionary<string, IReadOnlyList<PortBinding>?>(StringComparer.Ordinal);
        if (status.HasProcess)
        {
            foreach (string exposed in record.Config.ExposedPorts ?? [])
            {
                ports[exposed.Contains('/', StringComparison.Ordinal) ? exposed : exposed + "/tcp"] = null;
            }
            foreach (var published in Published(status).GroupBy(one => one.Name))
            {
                ports[published.Key] =
                [
                    .. published.Select(one => new PortBinding { HostIp = one.Address, HostPort = one.Port.ToString(CultureInfo.InvariantCulture) }),
                ];
            }
        }
        return new NetworkSettingsBody
        {
            SandboxID = status.HasProcess ? record.Id : "",
            SandboxKey = status.HasProcess ? string.Create(CultureInfo.InvariantCulture, $"/proc/{status.Pid}/ns/net") : "",
            Ports = ports,
            EndpointID = of.EndpointID,
            Gateway = of.Gateway,
            GlobalIPv6Address = of.GlobalIPv6Address,
            GlobalIPv6PrefixLen = of.GlobalIPv6PrefixLen,
            IPAddress = of.IPAddress,
            IPPrefixLen = of.IPPrefixLen,
            IPv6Gateway = of.IPv6Gateway,
            MacAddress = of.MacAddress,
            Networks = all,
        };
    }

    /// <summary>Before 1.44 there was no list of names; up to it the short id was an alias in networks of one's own.</summary>
    private static EndpointSettings For(this EndpointSettings settings, ContainerRecord record, ApiVersion version) => settings with
    {
        DNSNames = version < new ApiVersion(1, 44) ? null : settings.DNSNames,
        Aliases = version < new ApiVersion(1, 45) && settings.Aliases is { } aliases && !aliases.Contains(record.Id[..12])
            ? [.. aliases, record.Id[..12]] : settings.Aliases,
    };

    /// <summary>The bits of the network part of an address, by the subnet it is in.</summary>
    public static int PrefixOf(NetworkRecord? network, bool isIPv6) =>
        SubnetOf(network, isIPv6)?.Subnet is { } subnet ? int.Parse(subnet[(subnet.IndexOf('/') + 1)..], CultureInfo.InvariantCulture) : 0;

    private static EndpointSettings Endpoint(ContainerRecord record, NetworkAttachment attachment, EndpointRecord? endpoint, NetworkRecord? network)
    {
        var asked = new EndpointSettings
        {
            IPAMConfig = attachment.IPv4.Length + attachment.IPv6.Length == 0
                ? null
                : new EndpointAddresses { IPv4Address = attachment.IPv4, IPv6Address = attachment.IPv6 },
            Links = attachment.Links.Count > 0 ? [.. attachment.Links.Select(link => $"{link.Value[..12]}:{link.Key}")] : null,
            Aliases = attachment.Aliases.Count > 0 ? attachment.Aliases : null,
            MacAddress = attachment.HardwareAddress,
            NetworkID = attachment.NetworkId,
            DNSNames = [record.Name, record.Id[..12], .. attachment.Aliases],
        };
        return endpoint is null ? asked : asked with
        {
            EndpointID = endpoint.Id,
            MacAddress = endpoint.HardwareAddress,
            IPAddress = endpoint.IPv4,
            IPPrefixLen = endpoint.IPv4.Length > 0 ? PrefixOf(network, isIPv6: false) : 0,
            Gateway = network is { Internal: false } ? SubnetOf(network, isIPv6: false)?.Gateway ?? "" : "",
            GlobalIPv6Address = endpoint.IPv6,
            GlobalIPv6PrefixLen = endpoint.IPv6.Length > 0 ? PrefixOf(network, isIPv6: true) : 0,
            IPv6Gateway = network is { Internal: false } ? SubnetOf(network, isIPv6: true)?.Gateway ?? "" : "",
            DNSNames = [endpoint.Name, record.Id[..12], .. endpoint.Aliases],
        };
    }

    private static NetworkSubnet? SubnetOf(NetworkRecord? network, bool isIPv6) =>
        network?.Subnets.FirstOrDefault(subnet => subnet.Subnet.Contains(':', StringComparison.Ordinal) == isIPv6);

    /// <summary>Each published port with each family of the host's addresses that leads to it.</summary>
    private static IEnumerable<(string Name, string Address, int Port)> Published(ContainerStatus status)
    {
        foreach (EndpointRecord endpoint in status.Endpoints)
        {
            foreach (EndpointPort port in endpoint.Ports)
            {
                string[] addresses = port.HostAddress.Length > 0 ? [port.HostAddress] : endpoint.IPv6.Length > 0 ? ["0.0.0.0", "::"] : ["0.0.0.0"];
                for (int i = 0; i < port.Count; i++)
                {
                    foreach (string address in addresses)
                    {
                        yield return (string.Create(CultureInfo.InvariantCulture, $"{port.ContainerPort + i}/{port.Protocol}"), address, port.HostPort + i);
                    }
                }
            }
        }
    }

    private static int NumberOf(string port) => int.TryParse(port.Split('/')[0], NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0;

    private static string ProtocolOf(string port) => port.Contains('/', StringComparison.Ordinal) ? port[(port.IndexOf('/') + 1)..] : "tcp";
}
