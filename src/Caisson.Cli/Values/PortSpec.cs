using System.Globalization;

using Caisson.Client.Containers;

namespace Caisson.Cli.Values;

/// <summary>Published ports: <c>[address:][hostPort]:port[/protocol]</c>, ports or ranges.</summary>
internal static class PortSpec
{
    /// <summary>Adds what <paramref name="text"/> says to both collections.</summary>
    /// <exception cref="FormatException">Malformed, or ranges of different length.</exception>
    public static void Publish(string text, ISet<string> exposed, IDictionary<string, List<PortBinding>> bindings)
    {
        (string rest, string protocol) = SplitProtocol(text);
        (string address, string host, string inside) = SplitParts(rest, text);
        var insideRange = ParseRange(inside, text);
        var hostRange = host.Length == 0 ? default((int First, int Last)?) : ParseRange(host, text);
        int count = insideRange.Last - insideRange.First + 1;
        if (hostRange is { } range && range.Last - range.First + 1 != count && count != 1)
        {
            throw new FormatException($"invalid ranges in {text}: both must have the same length");
        }
        for (int i = 0; i < count; i++)
        {
            string port = Name(insideRange.First + i, protocol);
            string hostPort = hostRange is not { } from ? ""
                : count == 1 && from.Last > from.First ? host
                : (from.First + i).ToString(CultureInfo.InvariantCulture);
            exposed.Add(port);
            if (!bindings.TryGetValue(port, out var list))
            {
                bindings[port] = list = [];
            }
            list.Add(new PortBinding(address, hostPort));
        }
    }

    /// <summary>The ports of <c>--expose</c>: <c>80</c>, <c>80/udp</c>, <c>8000-8010</c>.</summary>
    /// <exception cref="FormatException">Malformed.</exception>
    public static IEnumerable<string> Expose(string text)
    {
        (string rest, string protocol) = SplitProtocol(text);
        var (first, last) = ParseRange(rest, text);
        return Enumerable.Range(first, last - first + 1).Select(port => Name(port, protocol));
    }

    private static string Name(int port, string protocol) => string.Create(CultureInfo.InvariantCulture, $"{port}/{protocol}");

    private static (string Before, string Protocol) SplitProtocol(string text)
    {
        int slash = text.LastIndexOf('/');
        if (slash < 0)
        {
            return (text, "tcp");
        }
        string protocol = text[(slash + 1)..].ToLowerInvariant();
        return protocol is "tcp" or "udp" or "sctp"
            ? (text[..slash], protocol)
            : throw new FormatException($"invalid protocol in {text}: write tcp, udp or sctp");
    }

    private static (string Address, string Host, string Inside) SplitParts(string rest, string text)
    {
        int last = rest.LastIndexOf(':');
        if (last < 0)
        {
            return ("", "", rest);
        }
        string inside = rest[(last + 1)..];
        string before = rest[..last];
        int second = before.EndsWith(']') ? -1 : before.LastIndexOf(':');
        string address = second < 0 ? "" : before[..second];
        string host = before[(second + 1)..];
        if (before.EndsWith(']'))
        {
            (address, host) = (before, "");
        }
        address = address.Trim('[', ']');
        return address.Length == 0 || System.Net.IPAddress.TryParse(address, out _)
            ? (address, host, inside)
            : throw new FormatException($"invalid address in {text}: {address}");
    }

    private static (int First, int Last) ParseRange(string range, string text)
    {
        string[] ends = range.Split('-');
        if (ends.Length <= 2
            && ushort.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out ushort first)
            && ushort.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out ushort last)
            && first > 0 && last >= first)
        {
            return (first, last);
        }
        throw new FormatException($"invalid port in {text}: write a number from 1 to 65535 or a range of two");
    }
}
