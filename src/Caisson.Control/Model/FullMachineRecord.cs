using Caisson.Machines.Full;

namespace Caisson.Control.Model;

/// <summary>A full machine as it was asked for. Immutable; a change is a new record.</summary>
public sealed record FullMachineRecord
{
    /// <summary>64 hex digits.</summary>
    public required string Id { get; init; }

    /// <summary>Unique among full machines; also its name in networks.</summary>
    public required string Name { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>Its hardware.</summary>
    public required FullMachineConfig Config { get; init; }

    /// <summary>The passphrase of its disks, sealed by this engine, in base64; empty when they are not encrypted.</summary>
    public string Key { get => field ?? ""; init; } = "";

    /// <summary>For each interface, in the order of <see cref="FullMachineConfig.Interfaces"/>, the network it is in.</summary>
    public IReadOnlyList<NetworkAttachment> Networks { get => field ?? []; init; } = [];

    /// <summary>Ports of the host by port of the machine, such as <c>80/tcp</c>.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<PortBinding>?>? Ports { get; init; }

    /// <summary>The block of 65,536 ids of its sandbox, see <c>IdRange</c>.</summary>
    public int IdBlock { get; init; }

    /// <summary>It starts with the engine, unless a user has stopped it.</summary>
    public bool Autostart { get; init; }

    /// <summary>Of those that start with the engine, lower numbers go first.</summary>
    public int StartOrder { get; init; }

    /// <summary>Seconds that the engine waits after its start, before it starts those of higher numbers.</summary>
    public int StartDelaySeconds { get; init; }

    /// <summary><c>no</c> (empty is the same), <c>on-failure</c> after a crash, or <c>always</c> also when the guest has shut down by itself.</summary>
    public string RestartPolicy { get => field ?? ""; init; } = "";

    /// <summary>It never runs: it is what others are cloned from.</summary>
    public bool IsTemplate { get; init; }

    /// <summary>The machine that it was cloned from; empty for none.</summary>
    public string ClonedFrom { get => field ?? ""; init; } = "";

    /// <summary>What the user says about it.</summary>
    public string Description { get => field ?? ""; init; } = "";

    /// <summary>Moments it can go back to, oldest first.</summary>
    public IReadOnlyList<MachineSnapshot> Snapshots { get => field ?? []; init; } = [];

    /// <summary>That it is copied again and again; null when it is not.</summary>
    public MachineReplication? Replication { get; init; }

    /// <summary>The host of the engine that took it over, so that it does not run here; empty in the ordinary case.</summary>
    public string TakenOverBy { get => field ?? ""; init; } = "";

    /// <summary>What is done with it at times of the clock.</summary>
    public IReadOnlyList<MachineSchedule> Schedules { get => field ?? []; init; } = [];

    /// <summary>The snapshot that what it holds now descends from; empty for none.</summary>
    public string CurrentSnapshot { get => field ?? ""; init; } = "";

    /// <summary>When it was last put back to a snapshot, which QEMU's bitmaps of changes do not follow; null for never.</summary>
    public DateTimeOffset? RevertedAt { get; init; }

    /// <summary>What networks and events call it by.</summary>
    internal ContainerRecord AsMember() => new()
    {
        Id = Id,
        Name = Name,
        Created = Created,
        ImageId = "",
        Config = new ContainerConfig { Hostname = Name },
        HostConfig = new HostConfig { PortBindings = Ports },
        Args = [],
        Profile = "default",
        Networks = Networks,
    };
}

/// <summary>Something that is done with a machine again and again.</summary>
public sealed record MachineSchedule
{
    /// <summary><c>start</c>, <c>stop</c>, <c>reboot</c> or <c>snapshot</c>.</summary>
    public required string Verb { get; init; }

    /// <summary>When, in the engine's time zone: five fields of crontab(5), or <c>@daily</c>, <c>@every 6h</c> and the like.</summary>
    public required string When { get; init; }

    /// <summary>Of snapshots: how many of those that were made so stay.</summary>
    public int Keep { get; init; }
}

/// <summary>A moment of a machine: its disks, with UEFI its variables, and its memory if it ran.</summary>
public sealed record MachineSnapshot
{
    /// <summary>Unique among the machine's.</summary>
    public required string Name { get; init; }

    /// <summary>The one it descends from; empty for the first.</summary>
    public string Parent { get => field ?? ""; init; } = "";

    /// <summary>When it was made.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>The machine ran, and its memory is kept.</summary>
    public bool HasMemory { get; init; }

    /// <summary>What the user says about it.</summary>
    public string Description { get => field ?? ""; init; } = "";

    /// <summary>The hardware then.</summary>
    public required FullMachineConfig Config { get; init; }

    /// <summary>The networks then.</summary>
    public IReadOnlyList<NetworkAttachment> Networks { get => field ?? []; init; } = [];
}

/// <summary>Where a machine is in its life.</summary>
public enum MachinePhase
{
    /// <summary>It does not run.</summary>
    Stopped,

    /// <summary>It runs.</summary>
    Running,

    /// <summary>It is held where it is.</summary>
    Paused,

    /// <summary>Its QEMU ended, or its operating system gave up, without being asked.</summary>
    Crashed,

    /// <summary>It is being deleted.</summary>
    Deleting,

    /// <summary>It comes from another engine and does not run here yet; when this engine ends meanwhile, it never was here.</summary>
    Arriving,
}

/// <summary>What was last observed of a machine. Immutable.</summary>
public sealed record FullMachineStatus
{
    /// <summary>Where it is in its life.</summary>
    public MachinePhase Phase { get; init; }

    /// <summary>Its QEMU in the host's numbers; 0 when it does not run.</summary>
    public int Pid { get; init; }

    /// <summary>Why it crashed, did not start, or is held; empty in the ordinary case.</summary>
    public string Error { get => field ?? ""; init; } = "";

    /// <summary>When the last run began; null before the first.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>When the last run ended; null before the first end.</summary>
    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>Restarts by the restart policy since the last start by a user.</summary>
    public int RestartCount { get; init; }

    /// <summary>A user stopped it.</summary>
    public bool StoppedByUser { get; init; }

    /// <summary>Its places in networks, in the order of its interfaces, while it runs.</summary>
    public IReadOnlyList<EndpointRecord> Endpoints { get => field ?? []; init => field = value is { Count: > 0 } ? value : []; } = [];

    /// <summary>The addresses it last had, by hardware address, so that it gets them again: what runs in it may have them written down.</summary>
    public IReadOnlyDictionary<string, string> Addresses { get => field ?? new Dictionary<string, string>(); init; } = new Dictionary<string, string>();

    /// <summary>The hardware that its QEMU has now; null when it does not run. The record may have more, for the next start.</summary>
    public FullMachineConfig? Running { get; init; }

    /// <summary>Memory that it was given or left by request while it runs, in bytes; 0 for what it started with.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>The snapshot that its QEMU is being put back to; empty for none. Half of it is the past and half the present until that is done.</summary>
    public string Restoring { get => field ?? ""; init; } = "";

    /// <summary>It is to stay held where <see cref="Restoring"/> leaves it.</summary>
    public bool RestoringPaused { get; init; }

    /// <summary>The engine that it is being moved to; empty for none.</summary>
    public string MigratingTo { get => field ?? ""; init; } = "";

    /// <summary>How its copies go; null without any.</summary>
    public MachineReplicationState? Replicated { get; init; }

    /// <summary>Whether a process of it exists.</summary>
    public bool HasProcess => Phase is MachinePhase.Running or MachinePhase.Paused;
}
