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
    internal static byte[]? TryAnswer(DnsRequest request, ImmutableArray<JoinedNetwork> networks, int turn, int bytesMax)
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
                // A name that is ours and has nothing of another type is answered so.
                addresses.RemoveAll(address => request.Type != DnsType.Any && request.Type != (address.IsIPv6 ? DnsType.Aaaa : DnsType.A));
                List<(DnsType, byte[])> records = [];
                for (int i = 0; i < addresses.Count; i++)
                {
                    var address = addresses[(i + turn) % addresses.Count];
                    records.Add((address.IsIPv6 ? DnsType.Aaaa : DnsType.A, address.ToBytes()));
                }
                return DnsWriter.Answer(request, DnsStatus.Done, records, TtlSeconds, bytesMax);
            }
        }
        // Of a domain that is ours nobody else knows more.
        return networks.Any(network => network.Table.Domain is { Length: > 0 } domain && request.Name.EndsWith(domain, StringComparison.Ordinal))
            ? DnsWriter.Answer(request, DnsStatus.NoSuchName, [], TtlSeconds, bytesMax)
            : null;
    }

    private static string? Name(ImmutableArray<JoinedNetwork> networks, InternetAddress address) =>
        networks.Select(network => network.Table.FindName(address)).FirstOrDefault(name => name is not null);
}
