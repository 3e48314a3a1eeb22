using System.Collections.Immutable;

namespace Caisson.Linux.Nftables;

/// <summary>One statement or match of a rule: its words and the expressions that the kernel runs for them.</summary>
public sealed class NftTerm
{
    private readonly string _words;

    internal NftTerm(string words, Action<NftExpressions> write)
    {
        _words = words;
        Write = write;
    }

    internal Action<NftExpressions> Write { get; }

    /// <summary>As nft(8) writes it.</summary>
    public override string ToString() => _words;
}

/// <summary>A rule: matches from left to right, and what is done when all match.</summary>
public sealed class NftRule
{
    private readonly ImmutableArray<NftTerm> _terms;

    /// <summary>Of <paramref name="terms"/> in order.</summary>
    public NftRule(params ImmutableArray<NftTerm> terms) => _terms = terms;

    internal void Write(NetlinkWriter writer)
    {
        var expressions = new NftExpressions(writer);
        foreach (var term in _terms)
        {
            term.Write(expressions);
        }
    }

    /// <summary>As nft(8) writes it.</summary>
    public override string ToString() => string.Join(' ', _terms);
}
