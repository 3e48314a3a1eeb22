using System.Collections.Immutable;
using Caisson.Linux.Nftables;

namespace Caisson.Networks.Rules;

/// <summary>What a network or an endpoint has in the sets of the two tables.</summary>
/// <param name="Host">In the table of the family inet.</param>
/// <param name="Ports">In the table of the family bridge.</param>
public sealed record RuleElements(ImmutableArray<NftElement> Host, ImmutableArray<NftElement> Ports)
{
    /// <summary>By set.</summary>
    public override string ToString() => string.Join(
        " ", Host.Concat(Ports).GroupBy(element => element.Set).Select(group => $"{group.Key} {{ {string.Join(", ", group)} }}"));
}
