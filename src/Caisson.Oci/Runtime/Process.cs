using System.Collections.Immutable;

namespace Caisson.Oci.Runtime;

/// <summary>The program to run and what it may do; also the document of <c>exec --process</c>. Source: config.md, "Process".</summary>
public sealed record Process
{
    /// <summary>A pseudoterminal is the program's stdin, stdout and stderr.</summary>
    public bool Terminal { get; init; }

    /// <summary>The terminal's first size; null leaves it, and it means nothing without <see cref="Terminal"/>.</summary>
    public ConsoleSize? ConsoleSize { get; init; }

    /// <summary>Ids and umask; root when the document says nothing.</summary>
    public User User { get; init; } = new();

    /// <summary>The argument vector, as for execvp(3); never empty in a checked document.</summary>
    public ImmutableArray<string> Args { get; init; } = [];

    /// <summary>The environment, <c>NAME=VALUE</c> each; of equal names the last counts.</summary>
    public ImmutableArray<string> Env { get; init; } = [];

    /// <summary>The absolute path, inside, of the working directory.</summary>
    public required string Cwd { get; init; }

    /// <summary>The five sets; null when the document is silent, which the runtimes take as none at all.</summary>
    public Capabilities? Capabilities { get; init; }

    /// <summary>Resource limits, each type at most once.</summary>
    public ImmutableArray<Rlimit> Rlimits { get; init; } = [];

    /// <summary>The program and its children gain no privileges by execve(2).</summary>
    public bool NoNewPrivileges { get; init; }

    /// <summary>The name of a loaded AppArmor profile; null for none.</summary>
    public string? ApparmorProfile { get; init; }

    /// <summary>The SELinux label of the process; null for none.</summary>
    public string? SelinuxLabel { get; init; }

    /// <summary>-1000 to 1000; null leaves what the runtime has.</summary>
    public int? OomScoreAdj { get; init; }

    /// <summary>Scheduling policy; null leaves it.</summary>
    public Scheduler? Scheduler { get; init; }

    /// <summary>I/O priority; null leaves it.</summary>
    public IoPriority? IoPriority { get; init; }

    /// <summary>On which CPUs an exec starts and stays; null leaves it.</summary>
    public ExecCpuAffinity? ExecCpuAffinity { get; init; }
}

/// <summary>The size of a terminal in characters, at most 65535 each way.</summary>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
public readonly record struct ConsoleSize(ushort Height, ushort Width);

/// <summary>Who the program is, in ids of the container. Source: config.md, "User".</summary>
public sealed record User
{
    /// <summary>The user id.</summary>
    public uint Uid { get; init; }

    /// <summary>The group id.</summary>
    public uint Gid { get; init; }

    /// <summary>The file mode mask, at most octal 777; null leaves what the runtime has.</summary>
    public uint? Umask { get; init; }

    /// <summary>Supplementary groups.</summary>
    public ImmutableArray<uint> AdditionalGids { get; init; } = [];
}

/// <summary>A resource limit; <see cref="ulong.MaxValue"/> is no limit. Source: config.md, "rlimits"; getrlimit(2).</summary>
/// <param name="Type">Which resource.</param>
/// <param name="Soft">The limit in force, at most <paramref name="Hard"/>.</param>
/// <param name="Hard">Up to where the process itself may raise the limit.</param>
public readonly record struct Rlimit(RlimitType Type, ulong Soft, ulong Hard);

/// <summary>The resources of getrlimit(2), with the kernel's numbers on x86-64 and arm64.</summary>
public enum RlimitType
{
#pragma warning disable CS1591 // the manual page's own words
    Cpu = 0,
    Fsize = 1,
    Data = 2,
    Stack = 3,
    Core = 4,
    Rss = 5,
    Nproc = 6,
    Nofile = 7,
    Memlock = 8,
    As = 9,
    Locks = 10,
    Sigpending = 11,
    Msgqueue = 12,
    Nice = 13,
    Rtprio = 14,
    Rttime = 15,
#pragma warning restore CS1591
}

/// <summary>CPUs (a list such as <c>0-3,7</c>) of processes that exec starts. Source: config.md, "execCPUAffinity".</summary>
/// <param name="Initial">While the process is being moved into the container's cgroups; null leaves it.</param>
/// <param name="Final">After that; null leaves it.</param>
public sealed record ExecCpuAffinity(string? Initial, string? Final);
