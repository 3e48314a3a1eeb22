using Caisson.Linux.Seccomp;

namespace Caisson.Linux.Tests.Seccomp;

/// <summary>What a policy means, written as plainly as possible and slowly.</summary>
internal static class SeccompReference
{
    private const uint X32Bit = 0x40000000;

    public static uint Evaluate(SeccompPolicy policy, Call call)
    {
        bool isX64 = call.Architecture == Call.X64;
        bool isX86 = call.Architecture == Call.X86 && policy.Architectures.HasFlag(SeccompArchitectures.X86);
        bool hasX32 = policy.Architectures.HasFlag(SeccompArchitectures.X32);
        bool isX32 = isX64 && call.Number >= X32Bit;
        if (!isX64 && !isX86)
        {
            return SeccompAction.KillThread.ReturnValue;
        }
        if (isX32 && !hasX32)
        {
            return (call.Number == uint.MaxValue ? policy.DefaultAction : SeccompAction.KillThread).ReturnValue;
        }
        return Covered(policy, call, isX86 ? 1 : isX32 ? 2 : 0).ReturnValue;
    }

    private static SeccompAction Covered(SeccompPolicy policy, Call call, int convention)
    {
        int number = (int)(convention == 2 ? call.Number & ~X32Bit : call.Number);
        int newest = policy.Rules.SelectMany(r => r.Names).Select(n => NumberOf(n, convention)).DefaultIfEmpty(-1).Max();
        bool permissive = policy.DefaultAction.ToString() is "allow" or "log" || policy.DefaultAction.ToString().StartsWith("trace", StringComparison.Ordinal);
        if (!permissive && newest > 0 && (uint)number > (uint)newest)
        {
            return SeccompAction.Fail(Errno.ENOSYS);
        }

        ulong width = convention == 0 ? ulong.MaxValue : uint.MaxValue;
        var rules = policy.Rules
            .Where(r => r.Action != policy.DefaultAction && number >= 0 && r.Names.Any(n => NumberOf(n, convention) == number))
            .Select(r => (r.Action, Conditions: r.Conditions.Where(c => !IsAlways(c, width)).OrderBy(c => c.Index).ToList()))
            .ToList();
        foreach (var (action, conditions) in rules)
        {
            if (conditions.Count == 0)
            {
                return action;
            }
        }
        var matches = rules.Where(r => r.Conditions.All(c => Holds(c, call, width))).Select(r => r.Action).Distinct().ToList();
        return matches.Count switch
        {
            0 => policy.DefaultAction,
            1 => matches[0],
            _ => throw new InvalidOperationException("the policy contradicts itself; generate another"),
        };
    }

    private static int NumberOf(string name, int convention) =>
        !SyscallTable.TryFind(name, out var n) ? -1
        : convention == 0 ? n.X64
        : convention == 1 ? n.X86
        : n.X32 < 0 ? -1 : n.X32 & ~(int)X32Bit;

    private static bool IsAlways(SeccompCondition c, ulong width) =>
        c.Comparison == SeccompComparison.MaskedEqual && (c.Value & width) == 0;

    private static bool Holds(SeccompCondition c, Call call, ulong width)
    {
        ulong argument = call.Argument(c.Index) & width;
        ulong value = c.Value & width;
        return c.Comparison switch
        {
            SeccompComparison.NotEqual => argument != value,
            SeccompComparison.Less => argument < value,
            SeccompComparison.LessOrEqual => argument <= value,
            SeccompComparison.Equal => argument == value,
            SeccompComparison.GreaterOrEqual => argument >= value,
            SeccompComparison.Greater => argument > value,
            _ => (argument & value) == (c.ValueTwo & value),
        };
    }
}
