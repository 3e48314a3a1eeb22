using System.Collections.Immutable;
using System.Globalization;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Agent;

namespace Caisson.Init;

/// <summary>Gives the machine's network interfaces the addresses and routes that its host decided on.</summary>
internal static class GuestNetwork
{
    private static RouteSocket? _route;

    /// <summary>Brings up the loopback.</summary>
    public static void Begin()
    {
        _route = RouteSocket.Open();
        _route.Execute([new RouteRequest.Up("lo")]);
    }

    /// <summary>Brings up every link.</summary>
    public static void Apply(ImmutableArray<GuestLink> links)
    {
        RouteSocket route = _route ?? throw new System.Diagnostics.UnreachableException("links before the loopback");
        for (int i = 0; i < links.Length; i++)
        {
            Apply(route, GuestDevices.BindInterface(i), links[i]);
        }
    }

    private static void Apply(RouteSocket route, string name, GuestLink link)
    {
        int index = (route.FindLink(name) ?? throw new CaissonException(ErrorKind.FailedPrecondition, $"the machine has lost its network interface {name}")).Index;
        if (link.Mtu > 0)
        {
            HostFiles.WriteOnce($"/sys/class/net/{name}/mtu", link.Mtu.ToString(CultureInfo.InvariantCulture));
        }
        List<RouteRequest> requests =
        [
            // A machine that goes on from a template has the device of the template.
            new RouteRequest.SetHardwareAddress(name, HardwareAddress.FromBytes(link.HardwareAddress.Span)),
            new RouteRequest.Up(name),
        ];
        foreach (string address in link.Addresses)
        {
            string[] parts = address.Split('/');
            requests.Add(new RouteRequest.AddAddress(
                index, InternetAddress.Parse(parts[0]), parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 32));
        }
        requests.AddRange(link.Gateways.Select(gateway => new RouteRequest.AddDefaultRoute(index, InternetAddress.Parse(gateway), 0)));
        route.Execute(requests);
    }
}
