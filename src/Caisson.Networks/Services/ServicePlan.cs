using System.Collections.Immutable;
using Caisson.Linux;

namespace Caisson.Networks.Services;

/// <summary>A port of a service: where it is reached, and who answers.</summary>
/// <param name="Address">Of the service.</param>
/// <param name="Protocol">TCP or UDP.</param>
/// <param name="Port">Of the service.</param>
/// <param name="NodePort">The same at every address of the host; 0 for none.</param>
/// <param name="Sticky">Connections from one sender go to one receiver.</param>
/// <param name="Receivers">Who answers, each at its own port; nobody: connections are refused.</param>
public sealed record ServicePort(
    InternetAddress Address, TransportProtocol Protocol, ushort Port, ushort NodePort, bool Sticky, ImmutableArray<InternetEndpoint> Receivers)
{
    /// <inheritdoc/>
    public bool Equals(ServicePort? other) => other is not null && Address == other.Address && Protocol == other.Protocol && Port == other.Port
        && NodePort == other.NodePort && Sticky == other.Sticky && Receivers.SequenceEqual(other.Receivers);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Address, Protocol, Port, NodePort, Receivers.Length);
}

/// <summary>What may go to or from one address that a policy has cut off.</summary>
/// <param name="Address">Whose.</param>
/// <param name="Peer">From or to whom; null for anybody.</param>
/// <param name="Protocol">Null for all.</param>
/// <param name="Port">Of the receiver; 0 for all.</param>
public sealed record AllowedPath(InternetAddress Address, InternetAddress? Peer, TransportProtocol? Protocol, ushort Port);

/// <summary>Services, their names, and what policies let through. A value: all of it takes the place of all that was.</summary>
public sealed record ServicePlan
{
    /// <summary>Where the addresses of services come from: what is sent there and is nobody's is refused.</summary>
    public required Subnet Addresses { get; init; }

    /// <summary>The ports.</summary>
    public ImmutableArray<ServicePort> Ports { get; init; } = [];

    /// <summary>The domain all names of which are in <see cref="Names"/>.</summary>
    public string Domain { get; init; } = "";

    /// <summary>Addresses by name.</summary>
    public IReadOnlyDictionary<string, ImmutableArray<InternetAddress>> Names { get; init; } = ImmutableDictionary<string, ImmutableArray<InternetAddress>>.Empty;

    /// <summary>To whom only what is allowed goes.</summary>
    public ImmutableArray<InternetAddress> ClosedInward { get; init; } = [];

    /// <summary>From whom only what is allowed goes.</summary>
    public ImmutableArray<InternetAddress> ClosedOutward { get; init; } = [];

    /// <summary>What goes to those of <see cref="ClosedInward"/>.</summary>
    public ImmutableArray<AllowedPath> Inward { get; init; } = [];

    /// <summary>What goes from those of <see cref="ClosedOutward"/>.</summary>
    public ImmutableArray<AllowedPath> Outward { get; init; } = [];

    internal bool SameRules(ServicePlan other) => Addresses == other.Addresses && Ports.SequenceEqual(other.Ports)
        && ClosedInward.SequenceEqual(other.ClosedInward) && ClosedOutward.SequenceEqual(other.ClosedOutward)
        && Inward.SequenceEqual(other.Inward) && Outward.SequenceEqual(other.Outward);
}
