using System.Collections.Immutable;

namespace Caisson.Linux.Seccomp;

/// <summary>System call conventions that a policy covers. Calls by any other end the thread.</summary>
[Flags]
public enum SeccompArchitectures
{
    /// <summary>64-bit; always covered, being the machine's own.</summary>
    X64 = 0,

    /// <summary>32-bit programs (<c>int 0x80</c>). OCI: <c>SCMP_ARCH_X86</c>.</summary>
    X86 = 1,

    /// <summary>64-bit registers with 32-bit pointers. OCI: <c>SCMP_ARCH_X32</c>.</summary>
    X32 = 2,
}

/// <summary>Flags of seccomp(2) with which a filter is installed; the kernel's own bits.</summary>
[Flags]
public enum SeccompFilterOptions
{
    /// <summary>None: prctl(2) would do as well.</summary>
    None = 0,

    /// <summary>SECCOMP_FILTER_FLAG_TSYNC: all threads of the process.</summary>
    AllThreads = 1,

    /// <summary>SECCOMP_FILTER_FLAG_LOG: actions other than allow are logged.</summary>
    Log = 2,

    /// <summary>SECCOMP_FILTER_FLAG_SPEC_ALLOW: keep speculative store bypass as it is.</summary>
    SpeculationAllow = 4,

    /// <summary>SECCOMP_FILTER_FLAG_NEW_LISTENER: the call returns a descriptor for notifications.</summary>
    NewListener = 8,

    /// <summary>SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: a notified call waits killable once received; Linux 5.19.</summary>
    WaitKillableReceive = 32,
}

/// <summary>Which calls, if all conditions hold, get which action.</summary>
/// <param name="Names">System calls by name; unknown ones are ignored and reported by the compiler.</param>
/// <param name="Action">What happens to them.</param>
/// <param name="Conditions">All must hold; none means always.</param>
public sealed record SeccompRule(
    ImmutableArray<string> Names, SeccompAction Action, ImmutableArray<SeccompCondition> Conditions)
{
    /// <summary>A rule for calls with any arguments.</summary>
    public SeccompRule(SeccompAction action, params ImmutableArray<string> names) : this(names, action, [])
    {
    }

    /// <summary>A rule for one call with conditions.</summary>
    public SeccompRule(SeccompAction action, string name, params ImmutableArray<SeccompCondition> conditions)
        : this([name], action, conditions)
    {
    }
}

/// <summary>What a seccomp filter shall do, before it is compiled. Immutable.</summary>
/// <remarks>
/// Several rules for one call are alternatives. Where they disagree: a rule without conditions beats those with, the first
/// such rule beats the later ones; among rules with conditions the one on the higher argument is tried first. Rules whose
/// action is the default action say nothing. This is what libseccomp makes of a profile. Source: runtime-spec
/// config-linux.md, "Seccomp".
/// </remarks>
/// <param name="DefaultAction">For calls that no rule matches.</param>
/// <param name="Rules">In order.</param>
/// <param name="Architectures">Beyond x86-64.</param>
/// <param name="Flags">For installing the filter.</param>
public sealed record SeccompPolicy(
    SeccompAction DefaultAction,
    ImmutableArray<SeccompRule> Rules,
    SeccompArchitectures Architectures = SeccompArchitectures.X64,
    SeccompFilterOptions Flags = SeccompFilterOptions.None);
