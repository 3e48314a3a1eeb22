using System.Collections.Immutable;
using System.Globalization;

using Caisson.Documents;

namespace Caisson.Compose.Loading;

/// <summary>Published ports: <c>[address:][published:]target[/protocol]</c> with ranges, or the long form; becomes one long form for each port.</summary>
/// <remarks>Source: Compose Specification, "ports".</remarks>
internal sealed class PortsShape : Shape
{
    private static readonly ObjectShape Long = new(ObjectShape.Fields(
        ("name", ScalarShape.Text), ("mode", ScalarShape.Choice("host", "ingress")), ("host_ip", ScalarShape.Text), ("target", ScalarShape.Whole),
        ("published", ScalarShape.Text), ("protocol", ScalarShape.Choice("tcp", "udp", "sctp")), ("app_protocol", ScalarShape.Text)))
    {
        Required = ["target"],
        Short = (scalar, path, reading) => ReadShort(scalar, path, reading),
        Complete = Check,
    };

    private static readonly ListShape List = new(Long);

    protected override DocumentNode? ReadValue(DocumentNode node, string path, Reading reading) => List.Read(node, path, reading);

    private static MappingNode? Check(MappingNode port, string path, Reading reading)
    {
        if (port.Whole("target") is < 1 or > 65535)
        {
            reading.Problems.Add(port.Problem($"{path}: target must be 1 to 65535"));
            return null;
        }
        if (port.Text("published") is { Length: > 0 } published && Range(published) is null)
        {
            reading.Problems.Add(port.Problem($"{path}: published must be a port or a range of ports, and is '{published}'"));
            return null;
        }
        var read = port["mode"] is null ? port.With("mode", ScalarNode.Of("ingress", port.Position)) : port;
        return read["protocol"] is null ? read.With("protocol", ScalarNode.Of("tcp", port.Position)) : read;
    }

    private static ManyNode? ReadShort(ScalarNode scalar, string path, Reading reading)
    {
        string text = scalar.Text;
        string protocol = "tcp";
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        if (slash >= 0)
        {
            protocol = text[(slash + 1)..].ToLowerInvariant();
            text = text[..slash];
        }
        string target = text;
        string published = "";
        string address = "";
        int last = text.LastIndexOf(':');
        if (last >= 0)
        {
            target = text[(last + 1)..];
            string left = text[..last];
            int before = left.EndsWith(']') ? -2 : left.LastIndexOf(':');
            address = before == -2 ? left : before >= 0 ? left[..before] : "";
            published = before == -2 ? "" : left[(before + 1)..];
            // An address alone: 127.0.0.1:80 has no published port.
            if (before < 0 && published.Contains('.', StringComparison.Ordinal))
            {
                (address, published) = (published, "");
            }
        }
        var inside = Range(target);
        var outside = published.Length == 0 ? (0, -1) : Range(published);
        if (inside is not { } to || outside is not { } from || protocol is not ("tcp" or "udp" or "sctp"))
        {
            reading.Problems.Add(scalar.Problem($"{path}: '{scalar.Text}' is no port; write [address:][published:]target[/protocol]"));
            return null;
        }
        int count = to.Last - to.First + 1;
        int offered = from.Item2 - from.Item1 + 1;
        if (published.Length > 0 && count > 1 && offered != count)
        {
            reading.Problems.Add(scalar.Problem($"{path}: '{scalar.Text}' has {offered} published ports for {count} ports; ranges must be of the same length"));
            return null;
        }
        var ports = ImmutableArray.CreateBuilder<DocumentNode>(count);
        for (int i = 0; i < count; i++)
        {
            ports.Add(Port(scalar.Position, to.First + i, protocol, address.Trim('[', ']'), published.Length == 0 ? "" : count > 1 ? Digits(from.Item1 + i) : published));
        }
        return new(ports.ToImmutable(), scalar.Position);
    }

    private static MappingNode Port(SourcePosition at, int target, string protocol, string address, string published)
    {
        var port = new MappingNode([new("mode", at, ScalarNode.Of("ingress", at))], at);
        port = address.Length > 0 ? port.With("host_ip", ScalarNode.Of(address, at)) : port;
        port = port.With("target", ScalarNode.Of(target, at));
        port = published.Length > 0 ? port.With("published", ScalarNode.Of(published, at)) : port;
        return port.With("protocol", ScalarNode.Of(protocol, at));
    }

    private static (int First, int Last)? Range(string text)
    {
        string[] sides = text.Split('-');
        return sides.Length <= 2 && Number(sides[0]) is { } first && Number(sides[^1]) is { } last && first <= last ? (first, last) : null;
    }

    private static int? Number(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number is > 0 and <= 65535 ? number : null;

    private static string Digits(int number) => number.ToString(CultureInfo.InvariantCulture);
}
