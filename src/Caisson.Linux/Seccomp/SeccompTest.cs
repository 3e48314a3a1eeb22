using System.Collections.Immutable;

namespace Caisson.Linux.Seccomp;

/// <summary>A rule with conditions as it is for one convention: normal form, by rising argument.</summary>
internal readonly record struct SeccompTest(SeccompAction Action, ImmutableArray<SeccompCondition> Conditions)
{
    /// <summary>Brings conditions to normal form: values cut to the width, masked values masked, those always true gone.</summary>
    public static ImmutableArray<SeccompCondition> Normalize(ImmutableArray<SeccompCondition> conditions, bool wide)
    {
        if (conditions.IsEmpty)
        {
            return conditions;
        }
        var normal = ImmutableArray.CreateBuilder<SeccompCondition>(conditions.Length);
        ulong width = wide ? ulong.MaxValue : uint.MaxValue;
        foreach (var condition in conditions)
        {
            ulong value = condition.Value & width;
            bool masked = condition.Comparison == SeccompComparison.MaskedEqual;
            if (!masked || value != 0)
            {
                normal.Add(condition with { Value = value, ValueTwo = masked ? condition.ValueTwo & value : 0 });
            }
        }
        normal.Sort(static (a, b) => a.Index.CompareTo(b.Index));
        return normal.DrainToImmutable();
    }

    /// <summary>Whether both ask the same, whatever the action.</summary>
    public bool AsksAs(SeccompTest other) => Conditions.AsSpan().SequenceEqual(other.Conditions.AsSpan());

    /// <summary>
    /// The order in which tests are tried, which decides when two match: higher arguments first; then equality, then
    /// less, then greater; then the narrower value. A test whose conditions begin another's is the wider and goes first.
    /// </summary>
    public int CompareTo(SeccompTest other)
    {
        int common = Math.Min(Conditions.Length, other.Conditions.Length);
        for (int i = 0; i < common; i++)
        {
            int order = Compare(Conditions[i], other.Conditions[i]);
            if (order != 0)
            {
                return order;
            }
            if (Conditions[i] != other.Conditions[i])
            {
                return 0;
            }
        }
        return Conditions.Length - other.Conditions.Length;
    }

    private static int Compare(SeccompCondition a, SeccompCondition b)
    {
        int order = b.Index.CompareTo(a.Index);
        order = order != 0 ? order : Rank(b.Comparison).CompareTo(Rank(a.Comparison));
        if (order != 0)
        {
            return order;
        }
        var (x, y) = (Datum(a), Datum(b));
        return Rank(a.Comparison) == 2 ? x.CompareTo(y) : y.CompareTo(x);
    }

    private static ulong Datum(SeccompCondition condition) =>
        condition.Comparison == SeccompComparison.MaskedEqual ? condition.ValueTwo : condition.Value;

    private static int Rank(SeccompComparison comparison) => comparison switch
    {
        SeccompComparison.Equal or SeccompComparison.NotEqual or SeccompComparison.MaskedEqual => 3,
        SeccompComparison.Less or SeccompComparison.LessOrEqual => 2,
        _ => 1,
    };
}
