using System.Globalization;
using Caisson.Linux;

namespace Caisson.Networks;

/// <summary>Ports of the host that lead to ports of a container, one to one and in order.</summary>
/// <param name="Protocol">TCP, UDP or SCTP.</param>
/// <param name="HostAddress">The host's address; 0.0.0.0 or :: for all of a family, null for all of both.</param>
/// <param name="HostPort">The first of the host; 0 for ones that are free.</param>
/// <param name="ContainerPort">The first of the container; 1 or more.</param>
/// <param name="Count">How many; 1 or more.</param>
public sealed record PublishedPort(TransportProtocol Protocol, InternetAddress? HostAddress, ushort HostPort, ushort ContainerPort, int Count = 1)
{
    /// <summary>Whether it is for addresses of that family.</summary>
    internal bool IsFor(bool isIPv6) => HostAddress is not { } address || address.IsIPv6 == isIPv6;

    /// <summary>Whether a port of the host at that place would be one of these, too.</summary>
    internal bool Collides(Ports.PortTable.Place place) => Protocol == place.Protocol
        && place.Port >= HostPort && place.Port < HostPort + Count
        && (HostAddress is not { } address || Collide(address, place.Address));

    /// <summary>What is left of these when <paramref name="taken"/> are gone, in order.</summary>
    internal IEnumerable<PublishedPort> Without(IReadOnlyList<PublishedPort> taken)
    {
        int first = 0;
        for (int i = 0; i <= Count; i++)
        {
            if (i < Count && !IsTaken((ushort)(HostPort + i)))
            {
                continue;
            }
            if (i > first)
            {
                yield return this with { HostPort = (ushort)(HostPort + first), ContainerPort = (ushort)(ContainerPort + first), Count = i - first };
            }
            first = i + 1;
        }

        bool IsTaken(ushort number) => Ports.PortTable.PlacesOf(this with { HostPort = number, Count = 1 }).Any(place => taken.Any(port => port.Collides(place)));
    }

    /// <summary>Whether a port at one address is the same port at the other.</summary>
    internal static bool Collide(InternetAddress one, InternetAddress other) =>
        one.IsIPv6 == other.IsIPv6 && (one.IsAny || other.IsAny || one == other);

    /// <summary>As in <c>127.0.0.1:8080->80/tcp</c>, with ranges as <c>first-last</c>.</summary>
    public override string ToString()
    {
        string host = HostAddress is { } address ? address.IsIPv6 ? $"[{address}]:" : $"{address}:" : "";
#pragma warning disable CA1308 // protocols are written in lower case
        return $"{host}{Range(HostPort)}->{Range(ContainerPort)}/{Protocol.ToString().ToLowerInvariant()}";
#pragma warning restore CA1308
    }

    private string Range(ushort first) => string.Create(
        CultureInfo.InvariantCulture, $"{first}{(Count > 1 && first != 0 ? $"-{first + Count - 1}" : "")}");
}
