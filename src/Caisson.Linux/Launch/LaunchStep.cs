using System.Collections.Immutable;
using System.Text;

namespace Caisson.Linux.Launch;

/// <summary>One operation of a launch: a system call, what may go wrong with it, and why it is there.</summary>
public sealed class LaunchStep
{
    internal LaunchStep(SystemCall call, string reason, ImmutableArray<Argument> arguments)
    {
        Call = call;
        Reason = reason;
        Arguments = arguments;
    }

    /// <summary>What is called.</summary>
    public SystemCall Call { get; }

    /// <summary>At most six.</summary>
    public ImmutableArray<Argument> Arguments { get; }

    /// <summary>Why, in a person's words; an error of this step is reported with it.</summary>
    public string Reason { get; }

    internal Slot Result { get; private set; } = Slot.None;

    internal ImmutableArray<Errno> Expected { get; private set; } = [];

    internal bool ExpectsAny { get; private set; }

    internal Label? OnSuccess { get; private set; }

    internal Label? OnExpected { get; private set; }

    /// <summary>Keeps the result (or the negative error number) in <paramref name="slot"/>.</summary>
    public LaunchStep Into(Slot slot)
    {
        Result = slot;
        return this;
    }

    /// <summary>Goes on, at <paramref name="target"/> or the next step, when the call gives one of at most three <paramref name="errors"/>.</summary>
    public LaunchStep Expect(Label? target, params ReadOnlySpan<Errno> errors)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(errors.Length, 3);
        Expected = [.. errors];
        OnExpected = target;
        return this;
    }

    /// <summary>Goes on with the next step when the call gives one of at most three <paramref name="errors"/>.</summary>
    public LaunchStep Expect(params ReadOnlySpan<Errno> errors) => Expect(null, errors);

    /// <summary>Goes on, at <paramref name="target"/> or the next step, whatever error the call gives.</summary>
    public LaunchStep ExpectAny(Label? target = null)
    {
        ExpectsAny = true;
        OnExpected = target;
        return this;
    }

    /// <summary>Goes on at <paramref name="target"/> after success (for <see cref="SystemCall.Branch"/>: when not zero).</summary>
    public LaunchStep Then(Label target)
    {
        OnSuccess = target;
        return this;
    }

    /// <summary>As <c>explain</c> prints it, without number and reason.</summary>
    public override string ToString()
    {
        StringBuilder text = new();
        text.Append(Call).Append('(').AppendJoin(", ", Arguments).Append(')');
        if (Result.Index != 0)
        {
            text.Append(" = ").Append(Result.Name);
        }
        return text.ToString();
    }
}

/// <summary>A place in a program that steps before it can jump to.</summary>
public sealed class Label
{
    internal int Position { get; set; } = -1;
}
