namespace Caisson.Linux.Seccomp;

/// <summary>How an argument is compared; unsigned. Source: runtime-spec config-linux.md, "Seccomp", <c>op</c>.</summary>
public enum SeccompComparison
{
    /// <summary>Argument ≠ value.</summary>
    NotEqual,

    /// <summary>Argument &lt; value.</summary>
    Less,

    /// <summary>Argument ≤ value.</summary>
    LessOrEqual,

    /// <summary>Argument = value.</summary>
    Equal,

    /// <summary>Argument ≥ value.</summary>
    GreaterOrEqual,

    /// <summary>Argument &gt; value.</summary>
    Greater,

    /// <summary>Argument AND value (the mask) = second value AND mask.</summary>
    MaskedEqual,
}

/// <summary>A test of one argument of a system call.</summary>
/// <remarks>
/// x86-64 compares all 64 bits, i386 and x32 the low 32, as libseccomp does. The kernel looks only at the low 32 bits of
/// an argument that C calls <c>int</c>: a rule that denies must therefore mask them (<see cref="Int32Equal"/>), or the
/// caller evades it with rubbish in the upper half.
/// </remarks>
/// <param name="Index">Which argument, 0 to 5.</param>
/// <param name="Comparison">How.</param>
/// <param name="Value">With what; the mask for <see cref="SeccompComparison.MaskedEqual"/>.</param>
/// <param name="ValueTwo">What the masked argument must equal; unused otherwise.</param>
public readonly record struct SeccompCondition(int Index, SeccompComparison Comparison, ulong Value, ulong ValueTwo = 0)
{
    /// <summary>The low 32 bits of argument <paramref name="index"/> are <paramref name="value"/>.</summary>
    public static SeccompCondition Int32Equal(int index, uint value) =>
        new(index, SeccompComparison.MaskedEqual, uint.MaxValue, value);

    /// <summary>Always true, yet a condition: a rule with it alone is tried after all others and says what else happens.</summary>
    public static SeccompCondition Otherwise => new(0, SeccompComparison.GreaterOrEqual, 0);

    /// <summary>No bit of <paramref name="bits"/> is set in argument <paramref name="index"/>.</summary>
    public static SeccompCondition NoneOf(int index, ulong bits) => new(index, SeccompComparison.MaskedEqual, bits, 0);
}
