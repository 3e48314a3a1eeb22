using System.Collections.Immutable;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Networks.Addresses;
using Caisson.Networks.Rules;

namespace Caisson.Networks;

/// <summary>What planning must know of the host and of the networks there are.</summary>
public sealed record NetworkFacts
{
    /// <summary>Names of kernel objects.</summary>
    public required NetworkNames Names { get; init; }

    /// <summary>The other networks.</summary>
    public ImmutableArray<NetworkConfig> Networks { get; init; } = [];

    /// <summary>Subnets that the host has routes for.</summary>
    public ImmutableArray<Subnet> Routed { get; init; } = [];

    /// <summary>Names of the host's devices; asked for where one is named.</summary>
    public ImmutableArray<string> Devices { get; init; } = [];

    /// <summary>Whether ports can be published at ::1, see <see cref="NetworkPlane.HasLoopback6"/>.</summary>
    public bool Loopback6 { get; init; }

    /// <summary>What a bridge passes on goes through the host's rules of IPv4 all the same (net.bridge.bridge-nf-call-iptables).</summary>
    public bool FiltersBridged { get; init; }

    /// <summary>Where subnets come from when none is named.</summary>
    public ImmutableArray<AddressBlock> Blocks { get; init; } = AddressPool.Default;
}

/// <summary>Decides how a network or an endpoint comes to be. Pure: values in, steps out.</summary>
public static class NetworkPlan
{
    private const int MtuMin = 576;
    private const int MtuIPv6Min = 1280;
    private const int MtuMax = 65535;
    private const int LinkLocalPrefix = 64;

    /// <summary>Says everything that <paramref name="asked"/> leaves open: subnets, ranges, gateways.</summary>
    /// <param name="asked">Nothing of it is checked yet.</param>
    /// <param name="facts">Of the host.</param>
    /// <param name="problems">Receives every problem found, by JSON pointer into <paramref name="asked"/>.</param>
    public static NetworkConfig Complete(NetworkConfig asked, NetworkFacts facts, ICollection<Problem> problems)
    {
        CheckNetwork(asked, facts, problems);
        List<Subnet> taken = [.. facts.Routed];
        foreach (var other in facts.Networks.SelectMany(network => network.Subnets))
        {
            taken.Add(other.Subnet);
        }
        List<SubnetConfig> subnets = [];
        for (int i = 0; i < asked.Subnets.Length; i++)
        {
            CheckSubnet(asked.Subnets, i, facts, problems);
            subnets.Add(WithGateway(asked.Subnets[i]));
        }
        if (problems.Count > 0)
        {
            return asked;
        }

        if (!subnets.Exists(subnet => !subnet.Subnet.First.IsIPv6) && (subnets.Count == 0 || asked.Driver == NetworkDriver.Bridge))
        {
            // The first block is the default network's, whenever that is made.
            ImmutableArray<AddressBlock> order = asked.IsDefault || facts.Blocks.Length < 2 ? facts.Blocks : [.. facts.Blocks[1..], facts.Blocks[0]];
            subnets.Insert(0, WithGateway(new(AddressPool.Choose(order, taken))));
        }
        if (asked.IPv6 && !subnets.Exists(subnet => subnet.Subnet.First.IsIPv6))
        {
            subnets.Add(WithGateway(new(AddressPool.ChooseUniqueLocal(facts.Names.Owner, asked.Id, taken))));
        }
        return asked with { Subnets = [.. subnets], IPv6 = subnets.Exists(subnet => subnet.Subnet.First.IsIPv6) };
    }

    /// <summary>The steps that make a complete network.</summary>
    public static ImmutableArray<NetworkStep> Compile(NetworkConfig network, NetworkFacts facts)
    {
        if (network.Driver != NetworkDriver.Bridge)
        {
            return [];
        }
        string bridge = facts.Names.Bridge(network);
        var steps = ImmutableArray.CreateBuilder<NetworkStep>();
        // The rules are there before the first packet can be.
        steps.Add(new NetworkStep.AddElements(Ruleset.ElementsOf(network, facts.Names)));
        steps.Add(new NetworkStep.CreateBridge(bridge, NetworkNames.Hardware(network.Id), network.MtuBytes, facts.Names.BridgeGroup));
        steps.Add(new NetworkStep.HostSetting($"net/ipv6/conf/{bridge}/disable_ipv6", network.IPv6 ? "0" : "1"));
        if (network.IPv6)
        {
            steps.Add(new NetworkStep.HostSetting($"net/ipv6/conf/{bridge}/accept_ra", "0"));
        }
        if (!network.Internal)
        {
            // What the host sends to its own 127.0.0.1 may leave by this bridge, translated; a rule drops what comes from it to or from 127.0.0.0/8.
            steps.Add(new NetworkStep.HostSetting($"net/ipv4/conf/{bridge}/route_localnet", "1"));
            if (network.Routed && !facts.FiltersBridged)
            {
                // Its ports do not hear each other: the host answers for every address, and passes on what comes.
                steps.Add(new NetworkStep.HostSetting($"net/ipv4/conf/{bridge}/proxy_arp_pvlan", "1"));
            }
            steps.Add(new NetworkStep.EnableForwarding(IsIPv6: false));
            if (network.IPv6)
            {
                steps.Add(new NetworkStep.EnableForwarding(IsIPv6: true));
            }
        }
        foreach (var subnet in network.Subnets)
        {
            steps.Add(new NetworkStep.HostAddress(bridge, subnet.Gateway!.Value, subnet.Subnet.PrefixLength));
        }
        if (network.IPv6)
        {
            // Of its own making, so that it is there at once: the host asks by it who has an address.
            steps.Add(new NetworkStep.HostAddress(bridge, NetworkNames.Hardware(network.Id).LinkLocalAddress(), LinkLocalPrefix));
        }
        steps.Add(new NetworkStep.HostUp(bridge));
        if (network.IPv6 && !network.Internal)
        {
            // The answers to what the host sent from ::1 come by the bridge; the kernel drops what says so itself, before it is translated.
            steps.Add(new NetworkStep.HostLocalRoute(bridge, InternetAddress.IPv6(1)));
        }
        return steps.ToImmutable();
    }

    /// <summary>Reports what is wrong with an endpoint before anything is taken for it.</summary>
    public static void Check(EndpointConfig endpoint, NetworkConfig network, NetworkFacts facts, ICollection<Problem> problems)
    {
        CheckName(endpoint.DeviceName, "/DeviceName", problems);
        if (endpoint.HardwareAddress is { IsUnicast: false } hardware)
        {
            problems.Add(new("/HardwareAddress", $"{hardware} is a group's; a device needs one of its own, such as 02:…"));
        }
        if (endpoint.HardwareAddress is not null && network.Driver == NetworkDriver.Ipvlan)
        {
            problems.Add(new("/HardwareAddress", $"containers of network {network.Name} share the hardware address of {network.Parent}"));
        }
        CheckFamily(endpoint.IPv4, isIPv6: false, "/IPv4");
        CheckFamily(endpoint.IPv6, isIPv6: true, "/IPv6");
        for (int i = 0; i < endpoint.Ports.Length; i++)
        {
            var port = endpoint.Ports[i];
            string path = $"/Ports/{i}";
            if (network.Internal || network.Driver != NetworkDriver.Bridge)
            {
                problems.Add(new(path, $"network {network.Name} is {(network.Internal ? "internal" : "not a bridge")}: nothing outside reaches its ports"));
            }
            if (port.ContainerPort == 0 || port.Count < 1 || port.ContainerPort + port.Count > 65536 || port.HostPort + port.Count > 65536)
            {
                problems.Add(new(path, $"{port}: ports are 1 to 65535"));
            }
            if (port.HostAddress is { IsIPv6: true, IsLoopback: true } && !facts.Loopback6)
            {
                problems.Add(new(
                    path,
                    "::1: this host passes bridged packets through its rules of IPv6 (net.bridge.bridge-nf-call-ip6tables is 1), and then drops answers to ::1; set that to 0, or publish at 127.0.0.1"));
            }
            if (port.HostAddress is { IsIPv6: true } address && !network.IPv6)
            {
                problems.Add(new(path, $"{address}: network {network.Name} has no IPv6"));
            }
        }

        void CheckFamily(InternetAddress? address, bool isIPv6, string path)
        {
            if (address is { } asked && (asked.IsIPv6 != isIPv6 || !network.Subnets.Any(subnet => subnet.Subnet.Contains(asked))))
            {
                problems.Add(new(path, $"{asked} is in no {(isIPv6 ? "IPv6" : "IPv4")} subnet of network {network.Name} ({string.Join(", ", network.Subnets.Select(subnet => subnet.Subnet.ToString()))})"));
            }
        }
    }

    /// <summary>The steps that connect a container, whose endpoint has its addresses.</summary>
    public static ImmutableArray<NetworkStep> Compile(EndpointConfig endpoint, NetworkConfig network, NetworkFacts facts)
    {
        string device = endpoint.DeviceName;
        var hardware = endpoint.HardwareAddress ?? default;
        var steps = ImmutableArray.CreateBuilder<NetworkStep>();
        if (network.Driver == NetworkDriver.Bridge)
        {
            string port = facts.Names.Port(endpoint.Id);
            steps.Add(new NetworkStep.AddElements(Ruleset.ElementsOf(endpoint, network, facts.Names)));
            steps.Add(new NetworkStep.CreatePair(port, facts.Names.Bridge(network), network.MtuBytes, device, hardware));
            steps.Add(new NetworkStep.HostPort(port, network.IsolatedPorts || (network.Routed && !facts.FiltersBridged)));
            steps.Add(new NetworkStep.HostUp(port));
        }
        else if (network.Driver == NetworkDriver.Macvlan)
        {
            steps.Add(new NetworkStep.CreateMacvlan(network.Parent, network.MtuBytes, device, hardware, network.MacvlanMode));
        }
        else
        {
            steps.Add(new NetworkStep.CreateIpvlan(network.Parent, network.MtuBytes, device, network.IpvlanMode));
        }
        // Of a hardware address that several share the kernel makes several link-local ones.
        bool ownLinkLocal = network.IPv6 && network.Driver != NetworkDriver.Ipvlan;

        steps.Add(new NetworkStep.ContainerSetting($"net/ipv6/conf/{device}/disable_ipv6", network.IPv6 ? "0" : "1"));
        if (network.IPv6)
        {
            steps.Add(new NetworkStep.ContainerSetting($"net/ipv6/conf/{device}/accept_ra", "0"));
        }
        if (ownLinkLocal)
        {
            steps.Add(new NetworkStep.ContainerNoLinkLocal(device));
        }
        steps.Add(new NetworkStep.ContainerUp("lo"));
        steps.Add(new NetworkStep.ContainerUp(device));
        foreach (var subnet in network.Subnets)
        {
            var address = subnet.Subnet.First.IsIPv6 ? endpoint.IPv6!.Value : endpoint.IPv4!.Value;
            steps.Add(new NetworkStep.ContainerAddress(device, address, subnet.Subnet.PrefixLength));
        }
        if (ownLinkLocal)
        {
            steps.Add(new NetworkStep.ContainerAddress(device, hardware.LinkLocalAddress(), LinkLocalPrefix));
        }
        if (endpoint.DefaultRoute && !network.Internal)
        {
            bool routed = network is { Driver: NetworkDriver.Ipvlan, IpvlanMode: not IpvlanMode.L2 };
            foreach (var subnet in network.Subnets.Where(subnet => subnet.Gateway is not null))
            {
                steps.Add(routed
                    ? new NetworkStep.ContainerDeviceRoute(device, subnet.Subnet.First.IsIPv6, endpoint.Metric)
                    : new NetworkStep.ContainerDefaultRoute(device, subnet.Gateway!.Value, endpoint.Metric));
            }
        }
        return steps.ToImmutable();
    }

    private static void CheckNetwork(NetworkConfig asked, NetworkFacts facts, ICollection<Problem> problems)
    {
        if (asked.Name.Length == 0 || asked.Name is "host" or "none" or "default" || asked.Name.Contains(':', StringComparison.Ordinal))
        {
            problems.Add(new("/Name", $"'{asked.Name}' cannot be a network's name"));
        }
        if (facts.Networks.Any(network => network.Id == asked.Id))
        {
            problems.Add(new("/Id", $"network {asked.Id} exists"));
        }
        if (asked.MtuBytes != 0 && (asked.MtuBytes > MtuMax || asked.MtuBytes < (asked.IPv6 ? MtuIPv6Min : MtuMin)))
        {
            problems.Add(new("/MtuBytes", $"{asked.MtuBytes} bytes: packets are {(asked.IPv6 ? MtuIPv6Min : MtuMin)} to {MtuMax} bytes"));
        }
        if (asked.BridgeName.Length > 0)
        {
            CheckName(asked.BridgeName, "/BridgeName", problems);
            if (asked.BridgeName.StartsWith(facts.Names.LinkPrefix, StringComparison.Ordinal) || facts.Devices.Contains(asked.BridgeName)
                || facts.Networks.Any(network => facts.Names.Bridge(network) == asked.BridgeName))
            {
                problems.Add(new("/BridgeName", $"'{asked.BridgeName}' is the name of another device"));
            }
        }
        if (asked.Driver != NetworkDriver.Bridge && !facts.Devices.Contains(asked.Parent))
        {
            problems.Add(new("/Parent", $"the host has no device '{asked.Parent}'; name one of: {string.Join(", ", facts.Devices)}"));
        }
    }

    private static void CheckSubnet(ImmutableArray<SubnetConfig> subnets, int index, NetworkFacts facts, ICollection<Problem> problems)
    {
        var (asked, path) = (subnets[index], $"/Subnets/{index}");
        var subnet = asked.Subnet;
        if (subnets.Take(index).Any(other => other.Subnet.First.IsIPv6 == subnet.First.IsIPv6))
        {
            problems.Add(new(path, $"{subnet}: a network has at most one subnet of each family"));
        }
        if (subnet.HostBits < 2 || subnet.PrefixLength < 8)
        {
            problems.Add(new(path, $"{subnet}: a subnet has a prefix of 8 to {subnet.First.BitCount - 2} bits"));
        }
        if (facts.Networks.FirstOrDefault(network => network.Subnets.Any(other => other.Subnet.Overlaps(subnet))) is { } holder)
        {
            problems.Add(new(path, $"{subnet} overlaps {holder.Subnets.First(other => other.Subnet.Overlaps(subnet)).Subnet} of network {holder.Name}"));
        }
        else if (facts.Routed.FirstOrDefault(route => route.Overlaps(subnet)) is { PrefixLength: > 0 } route)
        {
            problems.Add(new(path, $"{subnet} overlaps {route}, for which the host has a route"));
        }
        if (asked.Range is { } range && !subnet.Contains(range))
        {
            problems.Add(new($"{path}/Range", $"{range} is not inside {subnet}"));
        }
        if (asked.Gateway is { } gateway && !subnet.Contains(gateway))
        {
            problems.Add(new($"{path}/Gateway", $"{gateway} is not inside {subnet}"));
        }
        for (int i = 0; i < asked.Reserved.Length; i++)
        {
            var (name, address) = asked.Reserved[i];
            string at = $"{path}/Reserved/{i}";
            if (!subnet.Contains(address) || address == subnet.First || (!address.IsIPv6 && address == subnet.Last))
            {
                problems.Add(new(at, $"{name}={address} is not an address that a host of {subnet} can have"));
            }
            else if (asked.Reserved.Take(i).Any(other => other.Address == address) || address == asked.Gateway)
            {
                problems.Add(new(at, $"{name}={address}: the address is named twice"));
            }
        }
    }

    private static void CheckName(string device, string path, ICollection<Problem> problems)
    {
        if (device.Length is 0 or > 15 || device is "." or ".." or "lo" or "all" or "default" || device.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('_' or '-' or '.')))
        {
            problems.Add(new(path, $"'{device}' cannot be a device's name; it has at most 15 letters, digits, dots, hyphens and underscores"));
        }
    }

    /// <summary>The first address that is not kept for others.</summary>
    private static SubnetConfig WithGateway(SubnetConfig subnet)
    {
        var gateway = subnet.Gateway ?? subnet.Subnet.First.Plus(1);
        while (subnet.Gateway is null && subnet.Reserved.Any(reserved => reserved.Address == gateway))
        {
            gateway = gateway.Plus(1);
        }
        return subnet with { Gateway = gateway };
    }
}
