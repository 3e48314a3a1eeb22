using System.Collections.Immutable;
using Caisson.Linux;

namespace Caisson.Networks.Names;

/// <summary>The name servers of the host's <c>/etc/resolv.conf</c>, read again when some seconds have passed. For one thread. Source: resolv.conf(5).</summary>
internal sealed class HostNameServers
{
    private const int FreshMs = 5000;
    private const int ServersMax = 3;

    private ImmutableArray<InternetEndpoint> _servers = [];
    private long _readAt = long.MinValue / 2;

    internal ImmutableArray<InternetEndpoint> Now()
    {
        if (Environment.TickCount64 - _readAt > FreshMs)
        {
            _servers = Parse(HostFiles.TryReadText("/etc/resolv.conf") ?? "");
            _readAt = Environment.TickCount64;
        }
        return _servers;
    }

    internal static ImmutableArray<InternetEndpoint> Parse(string text)
    {
        List<InternetEndpoint> servers = [];
        foreach (string line in text.Split('\n'))
        {
            string[] words = line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            if (words.Length >= 2 && words[0] == "nameserver" && servers.Count < ServersMax && InternetAddress.TryParse(words[1], out var address))
            {
                servers.Add(new(address, ResolverRules.Port));
            }
        }
        return [.. servers];
    }
}
