using System.Globalization;

using Caisson.Control.Model;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Networks;

namespace Caisson.Control.Networking;

/// <summary>A port that is to be published, at one of several ports of the host.</summary>
/// <param name="Port">At the first of them.</param>
/// <param name="HostPortLast">The last of them.</param>
internal sealed record PortRequest(PublishedPort Port, int HostPortLast)
{
    /// <summary>Reads the ports of a container, neighbours as one.</summary>
    /// <param name="host">What is to be published.</param>
    /// <param name="exposed">Ports of the program; published at free ones when all are to be.</param>
    /// <param name="problems">Receives everything that is wrong.</param>
    public static IReadOnlyList<PortRequest> Read(HostConfig host, IReadOnlyList<string>? exposed, ICollection<Problem> problems)
    {
        List<PortRequest> requests = [];
        foreach ((string text, IReadOnlyList<PortBinding>? bindings) in host.PortBindings ?? new Dictionary<string, IReadOnlyList<PortBinding>?>())
        {
            string path = $"/HostConfig/PortBindings/{text}";
            if (!TryReadPort(text, out TransportProtocol protocol, out ushort port))
            {
                problems.Add(new(path, $"invalid port specification: \"{text}\"; it is written as 80/tcp"));
                continue;
            }
            foreach (PortBinding binding in bindings ?? [])
            {
                if (TryReadBinding(binding, protocol, port) is { } request)
                {
                    requests.Add(request);
                }
                else
                {
                    problems.Add(new(path, $"invalid port binding: address '{binding.HostIp}', port '{binding.HostPort}'"));
                }
            }
        }
        for (int i = 0; i < exposed?.Count; i++)
        {
            if (!host.PublishAllPorts)
            {
                break; // told back only
            }
            if (!TryReadPort(exposed[i], out TransportProtocol protocol, out ushort port))
            {
                problems.Add(new("/ExposedPorts", $"invalid port specification: \"{exposed[i]}\"; it is written as 80/tcp"));
            }
            else if (!requests.Exists(request => request.Port.Protocol == protocol && request.Port.ContainerPort == port))
            {
                requests.Add(new(new(protocol, null, 0, port), 0));
            }
        }
        return Join(requests);
    }

    /// <summary>Reads <c>80/tcp</c>; without a protocol it is TCP.</summary>
    public static bool TryReadPort(string text, out TransportProtocol protocol, out ushort port)
    {
        string[] parts = text.Split('/');
        TransportProtocol? known = parts.Length == 1 ? TransportProtocol.Tcp : parts[1] switch
        {
            "tcp" => TransportProtocol.Tcp,
            "udp" => TransportProtocol.Udp,
            "sctp" => TransportProtocol.Sctp,
            _ => null,
        };
        protocol = known ?? default;
        return ushort.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out port) && port > 0 && known is not null && parts.Length <= 2;
    }

    private static PortRequest? TryReadBinding(PortBinding binding, TransportProtocol protocol, ushort port)
    {
        InternetAddress? address = null;
        if (binding.HostIp.Length > 0)
        {
            if (!InternetAddress.TryParse(binding.HostIp.Trim('[', ']'), out InternetAddress parsed))
            {
                return null;
            }
            address = parsed;
        }
        string[] ends = binding.HostPort.Length == 0 ? ["0"] : binding.HostPort.Split('-');
        return ends.Length <= 2
            && ushort.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out ushort first)
            && ushort.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out ushort last)
            && last >= first
            ? new(new(protocol, address, first, port), last)
            : null;
    }

    /// <summary>A range costs as much as a port when it is one.</summary>
    private static List<PortRequest> Join(List<PortRequest> requests)
    {
        List<PortRequest> joined = [];
        foreach (PortRequest request in requests
            .OrderBy(request => request.Port.Protocol)
            .ThenBy(request => request.Port.HostAddress?.ToString(), StringComparer.Ordinal)
            .ThenBy(request => request.Port.ContainerPort)
            .ThenBy(request => request.Port.HostPort))
        {
            if (joined is [.., var last] && last.IsFixed && request.IsFixed
                && last.Port.Protocol == request.Port.Protocol
                && last.Port.HostAddress == request.Port.HostAddress
                && last.Port.ContainerPort + last.Port.Count == request.Port.ContainerPort
                && last.Port.HostPort + last.Port.Count == request.Port.HostPort)
            {
                joined[^1] = new(last.Port with { Count = last.Port.Count + 1 }, request.HostPortLast);
            }
            else
            {
                joined.Add(request);
            }
        }
        return joined;
    }

    /// <summary>Ports that are published, each at the port it has.</summary>
    public static IReadOnlyList<PortRequest> Of(IReadOnlyList<EndpointPort> ports) =>
        [.. ports.Select(EndpointRequest.ToPort).Select(port => new PortRequest(port, port.HostPort + port.Count - 1))];

    /// <summary>The same at the port of the host that it has already, if it may choose and that is one of its choices.</summary>
    public PortRequest Preferring(IReadOnlyList<EndpointPort> published)
    {
        PublishedPort? same = IsFixed ? null : published.Select(EndpointRequest.ToPort).FirstOrDefault(
            port => port.Protocol == Port.Protocol && port.HostAddress == (Port.HostAddress ?? port.HostAddress) && port.ContainerPort == Port.ContainerPort && port.Count == Port.Count
                && (Port.HostPort == 0 || (port.HostPort >= Port.HostPort && port.HostPort <= HostPortLast)));
        return same is null ? this : new(Port with { HostPort = same.HostPort }, same.HostPort + same.Count - 1);
    }

    /// <summary>What a container still asks for when another one has taken ports over.</summary>
    /// <param name="host">What it asked for.</param>
    /// <param name="taken">What the other one has.</param>
    /// <param name="before">What it had.</param>
    /// <param name="left">What it has left.</param>
    public static HostConfig Without(HostConfig host, IReadOnlyList<EndpointPort> taken, IReadOnlyList<EndpointPort> before, IReadOnlyList<EndpointPort> left)
    {
        Dictionary<string, IReadOnlyList<PortBinding>?> rest = [];
        foreach ((string text, IReadOnlyList<PortBinding>? bindings) in host.PortBindings ?? new Dictionary<string, IReadOnlyList<PortBinding>?>())
        {
            PortBinding[] kept = !TryReadPort(text, out TransportProtocol protocol, out ushort port)
                ? []
                : [.. (bindings ?? []).Where(binding => TryReadBinding(binding, protocol, port) is { } request && !IsTaken(request))];
            if (kept.Length > 0)
            {
                rest[text] = kept;
            }
        }
        return host with { PortBindings = rest };

        bool IsTaken(PortRequest request) => request.IsFixed
            ? taken.Any(port => Leads(port, request.Port.Protocol, request.Port.HostPort, request.Port.HostAddress))
            : before.Any(port => IsOf(port, request.Port)) && !left.Any(port => IsOf(port, request.Port));

        static bool IsOf(EndpointPort port, PublishedPort asked) => EndpointRequest.ToPort(port) is { } had
            && had.Protocol == asked.Protocol && asked.ContainerPort >= had.ContainerPort && asked.ContainerPort < had.ContainerPort + had.Count;

        static bool Leads(EndpointPort port, TransportProtocol protocol, ushort number, InternetAddress? address) => EndpointRequest.ToPort(port) is { } had
            && had.Protocol == protocol && number >= had.HostPort && number < had.HostPort + had.Count
            && (had.HostAddress is not { IsAny: false } one || address is not { IsAny: false } other || one == other);
    }

    private bool IsFixed => Port.HostPort > 0 && HostPortLast == Port.HostPort + Port.Count - 1;

    /// <summary>How many ports of the host there are to choose from.</summary>
    public int Choices => IsFixed ? 1 : HostPortLast - Port.HostPort + 1;
}
