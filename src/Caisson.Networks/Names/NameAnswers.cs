using System.Collections.Immutable;
using Caisson.Linux;

namespace Caisson.Networks.Names;

/// <summary>What the networks of a container say to a question. Pure.</summary>
internal static class NameAnswers
{
    /// <summary>Short: a container that was started anew may have another address.</summary>
    private const uint TtlSeconds = 30;

    /// <summary>The answer, or null when the question is about the rest of the world.</summary>
    /// <param name="request">What is asked.</param>
    /// <param name="networks">Of the container that asks, in order.</param>
    /// <param name="turn">Of several addresses another one is first each turn.</param>
    /// <param name="bytesMax">Largest message that the asker takes this way.</param>
    internal static byte[]? TryAnswer(DnsRequest request, ImmutableArray<NameTable> networks, int turn, int bytesMax)
    {
        if (request.Type == DnsType.Ptr)
        {
            return NameTable.ReverseAddress(request.Name) is { } address && Name(networks, address) is { } name
                ? DnsWriter.Answer(request, DnsStatus.Done, [(DnsType.Ptr, DnsWriter.EncodeName(name))], TtlSeconds, bytesMax)
                : null;
        }
        foreach (var network in networks)
        {
            if (network.Find(request.Name) is { } addresses)
            {
                var asked = addresses.Where(address => request.Type == DnsType.Any || address.IsIPv6 == (request.Type == DnsType.Aaaa)).ToList();
                if (request.Type is not (DnsType.A or DnsType.Aaaa or DnsType.Any))
                {
                    asked.Clear(); // the name is ours, and has nothing of that type
                }
                var turned = asked.Select((_, index) => asked[(index + turn) % asked.Count]);
                return DnsWriter.Answer(
                    request, DnsStatus.Done, [.. turned.Select(address => (address.IsIPv6 ? DnsType.Aaaa : DnsType.A, address.ToBytes()))], TtlSeconds, bytesMax);
            }
        }
        return null;
    }

    private static string? Name(ImmutableArray<NameTable> networks, InternetAddress address) =>
        networks.Select(network => network.FindName(address)).FirstOrDefault(name => name is not null);
}
