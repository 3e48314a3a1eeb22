using System.Collections.Immutable;
using System.Text;

namespace Caisson.Linux.Nftables;

/// <summary>Which packets a table sees. Source: nft(8), "Address families".</summary>
public enum NftFamily
{
    /// <summary>IPv4 and IPv6.</summary>
    Inet = 1,

    /// <summary>IPv4.</summary>
    IPv4 = 2,

    /// <summary>Frames that a bridge forwards.</summary>
    Bridge = 7,
}

/// <summary>Where a base chain is called. Source: nft(8), "Address families".</summary>
public enum NftHook
{
    /// <summary>Everything that comes in.</summary>
    Prerouting = 0,

    /// <summary>What is for this host.</summary>
    Input = 1,

    /// <summary>What is passed on.</summary>
    Forward = 2,

    /// <summary>What this host sends.</summary>
    Output = 3,

    /// <summary>Everything that goes out.</summary>
    Postrouting = 4,
}

/// <summary>A set, or with <paramref name="Data"/> a map, of hashed keys.</summary>
/// <param name="Name">Within its table.</param>
/// <param name="Key">The parts of a key.</param>
/// <param name="Data">The parts of a value; empty for a set.</param>
public sealed record NftSet(string Name, ImmutableArray<NftDataType> Key, ImmutableArray<NftDataType> Data)
{
    /// <summary>A set.</summary>
    public NftSet(string name, params ImmutableArray<NftDataType> key) : this(name, key, []) { }

    /// <summary>As nft(8) writes its type.</summary>
    internal string TypeText => Data.IsEmpty ? Words(Key) : $"{Words(Key)} : {Words(Data)}";

    private static string Words(ImmutableArray<NftDataType> types) => string.Join(" . ", Array.ConvertAll([.. types], type => type.Word()));
}

/// <summary>A chain of rules; a base chain, which packets enter by themselves, when it has a hook.</summary>
/// <param name="Name">Within its table.</param>
/// <param name="Rules">In order.</param>
public sealed record NftChain(string Name, ImmutableArray<NftRule> Rules)
{
    /// <summary>Where packets enter it; null for a chain that others jump to.</summary>
    public NftHook? Hook { get; init; }

    /// <summary>Whether it is of the kind that translates addresses.</summary>
    public bool IsNat { get; init; }

    /// <summary>Lower is earlier among the chains of the hook.</summary>
    public int Priority { get; init; }
}

/// <summary>A table: all that it has, as a value.</summary>
/// <param name="Family">Which packets it sees.</param>
/// <param name="Name">Unique within the family and network namespace.</param>
/// <param name="Sets">Its sets and maps.</param>
/// <param name="Chains">Its chains; one that is jumped to stands before those that do.</param>
/// <param name="Elements">What is in its sets.</param>
public sealed record NftTable(
    NftFamily Family, string Name, ImmutableArray<NftSet> Sets, ImmutableArray<NftChain> Chains, ImmutableArray<NftElement> Elements)
{
    internal string FamilyWord => Word(Family);

    internal static string Word(NftFamily family) => family switch
    {
        NftFamily.Inet => "inet",
        NftFamily.IPv4 => "ip",
        _ => "bridge",
    };

    /// <summary>The whole table in the language of nft(8), which can read it.</summary>
    public override string ToString()
    {
        var text = new StringBuilder($"table {FamilyWord} {Name} {{\n");
        foreach (var set in Sets)
        {
            text.Append($"\t{(set.Data.IsEmpty ? "set" : "map")} {set.Name} {{\n\t\ttype {set.TypeText}\n");
            string elements = string.Join(",\n\t\t\t     ", Elements.Where(element => element.Set == set.Name));
            text.Append(elements.Length > 0 ? $"\t\telements = {{ {elements} }}\n" : "").Append("\t}\n\n");
        }
        foreach (var chain in Chains)
        {
            text.Append($"\tchain {chain.Name} {{\n");
            if (chain.Hook is { } hook)
            {
#pragma warning disable CA1308 // nft's words are lower case
                text.Append($"\t\ttype {(chain.IsNat ? "nat" : "filter")} hook {hook.ToString().ToLowerInvariant()} priority {chain.Priority}; policy accept;\n");
#pragma warning restore CA1308
            }
            foreach (var rule in chain.Rules)
            {
                text.Append($"\t\t{rule}\n");
            }
            text.Append("\t}\n\n");
        }
        text.Length--;
        return text.Append("}\n").ToString();
    }
}
