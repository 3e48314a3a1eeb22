using System.Collections.Immutable;
using Caisson.Linux;
using Caisson.Linux.Nftables;

namespace Caisson.Networks.Names;

/// <summary>A network as one of its containers sees it.</summary>
/// <param name="Table">Its names.</param>
/// <param name="Forwards">Whether names of the rest of the world are asked of others.</param>
/// <param name="Links">Names that this container alone has for others.</param>
internal sealed record JoinedNetwork(NameTable Table, bool Forwards, ImmutableArray<NameLink> Links)
{
    /// <summary>The addresses of a name; null when nobody is called so.</summary>
    internal List<InternetAddress>? Find(string name)
    {
        foreach (var link in Links)
        {
            if (string.Equals(link.Alias, name, StringComparison.OrdinalIgnoreCase) && Table.Find(link.Target) is { } linked)
            {
                return linked;
            }
        }
        return Table.Find(name);
    }
}

/// <summary>The sockets by which one container asks, in its network namespace; so who asks is what the kernel says, not what a packet says.</summary>
internal sealed class ContainerNames : IDisposable
{
    private ContainerNames(InternetSocket datagrams, InternetSocket connections)
    {
        Datagrams = datagrams;
        Connections = connections;
    }

    internal InternetSocket Datagrams { get; }

    internal InternetSocket Connections { get; }

    /// <summary>Its networks in the order it joined.</summary>
    internal ImmutableArray<JoinedNetwork> Networks { get; set; } = [];

    /// <summary>Where its questions about the rest of the world go; empty for the engine's.</summary>
    internal ImmutableArray<InternetEndpoint> NameServers { get; set; } = [];

    /// <summary>Questions that are being forwarded, and open connections. Of the resolver's thread only.</summary>
    internal int Pending { get; set; }

    /// <summary>Opens sockets in the calling thread's network namespace, whose loopback device is up, and leads port 53 there.</summary>
    internal static ContainerNames Open()
    {
        var datagrams = InternetSocket.Open(TransportProtocol.Udp, isIPv6: false);
        InternetSocket? connections = null;
        try
        {
            connections = InternetSocket.Open(TransportProtocol.Tcp, isIPv6: false);
            if (!datagrams.TryBind(new(ResolverRules.Address, 0)) || !connections.TryBind(new(ResolverRules.Address, 0)))
            {
                throw new LinuxException("bind", Errno.EADDRINUSE, $"{ResolverRules.Address} of a container");
            }
            connections.Listen();
            using var filter = NftSocket.Open();
            Lead(filter, ResolverRules.Table(datagrams.LocalEndpoint.Port, connections.LocalEndpoint.Port));
            return new(datagrams, connections);
        }
        catch
        {
            datagrams.Dispose();
            connections?.Dispose();
            throw;
        }
    }

    private static void Lead(NftSocket filter, NftTable rules)
    {
        try
        {
            filter.Commit(new NftTransaction().Create(rules));
        }
        catch (LinuxException e) when (e.Errno == Errno.EEXIST)
        {
            // Those of an engine before this one, or of a network that the container left; replacing them takes longer.
            filter.Commit(new NftTransaction().Replace(rules));
        }
    }

    public void Dispose()
    {
        Datagrams.Dispose();
        Connections.Dispose();
    }
}
