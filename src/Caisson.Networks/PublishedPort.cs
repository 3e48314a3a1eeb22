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
