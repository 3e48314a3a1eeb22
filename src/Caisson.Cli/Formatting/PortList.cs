using System.Globalization;

using Caisson.Client.Containers;

namespace Caisson.Cli.Formatting;

/// <summary>Ports in one cell: <c>0.0.0.0:8080->80/tcp, 443/tcp</c>; neighbours become ranges.</summary>
internal static class PortList
{
    public static string Format(IEnumerable<PublishedPort> ports)
    {
        var texts = new List<string>();
        PublishedPort? first = null;
        PublishedPort? last = null;
        foreach (var port in ports
            .OrderBy(port => port.PublicPort == 0 ? 0 : 1)
            .ThenBy(port => port.Type, StringComparer.Ordinal)
            .ThenBy(port => port.Ip, StringComparer.Ordinal)
            .ThenBy(port => port.PrivatePort))
        {
            if (first is not null && !Follows(last!, port))
            {
                texts.Add(Range(first, last!));
                first = null;
            }
            first ??= port;
            last = port;
        }
        if (first is not null)
        {
            texts.Add(Range(first, last!));
        }
        return string.Join(", ", texts);
    }

    private static bool Follows(PublishedPort before, PublishedPort port) =>
        before.Type == port.Type && before.Ip == port.Ip && port.PrivatePort == before.PrivatePort + 1
        && (before.PublicPort == 0 ? port.PublicPort == 0 : port.PublicPort == before.PublicPort + 1);

    private static string Range(PublishedPort first, PublishedPort last)
    {
        string inside = Span(first.PrivatePort, last.PrivatePort);
        if (first.PublicPort == 0)
        {
            return $"{inside}/{first.Type}";
        }
        string address = first.Ip.Contains(':', StringComparison.Ordinal) ? $"[{first.Ip}]" : first.Ip;
        return $"{address}:{Span(first.PublicPort, last.PublicPort)}->{inside}/{first.Type}";
    }

    private static string Span(int first, int last) =>
        first == last ? first.ToString(CultureInfo.InvariantCulture) : string.Create(CultureInfo.InvariantCulture, $"{first}-{last}");
}
