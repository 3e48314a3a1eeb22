using Caisson.Linux.Seccomp;

namespace Caisson.Containers.Seccomp;

/// <summary>The words of the runtime spec for actions, operators, architectures and flags.</summary>
internal static class SeccompNames
{
    public const string Fail = "SCMP_ACT_ERRNO";
    public const string Trace = "SCMP_ACT_TRACE";

    /// <summary>Actions without data, by the name written for them; SCMP_ACT_KILL is read as well.</summary>
    public static readonly (string Name, SeccompAction Action)[] Actions =
    [
        ("SCMP_ACT_ALLOW", SeccompAction.Allow),
        ("SCMP_ACT_KILL_THREAD", SeccompAction.KillThread),
        ("SCMP_ACT_KILL", SeccompAction.KillThread),
        ("SCMP_ACT_KILL_PROCESS", SeccompAction.KillProcess),
        ("SCMP_ACT_TRAP", SeccompAction.Trap),
        ("SCMP_ACT_LOG", SeccompAction.Log),
        ("SCMP_ACT_NOTIFY", SeccompAction.Notify),
    ];

    public static readonly (string Name, SeccompComparison Comparison)[] Comparisons =
    [
        ("SCMP_CMP_NE", SeccompComparison.NotEqual),
        ("SCMP_CMP_LT", SeccompComparison.Less),
        ("SCMP_CMP_LE", SeccompComparison.LessOrEqual),
        ("SCMP_CMP_EQ", SeccompComparison.Equal),
        ("SCMP_CMP_GE", SeccompComparison.GreaterOrEqual),
        ("SCMP_CMP_GT", SeccompComparison.Greater),
        ("SCMP_CMP_MASKED_EQ", SeccompComparison.MaskedEqual),
    ];

    public static readonly (string Name, SeccompArchitectures Architecture)[] Architectures =
    [
        ("SCMP_ARCH_X86_64", SeccompArchitectures.X64),
        ("SCMP_ARCH_X86", SeccompArchitectures.X86),
        ("SCMP_ARCH_X32", SeccompArchitectures.X32),
    ];

    public static readonly string[] ForeignArchitectures =
    [
        "SCMP_ARCH_ARM", "SCMP_ARCH_AARCH64", "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K", "SCMP_ARCH_MIPS",
        "SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32",
        "SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64", "SCMP_ARCH_PPC", "SCMP_ARCH_PPC64", "SCMP_ARCH_PPC64LE",
        "SCMP_ARCH_RISCV64", "SCMP_ARCH_S390", "SCMP_ARCH_S390X", "SCMP_ARCH_SH", "SCMP_ARCH_SHEB",
    ];

    public static readonly (string Name, SeccompFilterOptions Option)[] Flags =
    [
        ("SECCOMP_FILTER_FLAG_TSYNC", SeccompFilterOptions.None),
        ("SECCOMP_FILTER_FLAG_LOG", SeccompFilterOptions.Log),
        ("SECCOMP_FILTER_FLAG_SPEC_ALLOW", SeccompFilterOptions.SpeculationAllow),
        ("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SeccompFilterOptions.WaitKillableReceive),
    ];
}
