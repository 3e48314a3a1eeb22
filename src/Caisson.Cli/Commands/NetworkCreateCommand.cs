using Caisson.Cli.CommandLine;
using Caisson.Cli.Values;
using Caisson.Client.Networks;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson network create</c></summary>
internal sealed class NetworkCreateCommand : Command
{
    private readonly ValueOption<string> _driver;
    private readonly SwitchOption _internal, _attachable, _ipv6;
    private readonly ListOption<string> _subnet, _range, _gateway;
    private readonly ListOption<KeyValuePair<string, string>> _option, _label, _auxiliary;

    public NetworkCreateCommand()
    {
        _driver = Text("driver", "Driver to manage the Network: bridge, macvlan or ipvlan (default \"bridge\")", 'd');
        _subnet = List("subnet", "Subnet in CIDR format that represents a network segment");
        _gateway = List("gateway", "IPv4 or IPv6 Gateway for the master subnet");
        _range = List("ip-range", "Allocate container ip from a sub-range");
        _auxiliary = Values("aux-address", "map", "Auxiliary IPv4 or IPv6 addresses used by Network driver", ContainerOptions.FullPair);
        _internal = Switch("internal", "Restrict external access to the network");
        _ipv6 = Switch("ipv6", "Enable IPv6 networking");
        _attachable = Switch("attachable", "Enable manual container attachment");
        _option = Values("opt", "map", "Set driver specific options", ContainerOptions.FullPair, 'o');
        _label = Values("label", "list", "Set metadata on a network", ContainerOptions.Pair);
    }

    public override string Usage => "[OPTIONS] NETWORK";

    public override IReadOnlyList<string> Examples =>
        ["network create front", "network create --internal --subnet 10.20.0.0/24 back", "network create -d macvlan -o parent=eth0 --subnet 192.168.1.0/24 wire"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override int Run(Session session)
    {
        session.Out.WriteLine(session.Engine.CreateNetwork(new NetworkCreation(Arguments[0])
        {
            Driver = _driver.Value,
            Internal = _internal.Value,
            Attachable = _attachable.Value,
            IPv6 = _ipv6.Value,
            Pools = Pools(),
            Options = Map(_option.Values),
            Labels = Map(_label.Values),
        }));
        return 0;
    }

    /// <summary>Ranges and gateways belong to the subnet of their place, or to the one of their family when there is one of each.</summary>
    private List<NetworkPool> Pools()
    {
        if (_subnet.Values.Count == 0 && (_range.Values.Count > 0 || _gateway.Values.Count > 0))
        {
            throw new UsageException("every ip-range or gateway must have a corresponding subnet", exitCode: 1);
        }
        if (_range.Values.Concat(_gateway.Values).Concat(_auxiliary.Values.Select(pair => pair.Value)).FirstOrDefault(text => !_subnet.Values.Exists(subnet => IsIPv6(subnet) == IsIPv6(text))) is { } lost)
        {
            throw new UsageException($"no matching subnet for {lost}", exitCode: 1);
        }
        return [.. _subnet.Values.Select(subnet => new NetworkPool(
            subnet, Of(_range, subnet), Of(_gateway, subnet), Map(_auxiliary.Values.Where(pair => IsIPv6(pair.Value) == IsIPv6(subnet)))))];

        static string Of(ListOption<string> option, string subnet) => option.Values.Find(text => IsIPv6(text) == IsIPv6(subnet)) ?? "";

        static bool IsIPv6(string text) => text.Contains(':', StringComparison.Ordinal);
    }

    private static Dictionary<string, string> Map(IEnumerable<KeyValuePair<string, string>> pairs)
    {
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in pairs)
        {
            map[name] = value;
        }
        return map;
    }
}
