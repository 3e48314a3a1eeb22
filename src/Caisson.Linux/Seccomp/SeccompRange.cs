using Caisson.Errors;

namespace Caisson.Linux.Seccomp;

/// <summary>Neighbouring call numbers with one outcome: an action, or tests of arguments and the default action after them.</summary>
/// <param name="Start">The first number; the range ends where the next begins.</param>
/// <param name="Action">The outcome when there are no tests.</param>
/// <param name="Tests">In the order they are tried; null when the action alone decides.</param>
internal readonly record struct SeccompRange(uint Start, SeccompAction Action, List<SeccompTest>? Tests)
{
    /// <summary>The ranges of one convention from number 0 (or the x32 bit) to the end of numbers, in order.</summary>
    public static List<SeccompRange> Of(SeccompPolicy policy, SeccompCalls calls, SeccompConvention convention)
    {
        uint origin = convention == SeccompConvention.X32 ? SyscallTable.X32Bit : 0u;
        int newest = calls.NewestNumber(convention);
        var ranges = new List<SeccompRange> { new(origin, policy.DefaultAction, null) };
        for (int number = 0; number <= newest; number++)
        {
            Add(ranges, Outcome(policy, calls, convention, number) with { Start = origin + (uint)number });
        }

        // Convention without any known call: runc leaves it to the default action, so there is no newest either.
        if (newest > 0 && !policy.DefaultAction.IsPermissive)
        {
            Add(ranges, new(origin + (uint)newest + 1, SeccompAction.Fail(Errno.ENOSYS), null));
        }
        else if (newest >= 0)
        {
            Add(ranges, new(origin + (uint)newest + 1, policy.DefaultAction, null));
        }
        return ranges;
    }

    private static void Add(List<SeccompRange> ranges, SeccompRange next)
    {
        var last = ranges[^1];
        if (next.Start == last.Start)
        {
            ranges[^1] = next;
        }
        else if (!last.HasOutcomeOf(next))
        {
            ranges.Add(next);
        }
    }

    private bool HasOutcomeOf(SeccompRange other)
    {
        if (Tests is null || other.Tests is null)
        {
            return Tests is null && other.Tests is null && Action == other.Action;
        }
        if (Tests.Count != other.Tests.Count)
        {
            return false;
        }
        for (int i = 0; i < Tests.Count; i++)
        {
            if (Tests[i].Action != other.Tests[i].Action || !Tests[i].AsksAs(other.Tests[i]))
            {
                return false;
            }
        }
        return true;
    }

    private static SeccompRange Outcome(
        SeccompPolicy policy, SeccompCalls calls, SeccompConvention convention, int number)
    {
        List<SeccompTest>? tests = null;
        for (int cursor = calls.First(convention, number); cursor != 0;)
        {
            var test = calls.Next(ref cursor);
            if (test.Conditions.IsEmpty)
            {
                return new(0, test.Action, null);
            }
            tests ??= [];
            Insert(tests, test, convention, number);
        }
        return new(0, policy.DefaultAction, tests);
    }

    private static void Insert(List<SeccompTest> tests, SeccompTest test, SeccompConvention convention, int number)
    {
        int at = tests.Count;
        for (int i = tests.Count - 1; i >= 0; i--)
        {
            if (tests[i].AsksAs(test))
            {
                if (tests[i].Action == test.Action)
                {
                    return;
                }
                throw new CaissonException(
                    ErrorKind.InvalidArgument,
                    $"compiling seccomp policy: two rules for {SyscallTable.NameOf(number, convention)} have the same conditions but different actions ({tests[i].Action}, {test.Action})");
            }
            if (test.CompareTo(tests[i]) < 0)
            {
                at = i;
            }
        }
        tests.Insert(at, test);
    }
}
