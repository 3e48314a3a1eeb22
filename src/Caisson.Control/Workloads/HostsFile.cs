using System.Net;
using System.Text;

using Caisson.Control.Model;

namespace Caisson.Control.Workloads;

/// <summary>The text of /etc/hosts and /etc/resolv.conf inside.</summary>
internal static class HostsFile
{
    /// <summary>Reads <c>name:address</c> or <c>name=address</c>; an IPv6 address may stand in brackets.</summary>
    public static bool TryReadExtra(string entry, out string name, out string address)
    {
        int split = entry.IndexOfAny([':', '=']);
        name = split < 0 ? entry : entry[..split];
        address = split < 0 ? "" : entry[(split + 1)..].Trim('[', ']');
        return name.Length > 0 && !name.Any(char.IsWhiteSpace) && IPAddress.TryParse(address, out _);
    }

    /// <summary>The lines of /etc/hosts.</summary>
    public static string Hosts(ContainerRecord container)
    {
        var text = new StringBuilder("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n");
        foreach (string entry in container.HostConfig.ExtraHosts ?? [])
        {
            if (TryReadExtra(entry, out string name, out string address))
            {
                text.Append(address).Append('\t').Append(name).Append('\n');
            }
        }
        if (container.Config.Hostname is { Length: > 0 } hostname)
        {
            string full = container.Config.Domainname.Length > 0 ? $"{hostname}.{container.Config.Domainname} {hostname}" : hostname;
            text.Append("127.0.1.1\t").Append(full).Append('\n');
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
