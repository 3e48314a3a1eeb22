using Caisson.Linux.Seccomp;

using Xunit;

namespace Caisson.Linux.Tests.Seccomp;

/// <summary>Filters as the running kernel takes and obeys them.</summary>
public sealed class SeccompKernelTests(SeccompVictim victim) : IClassFixture<SeccompVictim>
{
    private const int Eperm = 1, Enosys = 38, Einval = 22;
    private static readonly SeccompRule Output = new(SeccompAction.Allow, "write", "exit_group", "getpid", "mseal");

    [Fact]
    public void An_allow_list_is_obeyed()
    {
        var policy = new SeccompPolicy(SeccompAction.Fail(Errno.EPERM), [Output]);

        var (code, errnos) = victim.Run(policy, "x64:39", "x64:102", "x64:165", "x64:460", "x64:1000");

        Assert.Equal(0, code);
        Assert.Equal([0, Eperm, Eperm, Eperm, Enosys], errnos);
    }

    [Fact]
    public void Arguments_are_compared_in_all_their_64_bits()
    {
        var policy = new SeccompPolicy(SeccompAction.Allow,
        [
            new(SeccompAction.Fail((Errno)101), "getppid", new SeccompCondition(0, SeccompComparison.Greater, 0x100000000)),
            new(SeccompAction.Fail((Errno)102), "getppid", new SeccompCondition(3, SeccompComparison.MaskedEqual, 0xf0, 0x50)),
            new(SeccompAction.Fail((Errno)103), "getuid", new SeccompCondition(1, SeccompComparison.Less, 5), SeccompCondition.Int32Equal(2, 7)),
        ]);

        var (_, errnos) = victim.Run(
            policy,
            "x64:110:0xffffffff",
            "x64:110:0x100000000",
            "x64:110:0x100000001",
            "x64:110:0:0:0:0x15f",
            "x64:110:0:0:0:0x16f",
            "x64:102:0:4:0x500000007",
            "x64:102:0:5:7",
            "x64:102:0:4:6");

        Assert.Equal([0, 0, 101, 102, 0, 103, 0, 0], errnos);
    }

    [Fact]
    public void A_call_to_be_killed_ends_the_process()
    {
        var policy = new SeccompPolicy(SeccompAction.Allow, [new(SeccompAction.KillProcess, "getuid")]);

        var (code, errnos) = victim.Run(policy, "x64:39", "x64:102", "x64:39");

        Assert.Equal(SeccompVictim.KilledBySigsys, code);
        Assert.Equal([0], errnos);
    }

    [Fact]
    public void A_trap_raises_sigsys()
    {
        var (code, _) = victim.Run(new(SeccompAction.Allow, [new(SeccompAction.Trap, "getuid")]), "x64:102");

        Assert.Equal(SeccompVictim.KilledBySigsys, code);
    }

    [Fact]
    public void A_trace_without_tracer_is_enosys()
    {
        var (_, errnos) = victim.Run(new(SeccompAction.Allow, [new(SeccompAction.Trace(1), "getuid")]), "x64:102");

        Assert.Equal([Enosys], errnos);
    }

    [Fact]
    public void Thirty_two_bit_calls_follow_their_own_rules()
    {
        var policy = new SeccompPolicy(
            SeccompAction.Allow,
            [new(SeccompAction.Fail(Errno.EPERM), "getpid"), new(SeccompAction.Fail(Errno.EINVAL), "socket")],
            SeccompArchitectures.X86 | SeccompArchitectures.X32);

        var (code, errnos) = victim.Run(policy, "x86:20", "x86:102:1", "x86:359", "x64:0x40000027", "x64:39");

        Assert.Equal(0, code);
        Assert.Equal([Eperm, Einval, Einval, Eperm, Eperm], errnos);
    }

    [Theory]
    [InlineData("x86:20")]
    [InlineData("x64:0x40000027")]
    public void Calls_of_a_convention_that_is_not_covered_kill(string call)
    {
        var (code, errnos) = victim.Run(new(SeccompAction.Allow, [new(SeccompAction.Trap, "mount")]), call);

        Assert.Equal(SeccompVictim.KilledBySigsys, code);
        Assert.Empty(errnos);
    }

    [Theory]
    [InlineData(SeccompFilterOptions.Log)]
    [InlineData(SeccompFilterOptions.SpeculationAllow)]
    [InlineData(SeccompFilterOptions.AllThreads)]
    [InlineData(SeccompFilterOptions.WaitKillableReceive)]
    public void The_kernel_takes_the_options(SeccompFilterOptions options)
    {
        var policy = new SeccompPolicy(SeccompAction.Allow, [new(SeccompAction.Notify, "mount")], Flags: options);
        if (options == SeccompFilterOptions.AllThreads)
        {
            policy = policy with { Rules = [] };
        }

        var (code, errnos) = victim.Run(policy, "x64:39");

        Assert.Equal(0, code);
        Assert.Equal([0], errnos);
    }

    [Fact]
    public void The_kernel_takes_a_program_with_long_jumps()
    {
        var rules = Enumerable.Range(0, SyscallTable.Count)
            .Select(SyscallTable.NameAt)
            .Where(name => name is not ("write" or "exit_group"))
            .Select((name, i) => new SeccompRule(
                SeccompAction.Fail((Errno)(i % 90) + 1), name, new SeccompCondition(4, SeccompComparison.Equal, (ulong)i + 1000)));

        var (code, errnos) = victim.Run(new(SeccompAction.Allow, [.. rules]), "x64:39", "x64:102");

        Assert.Equal(0, code);
        Assert.Equal([0, 0], errnos);
    }
}
