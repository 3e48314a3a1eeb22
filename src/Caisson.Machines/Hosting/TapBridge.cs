using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Machines.Hosting;

/// <summary>Joins a device of the sandbox's network to an interface of the machine, so that the machine is where a container would be.</summary>
/// <remarks>
/// A bridge with two ports. The machine takes over the device's hardware address and its internet addresses, so whoever is outside sees no difference, and what
/// keeps a container from using other addresses keeps the machine from it; the device itself gets an address of its own, because a bridge takes
/// frames for its ports' addresses as its own. Nothing in the sandbox answers for the machine's addresses (<c>arp_ignore</c>).
/// </remarks>
public static class TapBridge
{
    /// <summary>Joins <paramref name="device"/>, which is up.</summary>
    /// <returns>The interface for the machine; the bridge goes with the sandbox's network.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: there is no such device.</exception>
    public static TapDevice Connect(string device)
    {
        using RouteSocket route = RouteSocket.Open();
        NetworkLink link = route.FindLink(device) ?? throw new CaissonException(ErrorKind.NotFound, $"connect the machine: its sandbox has no device {device}");
        string bridge = BridgeOf(link.Index);
        TapDevice tap = TapDevice.Create($"mt{link.Index}");
        try
        {
            route.Execute(
            [
                new RouteRequest.CreateBridge(bridge, OwnAddress(), (int)link.Mtu),
                new RouteRequest.NoLinkLocalAddress(bridge),
                new RouteRequest.NoLinkLocalAddress(tap.Name),
            ]);
            int index = route.FindLink(bridge)!.Index;
            route.Execute(
            [
                new RouteRequest.SetHardwareAddress(device, OwnAddress()),
                new RouteRequest.SetMaster(device, index),
                new RouteRequest.SetMaster(tap.Name, index),
                // The network outside gives broadcasts back to who sent them: a bridge that learned from that would look for the machine outside.
                new RouteRequest.SetLearning(device, false),
                new RouteRequest.SetLearning(tap.Name, false),
                new RouteRequest.Up(tap.Name),
                new RouteRequest.Up(bridge),
            ]);
            return tap;
        }
        catch
        {
            tap.Dispose();
            throw;
        }
    }

    /// <summary>The name of the bridge that joins the device of an index.</summary>
    public static string BridgeOf(int index) => $"mb{index}";

    private static HardwareAddress OwnAddress() => HardwareAddress.Local(BitConverter.ToUInt64(KernelRandom.Take(8)));
}
