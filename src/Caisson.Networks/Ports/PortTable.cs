using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Networks.Ports;

/// <summary>Which ports of the host lead to containers. For one thread at a time.</summary>
internal sealed class PortTable
{
    private readonly Dictionary<(TransportProtocol Protocol, ushort Port), List<(InternetAddress Address, string Holder)>> _held = [];

    /// <summary>Who has a port that <paramref name="port"/> would need, and which; null when all are free.</summary>
    internal (string Holder, ushort Port)? FindHolder(PublishedPort port)
    {
        for (int i = 0; i < port.Count; i++)
        {
            ushort number = (ushort)(port.HostPort + i);
            foreach (var (address, holder) in _held.GetValueOrDefault((port.Protocol, number)) ?? [])
            {
                if (Addresses(port).Any(wanted => Collide(wanted, address)))
                {
                    return (holder, number);
                }
            }
        }
        return null;
    }

    /// <summary>Gives the ports to <paramref name="holder"/>.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Conflict"/>: one is taken.</exception>
    internal void Take(PublishedPort port, string holder)
    {
        if (FindHolder(port) is { } taken)
        {
            throw new CaissonException(ErrorKind.Conflict, $"publish {port} for {holder}: port {taken.Port} of the host already leads to {taken.Holder}");
        }
        for (int i = 0; i < port.Count; i++)
        {
            var key = (port.Protocol, (ushort)(port.HostPort + i));
            if (!_held.TryGetValue(key, out var list))
            {
                _held[key] = list = [];
            }
            list.AddRange(Addresses(port).Select(address => (address, holder)));
        }
    }

    /// <summary>Takes the ports back.</summary>
    internal void Release(PublishedPort port, string holder)
    {
        for (int i = 0; i < port.Count; i++)
        {
            var key = (port.Protocol, (ushort)(port.HostPort + i));
            if (_held.TryGetValue(key, out var list) && list.RemoveAll(held => held.Holder == holder && Addresses(port).Contains(held.Address)) > 0 && list.Count == 0)
            {
                _held.Remove(key);
            }
        }
    }

    /// <summary>The addresses it is for; the "any" of a family stands for all of it.</summary>
    internal static IEnumerable<InternetAddress> Addresses(PublishedPort port) =>
        port.HostAddress is { } address ? [address] : [InternetAddress.AnyIPv4, InternetAddress.AnyIPv6];

    private static bool Collide(InternetAddress one, InternetAddress other) =>
        one.IsIPv6 == other.IsIPv6 && (one.IsAny || other.IsAny || one == other);
}
