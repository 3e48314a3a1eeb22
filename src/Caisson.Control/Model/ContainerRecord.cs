using System.Text.Json.Serialization;

using Caisson.Control.Volumes;
using Caisson.Errors;

namespace Caisson.Control.Model;

/// <summary>A container as it was asked for: fixed at creation but for name, limits and restart policy. Immutable; a change is a new record.</summary>
public sealed record ContainerRecord
{
    /// <summary>64 hex digits.</summary>
    public required string Id { get; init; }

    /// <summary>Unique, without a leading slash.</summary>
    public required string Name { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>The image's id, <c>sha256:…</c>.</summary>
    public required string ImageId { get; init; }

    /// <summary>What the image's programs are made for, as images call it; empty in records of before this was kept, which are this host's.</summary>
    public string Architecture { get => field ?? ""; init; } = "";

    /// <summary>Configuration after the image's was merged in.</summary>
    public required ContainerConfig Config { get; init; }

    /// <summary>What the host gives.</summary>
    public required HostConfig HostConfig { get; init; }

    /// <summary>The networks it is to be in, the first by which it reaches the rest of the world; changed by connect and disconnect.</summary>
    public IReadOnlyList<NetworkAttachment> Networks { get => field ?? []; init; }

    /// <summary>What is mounted in it, outer paths first; changed by attach and detach. Null in records of before there were volumes: see <see cref="AllMounts"/>.</summary>
    public IReadOnlyList<ContainerMount>? Mounts { get; init; }

    /// <summary>What is mounted in it.</summary>
    [JsonIgnore]
    public IReadOnlyList<ContainerMount> AllMounts => Mounts ?? MountRequests.Read(HostConfig, new List<Problem>());

    /// <summary>The program and its arguments.</summary>
    public required IReadOnlyList<string> Args { get; init; }

    /// <summary>The container's block of 65,536 ids, see <c>IdRange</c>; null shares the host's ids.</summary>
    public int? IdBlock { get; init; }

    /// <summary>The security profile's name.</summary>
    public required string Profile { get; init; }

    /// <summary>Limits by the files of control groups of version 2, which no other limit says.</summary>
    public IReadOnlyDictionary<string, string>? Unified { get; init; }

    /// <summary>The most bytes in huge pages, by their size, such as <c>2MB</c>.</summary>
    public IReadOnlyDictionary<string, ulong>? Hugepages { get; init; }

    /// <summary>It belongs to a pod that somebody else runs, as its container or as what holds its namespaces; no user can say so.</summary>
    public bool IsOfPod { get; init; }

    /// <summary>The file on the host that its output goes to as lines of Kubernetes' format, which others rename; empty where <see cref="HostConfig.LogConfig"/> says.</summary>
    public string LogFile { get => field ?? ""; init; } = "";
}

/// <summary>Where a container is in its life.</summary>
public enum ContainerPhase
{
    /// <summary>Never started.</summary>
    Created,

    /// <summary>Its program runs.</summary>
    Running,

    /// <summary>Its processes are stopped where they are.</summary>
    Paused,

    /// <summary>Its program has ended and will be started again.</summary>
    Restarting,

    /// <summary>Its program has ended.</summary>
    Exited,

    /// <summary>It is being removed.</summary>
    Removing,
}

/// <summary>What was last observed of a container. Immutable.</summary>
public sealed record ContainerStatus
{
    /// <summary>Where it is in its life.</summary>
    public ContainerPhase Phase { get; init; }

    /// <summary>The first process in the host's numbers; 0 when it does not run.</summary>
    public int Pid { get; init; }

    /// <summary>What the last run returned.</summary>
    public int ExitCode { get; init; }

    /// <summary>Why it did not start; empty when it did.</summary>
    public string Error { get => field ?? ""; init; } = "";

    /// <summary>When the last run began; null before the first.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>When the last run ended; null before the first end.</summary>
    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>The kernel ended the last run for lack of memory.</summary>
    public bool OomKilled { get; init; }

    /// <summary>Restarts by the restart policy since the last start by a user.</summary>
    public int RestartCount { get; init; }

    /// <summary>A user stopped it, so <c>unless-stopped</c> leaves it.</summary>
    public bool StoppedByUser { get; init; }

    /// <summary>The record has limits that may not be in force yet: who finds this after a crash puts them in force.</summary>
    public bool LimitsPending { get; init; }

    /// <summary>Its places in networks, from shortly before its program runs until its end.</summary>
    public IReadOnlyList<EndpointRecord> Endpoints { get => field ?? []; init => field = value is { Count: > 0 } ? value : []; } = [];

    /// <summary>Being removed: the volumes that nobody named go too.</summary>
    public bool RemovesVolumes { get; init; }

    /// <summary>What its checks say; null without checks. It is written when it changes, but for <see cref="HealthState.Log"/> alone.</summary>
    public HealthState? Health { get; init; }

    /// <summary>Grows with each start over all containers, so that a restart of the engine keeps the order.</summary>
    public long StartOrder { get; init; }

    /// <summary>Whether a process of it exists.</summary>
    public bool HasProcess => Phase is ContainerPhase.Running or ContainerPhase.Paused;

    /// <summary>Whether it counts as running for a client: it does, or it is about to.</summary>
    public bool IsActive => Phase is ContainerPhase.Running or ContainerPhase.Paused or ContainerPhase.Restarting;
}
