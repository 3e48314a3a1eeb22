using System.Collections.Immutable;

using Caisson.Errors;

namespace Caisson.Linux.Seccomp;

/// <summary>A compiled policy and what the compiler has to say about it.</summary>
/// <param name="Filter">Ready to install.</param>
/// <param name="UnknownNames">Names in the policy that no convention has; they were ignored. Each once, in order.</param>
public sealed record SeccompCompilation(SeccompFilter Filter, ImmutableArray<string> UnknownNames);

/// <summary>Compiles a <see cref="SeccompPolicy"/> to classic BPF. Pure.</summary>
/// <remarks>
/// <para>The program, for each convention: a balanced search over the ranges of call numbers that share an outcome (neighbours
/// with the same action are one range, so a profile of 400 calls costs five or six compares), then the tests of arguments.
/// Kernels since 5.11 run it once for each number and remember those that are always allowed.</para>
/// <para>Calls newer than the newest that the policy names fail with ENOSYS unless the default action is permissive, so that
/// programs fall back to older calls as they do on older kernels; runc does the same. A convention that is not covered ends
/// the thread. Call number -1 on x86-64, which a tracer sets to skip a call, gets the default action.</para>
/// <para>On arm64 there is one convention; programs of 32-bit ARM end with their first call.</para>
/// <para>Source: seccomp(2), bpf(4), libseccomp's seccomp_rule_add(3).</para>
/// </remarks>
public static class SeccompCompiler
{
    /// <summary>Goes up whenever the same policy may give another program; part of the key of cached filters.</summary>
    public const int Version = 1;

    private const uint AuditArchX64 = 0xc000003e;
    private const uint AuditArchX86 = 0x40000003;
    private const uint AuditArchArm64 = 0xc00000b7;
    private const int OffsetOfNumber = 0;
    private const int OffsetOfArchitecture = 4;
    private const int ArgumentsMax = 6;

    /// <summary>Compiles <paramref name="policy"/>.</summary>
    /// <param name="policy">What is to be compiled.</param>
    /// <param name="architecture">For which machine's kernel.</param>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.InvalidArgument"/>: a condition names an argument above 5, two rules with the same conditions
    /// disagree, or the program would be longer than the kernel takes.
    /// </exception>
    public static SeccompCompilation Compile(SeccompPolicy policy, KernelArchitecture architecture = KernelArchitectures.Own)
    {
        ArgumentNullException.ThrowIfNull(policy);
        var calls = SeccompCalls.Resolve(policy);
        var flags = policy.Flags;
        foreach (var rule in policy.Rules)
        {
            Check(rule);
            if (rule.Action == SeccompAction.Notify)
            {
                flags |= SeccompFilterOptions.NewListener;
            }
        }
        if (!flags.HasFlag(SeccompFilterOptions.NewListener))
        {
            flags &= ~SeccompFilterOptions.WaitKillableReceive;
        }

        byte[] program = (architecture == KernelArchitecture.Arm64 ? AssembleArm64(policy, calls) : Assemble(policy, calls)) ?? throw new CaissonException(
            ErrorKind.InvalidArgument,
            $"compiling seccomp policy: more than the {SeccompFilter.InstructionsMax} instructions the kernel takes; use fewer conditions");
        return new(new(program, flags), calls.UnknownNames);
    }

    private static void Check(SeccompRule rule)
    {
        foreach (var condition in rule.Conditions)
        {
            if (condition.Index is < 0 or >= ArgumentsMax)
            {
                throw new CaissonException(
                    ErrorKind.InvalidArgument,
                    $"compiling seccomp policy: {string.Join(", ", rule.Names)}: argument {condition.Index} does not exist; the first is 0, the last 5");
            }
        }
    }

    private static byte[]? Assemble(SeccompPolicy policy, SeccompCalls calls)
    {
        var assembler = new BpfAssembler();
        var kill = BpfTarget.Return(SeccompAction.KillThread);
        var byDefault = BpfTarget.Return(policy.DefaultAction);

        var x86 = kill;
        if (policy.Architectures.HasFlag(SeccompArchitectures.X86))
        {
            x86 = LoadNumber(assembler, Section(assembler, policy, calls, SeccompConvention.X86));
        }

        var x32 = policy.Architectures.HasFlag(SeccompArchitectures.X32)
            ? Section(assembler, policy, calls, SeccompConvention.X32)
            : assembler.IfEqual(uint.MaxValue, byDefault, kill);
        var x64 = Section(assembler, policy, calls, SeccompConvention.X64);
        var native = LoadNumber(assembler, assembler.IfAtLeast(SyscallTable.X32Bit, x32, x64));

        var start = assembler.IfEqual(AuditArchX64, native, assembler.IfEqual(AuditArchX86, x86, kill));
        return assembler.Finish(assembler.Load(OffsetOfArchitecture, start));
    }

    private static byte[]? AssembleArm64(SeccompPolicy policy, SeccompCalls calls)
    {
        var assembler = new BpfAssembler();
        var native = LoadNumber(assembler, Section(assembler, policy, calls, SeccompConvention.Arm64));
        var start = assembler.IfEqual(AuditArchArm64, native, BpfTarget.Return(SeccompAction.KillThread));
        return assembler.Finish(assembler.Load(OffsetOfArchitecture, start));
    }

    private static BpfTarget LoadNumber(BpfAssembler assembler, BpfTarget next) =>
        next.IsReturn ? next : assembler.Load(OffsetOfNumber, next);

    private static BpfTarget Section(
        BpfAssembler assembler, SeccompPolicy policy, SeccompCalls calls, SeccompConvention convention)
    {
        var ranges = SeccompRange.Of(policy, calls, convention);
        return Search(assembler, ranges, 0, ranges.Count - 1, BpfTarget.Return(policy.DefaultAction), convention);
    }

    /// <summary>A balanced search for the range that holds the number, among <paramref name="first"/> to <paramref name="last"/>.</summary>
    private static BpfTarget Search(
        BpfAssembler assembler,
        List<SeccompRange> ranges,
        int first,
        int last,
        BpfTarget byDefault,
        SeccompConvention convention)
    {
        if (first == last)
        {
            return Decide(assembler, ranges[first], byDefault, convention);
        }
        int middle = (first + last + 1) / 2;
        var above = Search(assembler, ranges, middle, last, byDefault, convention);
        var below = Search(assembler, ranges, first, middle - 1, byDefault, convention);
        return assembler.IfAtLeast(ranges[middle].Start, above, below);
    }

    private static BpfTarget Decide(
        BpfAssembler assembler, SeccompRange range, BpfTarget byDefault, SeccompConvention convention)
    {
        if (range.Tests is null)
        {
            return BpfTarget.Return(range.Action);
        }
        var next = byDefault;
        for (int i = range.Tests.Count - 1; i >= 0; i--)
        {
            var match = BpfTarget.Return(range.Tests[i].Action);
            var conditions = range.Tests[i].Conditions;
            for (int k = conditions.Length - 1; k >= 0; k--)
            {
                match = convention is SeccompConvention.X64 or SeccompConvention.Arm64
                    ? Wide(assembler, conditions[k], match, next)
                    : Narrow(assembler, conditions[k], match, next);
            }
            next = match;
        }
        return next;
    }

    /// <summary>Compares 64 bits: the upper half, and where it ties the lower.</summary>
    private static BpfTarget Wide(BpfAssembler assembler, SeccompCondition condition, BpfTarget yes, BpfTarget no)
    {
        int low = OffsetOfArgument(condition.Index);
        int high = low + 4;
        uint highValue = (uint)(condition.Value >> 32);
        uint lowValue = (uint)condition.Value;
        switch (condition.Comparison)
        {
            case SeccompComparison.Equal:
                var equal = assembler.Load(low, assembler.IfEqual(lowValue, yes, no));
                return assembler.Load(high, assembler.IfEqual(highValue, equal, no));

            case SeccompComparison.Greater:
                var above = assembler.Load(low, assembler.IfGreater(lowValue, yes, no));
                var tieAbove = assembler.IfEqual(highValue, above, no);
                return assembler.Load(high, assembler.IfGreater(highValue, yes, tieAbove));

            case SeccompComparison.GreaterOrEqual:
                var atLeast = assembler.Load(low, assembler.IfAtLeast(lowValue, yes, no));
                var tieAtLeast = assembler.IfEqual(highValue, atLeast, no);
                return assembler.Load(high, assembler.IfGreater(highValue, yes, tieAtLeast));

            case SeccompComparison.MaskedEqual:
                yes = Masked(assembler, low, lowValue, (uint)condition.ValueTwo, yes, no);
                return Masked(assembler, high, highValue, (uint)(condition.ValueTwo >> 32), yes, no);

            default:
                return Wide(assembler, Opposite(condition), no, yes);
        }
    }

    /// <summary>Compares the low 32 bits, all that a 32-bit convention has.</summary>
    private static BpfTarget Narrow(BpfAssembler assembler, SeccompCondition condition, BpfTarget yes, BpfTarget no)
    {
        int offset = OffsetOfArgument(condition.Index);
        uint value = (uint)condition.Value;
        return condition.Comparison switch
        {
            SeccompComparison.Equal => assembler.Load(offset, assembler.IfEqual(value, yes, no)),
            SeccompComparison.Greater => assembler.Load(offset, assembler.IfGreater(value, yes, no)),
            SeccompComparison.GreaterOrEqual => assembler.Load(offset, assembler.IfAtLeast(value, yes, no)),
            SeccompComparison.MaskedEqual => Masked(assembler, offset, value, (uint)condition.ValueTwo, yes, no),
            _ => Narrow(assembler, Opposite(condition), no, yes),
        };
    }

    private static BpfTarget Masked(
        BpfAssembler assembler, int offset, uint mask, uint value, BpfTarget yes, BpfTarget no)
    {
        if (mask == 0)
        {
            return yes;
        }
        var compare = assembler.IfEqual(value, yes, no);
        return assembler.Load(offset, mask == uint.MaxValue ? compare : assembler.And(mask, compare));
    }

    private static SeccompCondition Opposite(SeccompCondition condition) => condition with
    {
        Comparison = condition.Comparison switch
        {
            SeccompComparison.NotEqual => SeccompComparison.Equal,
            SeccompComparison.Less => SeccompComparison.GreaterOrEqual,
            SeccompComparison.LessOrEqual => SeccompComparison.Greater,
            _ => throw new System.Diagnostics.UnreachableException($"no opposite of {condition.Comparison}"),
        },
    };

    private static int OffsetOfArgument(int index) => 16 + (8 * index);
}
