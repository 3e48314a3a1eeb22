using System.Collections.Immutable;
using System.Globalization;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Agent;

namespace Caisson.Init;

/// <summary>Gives the machine's network interfaces the addresses and routes that its host decided on.</summary>
internal static class GuestNetwork
{
    private const int LinkMs = 5_000;

    /// <summary>Brings up the loopback and every link.</summary>
    public static void Apply(ImmutableArray<GuestLink> links)
    {
        using RouteSocket route = RouteSocket.Open();
        route.Execute([new RouteRequest.Up("lo")]);
        foreach (GuestLink link in links)
        {
            NetworkLink found = Find(route, link);
            if (link.Mtu > 0)
            {
                HostFiles.WriteOnce($"/sys/class/net/{found.Name}/mtu", link.Mtu.ToString(CultureInfo.InvariantCulture));
            }
            List<RouteRequest> requests = [new RouteRequest.Up(found.Name)];
            foreach (string address in link.Addresses)
            {
                string[] parts = address.Split('/');
                requests.Add(new RouteRequest.AddAddress(
                    found.Index, InternetAddress.Parse(parts[0]), parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 32));
            }
            requests.AddRange(link.Gateways.Select(gateway => new RouteRequest.AddDefaultRoute(found.Index, InternetAddress.Parse(gateway), 0)));
            route.Execute(requests);
        }
    }

    private static NetworkLink Find(RouteSocket route, GuestLink link)
    {
        for (int waitedMs = 0; waitedMs < LinkMs; waitedMs++)
        {
            foreach (NetworkLink candidate in route.ListLinks())
            {
                if (candidate.Address is { } address && link.HardwareAddress.Span.SequenceEqual(address.ToBytes()))
                {
                    return candidate;
                }
            }
            Thread.Sleep(1);
        }
        throw new CaissonException(ErrorKind.FailedPrecondition, $"the machine has no network interface of the address {Convert.ToHexStringLower(link.HardwareAddress.Span)}");
    }
}
