using System.Net;
using System.Text;

using Caisson.Control.Model;

namespace Caisson.Control.Workloads;

/// <summary>The text of /etc/hosts and /etc/resolv.conf inside.</summary>
internal static class HostsFile
{
    /// <summary>Stands for the host's address in the container's first network.</summary>
    public const string HostGateway = "host-gateway";

    /// <summary>Where names are answered in a container that is in networks.</summary>
    private const string OwnServer = "127.0.0.11";

    /// <summary>Reads <c>name:address</c> or <c>name=address</c>; an IPv6 address may stand in brackets.</summary>
    public static bool TryReadExtra(string entry, out string name, out string address)
    {
        int split = entry.IndexOfAny([':', '=']);
        name = split < 0 ? entry : entry[..split];
        address = split < 0 ? "" : entry[(split + 1)..].Trim('[', ']');
        return name.Length > 0 && !name.Any(IsSeparator) && (address == HostGateway || (IPAddress.TryParse(address, out _) && !address.Any(IsSeparator)));

        static bool IsSeparator(char c) => char.IsWhiteSpace(c) || char.IsControl(c) || c == '#';
    }

    /// <summary>The lines of /etc/hosts.</summary>
    /// <param name="container">The container.</param>
    /// <param name="endpoints">Its places in networks, none before it is connected.</param>
    /// <param name="networks">The networks of these, in the same order.</param>
    public static string Hosts(ContainerRecord container, IReadOnlyList<EndpointRecord> endpoints, IReadOnlyList<NetworkRecord> networks)
    {
        string? gateway = networks.SelectMany(network => network.Subnets).Select(subnet => subnet.Gateway).FirstOrDefault(address => address.Length > 0);
        var text = new StringBuilder("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n");
        foreach (string entry in container.HostConfig.ExtraHosts ?? [])
        {
            if (TryReadExtra(entry, out string name, out string address) && (address != HostGateway || gateway is not null))
            {
                text.Append(address == HostGateway ? gateway : address).Append('\t').Append(name).Append('\n');
            }
        }
        if (container.Config.Hostname is { Length: > 0 } hostname)
        {
            string full = container.Config.Domainname.Length > 0 ? $"{hostname}.{container.Config.Domainname} {hostname}" : hostname;
            string[] own = [.. endpoints.SelectMany(endpoint => (string[])[endpoint.IPv4, endpoint.IPv6]).Where(address => address.Length > 0)];
            foreach (string address in own.Length > 0 ? own : ["127.0.1.1"])
            {
                text.Append(address).Append('\t').Append(full).Append('\n');
            }
        }
        return text.ToString();
    }

    /// <summary>The lines of /etc/resolv.conf of a container in networks: our own server, which asks those that were asked for, else the host's.</summary>
    /// <param name="host">What was asked for.</param>
    /// <param name="hostText">The host's file; empty when there is none.</param>
    public static string NetworkResolver(HostConfig host, string hostText)
    {
        var text = new StringBuilder("nameserver ").Append(OwnServer).Append('\n');
        foreach ((string word, IReadOnlyList<string>? asked) in ((string, IReadOnlyList<string>?)[])[("search", host.DnsSearch), ("options", host.DnsOptions)])
        {
            if (asked is { Count: > 0 })
            {
                text.Append(word).Append(' ').Append(OneLine(string.Join(' ', asked))).Append('\n');
            }
            else if (hostText.Split('\n').LastOrDefault(line => line.StartsWith(word + " ", StringComparison.Ordinal)) is { } line)
            {
                text.Append(line).Append('\n');
            }
        }
        return text.ToString();
    }

    /// <summary>The lines of /etc/resolv.conf: what was asked for, else the host's own.</summary>
    /// <param name="host">What was asked for.</param>
    /// <param name="hostText">The host's file; empty when there is none.</param>
    public static string Resolver(HostConfig host, string hostText)
    {
        if (host.Dns is null or { Count: 0 } && host.DnsSearch is null or { Count: 0 } && host.DnsOptions is null or { Count: 0 })
        {
            return hostText;
        }
        var text = new StringBuilder();
        foreach (string server in host.Dns ?? [])
        {
            text.Append("nameserver ").Append(OneLine(server)).Append('\n');
        }
        if (host.DnsSearch is { Count: > 0 } search)
        {
            text.Append("search ").Append(OneLine(string.Join(' ', search))).Append('\n');
        }
        if (host.DnsOptions is { Count: > 0 } options)
        {
            text.Append("options ").Append(OneLine(string.Join(' ', options))).Append('\n');
        }
        return text.ToString();
    }

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");
}
