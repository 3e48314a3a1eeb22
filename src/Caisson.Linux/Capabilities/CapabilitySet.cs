using System.Numerics;

namespace Caisson.Linux;

/// <summary>A set of capabilities, as the bits that capset(2) and <c>/proc/PID/status</c> use.</summary>
public readonly record struct CapabilitySet(ulong Bits)
{
    /// <summary>No capability.</summary>
    public static CapabilitySet Empty => default;

    /// <summary>The set of these.</summary>
    public static CapabilitySet Of(params ReadOnlySpan<Capability> capabilities)
    {
        ulong bits = 0;
        foreach (Capability capability in capabilities)
        {
            bits |= 1UL << (int)capability;
        }
        return new(bits);
    }

    /// <summary>All capabilities up to the number <paramref name="last"/>.</summary>
    public static CapabilitySet UpTo(int last) => new(last >= 63 ? ulong.MaxValue : (1UL << (last + 1)) - 1);

    /// <summary>How many.</summary>
    public int Count => BitOperations.PopCount(Bits);

    /// <summary>Whether it is in the set.</summary>
    public bool Has(Capability capability) => (Bits >> (int)capability & 1) != 0;

    /// <summary>With one more.</summary>
    public CapabilitySet With(Capability capability) => new(Bits | (1UL << (int)capability));

    /// <summary>Without one.</summary>
    public CapabilitySet Without(Capability capability) => new(Bits & ~(1UL << (int)capability));

    /// <summary>What is in either.</summary>
    public CapabilitySet Union(CapabilitySet other) => new(Bits | other.Bits);

    /// <summary>What is in both.</summary>
    public CapabilitySet Intersect(CapabilitySet other) => new(Bits & other.Bits);

    /// <summary>The members by number.</summary>
    public IEnumerable<Capability> Members()
    {
        for (ulong rest = Bits; rest != 0; rest &= rest - 1)
        {
            yield return (Capability)BitOperations.TrailingZeroCount(rest);
        }
    }

    /// <inheritdoc/>
    public override string ToString() => string.Join(' ', Members().Select(CapabilityNames.NameOf));
}
