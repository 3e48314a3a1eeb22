namespace Caisson.Oci.Runtime;

/// <summary>Scheduling attributes of the process. Source: config.md, "scheduler"; sched_setattr(2).</summary>
public sealed record Scheduler
{
    /// <summary>The policy.</summary>
    public required SchedulerPolicy Policy { get; init; }

    /// <summary>-20 to 19; for <see cref="SchedulerPolicy.Other"/> and <see cref="SchedulerPolicy.Batch"/>.</summary>
    public int Nice { get; init; }

    /// <summary>1 to 99 for <see cref="SchedulerPolicy.Fifo"/> and <see cref="SchedulerPolicy.RoundRobin"/>, else 0.</summary>
    public int Priority { get; init; }

    /// <summary>Flags of sched_setattr(2).</summary>
    public SchedulerOptions Flags { get; init; }

    /// <summary>Nanoseconds of each period; for <see cref="SchedulerPolicy.Deadline"/>, else 0.</summary>
    public ulong Runtime { get; init; }

    /// <summary>Nanoseconds within which the runtime is given; for <see cref="SchedulerPolicy.Deadline"/>, else 0.</summary>
    public ulong Deadline { get; init; }

    /// <summary>Nanoseconds of a period; for <see cref="SchedulerPolicy.Deadline"/>, else 0.</summary>
    public ulong Period { get; init; }
}

/// <summary>Policies with the kernel's numbers. Source: sched(7), uapi/linux/sched.h.</summary>
public enum SchedulerPolicy
{
    /// <summary>SCHED_OTHER, the default.</summary>
    Other = 0,

    /// <summary>SCHED_FIFO, real time.</summary>
    Fifo = 1,

    /// <summary>SCHED_RR, real time.</summary>
    RoundRobin = 2,

    /// <summary>SCHED_BATCH.</summary>
    Batch = 3,

    /// <summary>SCHED_ISO, reserved and implemented by no mainline kernel.</summary>
    Iso = 4,

    /// <summary>SCHED_IDLE.</summary>
    Idle = 5,

    /// <summary>SCHED_DEADLINE.</summary>
    Deadline = 6,
}

/// <summary>Flags of sched_setattr(2) with the kernel's bits.</summary>
[Flags]
public enum SchedulerOptions
{
    /// <summary>No flag.</summary>
    None = 0,

    /// <summary>SCHED_FLAG_RESET_ON_FORK.</summary>
    ResetOnFork = 1 << 0,

    /// <summary>SCHED_FLAG_RECLAIM.</summary>
    Reclaim = 1 << 1,

    /// <summary>SCHED_FLAG_DL_OVERRUN.</summary>
    DeadlineOverrun = 1 << 2,

    /// <summary>SCHED_FLAG_KEEP_POLICY.</summary>
    KeepPolicy = 1 << 3,

    /// <summary>SCHED_FLAG_KEEP_PARAMS.</summary>
    KeepParams = 1 << 4,

    /// <summary>SCHED_FLAG_UTIL_CLAMP_MIN.</summary>
    UtilClampMin = 1 << 5,

    /// <summary>SCHED_FLAG_UTIL_CLAMP_MAX.</summary>
    UtilClampMax = 1 << 6,
}

/// <summary>I/O priority of the process. Source: config.md, "ioPriority"; ioprio_set(2).</summary>
/// <param name="Class">The class.</param>
/// <param name="Priority">0 (first) to 7.</param>
public readonly record struct IoPriority(IoPriorityClass Class, int Priority);

/// <summary>I/O classes with the kernel's numbers. Source: ioprio_set(2).</summary>
public enum IoPriorityClass
{
    /// <summary>No class; the specification has no word for it.</summary>
    None = 0,

    /// <summary>IOPRIO_CLASS_RT, real time.</summary>
    RealTime = 1,

    /// <summary>IOPRIO_CLASS_BE, best effort.</summary>
    BestEffort = 2,

    /// <summary>IOPRIO_CLASS_IDLE.</summary>
    Idle = 3,
}
