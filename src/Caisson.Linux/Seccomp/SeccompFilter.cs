namespace Caisson.Linux.Seccomp;

/// <summary>A compiled filter, ready for seccomp(2). Immutable.</summary>
public sealed class SeccompFilter
{
    /// <summary>The most instructions the kernel takes in one filter. Source: BPF_MAXINSNS of linux/bpf_common.h.</summary>
    public const int InstructionsMax = 4096;

    /// <summary>Bytes of one instruction: <c>struct sock_filter</c>.</summary>
    public const int InstructionSize = 8;

    /// <summary>Wraps <paramref name="program"/>, 1 to 4096 instructions of 8 bytes.</summary>
    public SeccompFilter(ReadOnlyMemory<byte> program, SeccompFilterOptions flags)
    {
        ArgumentOutOfRangeException.ThrowIfZero(program.Length, nameof(program));
        ArgumentOutOfRangeException.ThrowIfNotEqual(program.Length % InstructionSize, 0, nameof(program));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(program.Length, InstructionsMax * InstructionSize, nameof(program));
        Program = program;
        Flags = flags;
    }

    /// <summary>An array of <c>struct sock_filter</c> in the machine's byte order.</summary>
    public ReadOnlyMemory<byte> Program { get; }

    /// <summary>Length of the array: <c>sock_fprog.len</c>.</summary>
    public int InstructionCount => Program.Length / InstructionSize;

    /// <summary>The second argument of seccomp(2). With <see cref="SeccompFilterOptions.NewListener"/> the call returns a descriptor.</summary>
    public SeccompFilterOptions Flags { get; }
}
