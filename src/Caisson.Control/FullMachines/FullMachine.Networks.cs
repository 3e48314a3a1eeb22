using System.Globalization;

using Caisson.Control.Events;
using Caisson.Control.Model;
using Caisson.Control.Networking;
using Caisson.Control.State;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Full;
using Caisson.Machines.Hosting;

namespace Caisson.Control.FullMachines;

public sealed partial class FullMachine
{
    private const int MtuBytes = 1_500;

    private Namespace RequireNetwork() => _services.Host.OpenNetwork(Id)
        ?? throw new CaissonException(ErrorKind.Unavailable, $"machine {_record.Name} ended while it was connected to its networks");

    /// <summary>Connects the sandbox of a QEMU that has not begun; what was connected is on record first of all.</summary>
    private void ConnectUnlocked()
    {
        using Namespace inside = RequireNetwork();
        List<EndpointRecord> endpoints = [];
        try
        {
            for (int i = 0; i < _record.Networks.Count; i++)
            {
                endpoints.Add(ConnectOne(_record.Networks[i], i, inside));
            }
            SetUnlocked(
                _status with { Endpoints = endpoints, Addresses = AddressesOf(endpoints) },
                Durability.Process,
                (EngineEvent[])[.. endpoints.Select(endpoint => _services.Networks.Event(endpoint.NetworkId, "connect", Id))]);
        }
        catch
        {
            endpoints.ForEach(endpoint => _services.Networks.Disconnect(endpoint, null));
            throw;
        }
    }

    private EndpointRecord ConnectOne(NetworkAttachment attachment, int device, Namespace inside)
    {
        ContainerRecord member = _record.AsMember();
        IReadOnlyList<PortRequest> ports = attachment == _record.Networks.FirstOrDefault(one => _services.Networks.TryFind(one.NetworkId) is { } network && ContainerNetworks.CanPublish(network))
            ? PortRequest.Read(member.HostConfig, null, new List<Problem>())
            : [];
        if (attachment.IPv4.Length == 0 && _status.Addresses.TryGetValue(attachment.HardwareAddress, out string? last))
        {
            try
            {
                return _services.Networks.Connect(member, attachment with { IPv4 = last }, device, ports, inside);
            }
            catch (CaissonException)
            {
                // Another has it now.
            }
        }
        return _services.Networks.Connect(member, attachment, device, ports, inside);
    }

    private static Dictionary<string, string> AddressesOf(IEnumerable<EndpointRecord> endpoints) =>
        endpoints.Where(endpoint => endpoint.IPv4.Length > 0).ToDictionary(endpoint => endpoint.HardwareAddress, endpoint => endpoint.IPv4);

    /// <summary>Takes a machine that has ended out of its networks, all but in its status; a failure is told, not fatal.</summary>
    private EngineEvent[] DisconnectUnlocked()
    {
        foreach (EndpointRecord endpoint in _status.Endpoints)
        {
            _engine.Lines.Remove(endpoint.Id);
            try
            {
                _services.Networks.Disconnect(endpoint, null);
            }
            catch (CaissonException error)
            {
                _services.Log.Warn($"machine {_record.Name}: leave network {endpoint.NetworkId}: {error.Message}");
            }
        }
        return [.. _status.Endpoints.Select(endpoint => _services.Networks.Event(endpoint.NetworkId, "disconnect", Id))];
    }

    private void PlugInterfacesUnlocked(MachineMonitor monitor)
    {
        for (int i = 0; i < _record.Config.Interfaces.Count; i++)
        {
            PlugInterfaceUnlocked(monitor, _record.Config.Interfaces[i], _status.Endpoints[i]);
        }
    }

    /// <summary>Joins a device of the sandbox to an interface of the machine, whose end QEMU gets.</summary>
    private void PlugInterfaceUnlocked(MachineMonitor monitor, FullInterface one, EndpointRecord endpoint)
    {
        using Namespace inside = RequireNetwork();
        TapDevice? tap = null;
        inside.RunInside(() => tap = TapBridge.Connect(endpoint.Device));
        using (tap)
        {
            monitor.Give(FullMachinePlan.DescriptorOf(one), tap!);
            foreach (QmpStep step in FullMachinePlan.Plug(_record.Config, one, endpoint.HardwareAddress))
            {
                monitor.Execute(step);
            }
        }
        ServeUnlocked(endpoint, inside);
    }

    /// <summary>Gives the machine its lease and its names at an interface; one without IPv4 needs neither.</summary>
    private void ServeUnlocked(EndpointRecord endpoint, Namespace inside)
    {
        NetworkRecord? network = _services.Networks.TryFind(endpoint.NetworkId);
        if (network is null || !InternetAddress.TryParse(endpoint.IPv4.Split('/')[0], out InternetAddress address) || !HardwareAddress.TryParse(endpoint.HardwareAddress, out HardwareAddress client))
        {
            return;
        }
        NetworkSubnet? subnet = network.Subnets.FirstOrDefault(one => Subnet.TryParse(one.Subnet, out Subnet range) && range.Contains(address));
        bool hasGateway = InternetAddress.TryParse(subnet?.Gateway ?? "", out InternetAddress gateway) && !network.Internal;
        int prefix = subnet is null ? 32 : Subnet.Parse(subnet.Subnet).PrefixLength;
        int mtu = int.TryParse(network.Options.GetValueOrDefault("com.docker.network.driver.mtu"), NumberStyles.None, CultureInfo.InvariantCulture, out int asked) ? asked : MtuBytes;
        var lease = new DhcpLease(address, prefix, hasGateway ? gateway : null, GuestLine.ServerAddress, _record.Name, mtu);
        GuestLine? line = null;
        inside.RunInside(() => line = GuestLine.Open(endpoint.Device, lease, client));
        _engine.Lines.Add(endpoint.Id, line!);
    }

    /// <summary>Serves the interfaces of a machine that an engine before this one started.</summary>
    private void ServeAllUnlocked()
    {
        using Namespace inside = RequireNetwork();
        foreach (EndpointRecord endpoint in _status.Endpoints)
        {
            ServeUnlocked(endpoint, inside);
        }
    }
}
