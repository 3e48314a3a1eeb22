namespace Caisson.Kubernetes.Pods;

/// <summary>What a container of a pod is doing.</summary>
public enum ContainerState
{
    /// <summary>Not made, or its making failed.</summary>
    Absent,

    /// <summary>Its image is fetched, or it is being started.</summary>
    Starting,

    /// <summary>Its program runs.</summary>
    Running,

    /// <summary>Its program has ended.</summary>
    Exited,
}

/// <summary>How a run of a container ended.</summary>
/// <param name="ContainerId">Which container.</param>
/// <param name="ExitCode">What it returned.</param>
/// <param name="OomKilled">For lack of memory.</param>
/// <param name="StartedAt">When it began.</param>
/// <param name="FinishedAt">When it ended.</param>
/// <param name="Message">What it left in its termination message, or why it could not run.</param>
public sealed record ContainerEnd(string ContainerId, int ExitCode, bool OomKilled, DateTimeOffset StartedAt, DateTimeOffset FinishedAt, string Message = "");

/// <summary>What is known of one container of a pod.</summary>
public sealed record ContainerFacts
{
    /// <summary>Of which nothing is known.</summary>
    public static ContainerFacts None { get; } = new();

    /// <summary>What it is doing.</summary>
    public ContainerState State { get; init; }

    /// <summary>The container of the last run; empty before the first.</summary>
    public string ContainerId { get; init; } = "";

    /// <summary>The id of its image; empty before it is known.</summary>
    public string ImageId { get; init; } = "";

    /// <summary>When the run began.</summary>
    public DateTimeOffset StartedAt { get; init; }

    /// <summary>How the run ended; null while it runs.</summary>
    public ContainerEnd? End { get; init; }

    /// <summary>How the run before ended.</summary>
    public ContainerEnd? LastEnd { get; init; }

    /// <summary>Runs after the first.</summary>
    public int Restarts { get; init; }

    /// <summary>Restarts in a row that came soon: what the next one waits for.</summary>
    public int Streak { get; init; }

    /// <summary>Why it could not be made, such as <c>ErrImagePull</c>; empty when nothing failed.</summary>
    public string ErrorReason { get; init; } = "";

    /// <summary>The same in full.</summary>
    public string Error { get; init; } = "";

    /// <summary>How often in a row it could not be made.</summary>
    public int Failures { get; init; }

    /// <summary>When that was last.</summary>
    public DateTimeOffset FailedAt { get; init; }

    /// <summary>Its startup probe has succeeded, or it has none and runs.</summary>
    public bool Started { get; init; }

    /// <summary>Its readiness probe succeeds, or it has none and runs.</summary>
    public bool Ready { get; init; }

    /// <summary>Its liveness or startup probe failed as often as it may: it is to be ended.</summary>
    public bool Unwell { get; init; }

    /// <summary>It is being ended.</summary>
    public bool Stopping { get; init; }

    /// <summary>Something of it exists that runs or may soon.</summary>
    public bool IsAlive => State is ContainerState.Running or ContainerState.Starting;
}

/// <summary>What is known of a pod's sandbox and containers.</summary>
public sealed record PodObservation
{
    /// <summary>Of a pod that was just made.</summary>
    public static PodObservation None { get; } = new();

    /// <summary>The sandbox holds its namespaces.</summary>
    public bool HasSandbox { get; init; }

    /// <summary>It is being made.</summary>
    public bool SandboxStarting { get; init; }

    /// <summary>The pod's address; empty without a network of its own.</summary>
    public string Address { get; init; } = "";

    /// <summary>Why there is no sandbox; empty when nothing failed.</summary>
    public string SandboxError { get; init; } = "";

    /// <summary>How often in a row it could not be made.</summary>
    public int SandboxFailures { get; init; }

    /// <summary>When that was last.</summary>
    public DateTimeOffset SandboxFailedAt { get; init; }

    /// <summary>By name, those that something is known of.</summary>
    public IReadOnlyDictionary<string, ContainerFacts> Containers { get; init; } = new Dictionary<string, ContainerFacts>();

    /// <summary>What is known of a container.</summary>
    public ContainerFacts Of(string name) => Containers.GetValueOrDefault(name) ?? ContainerFacts.None;
}
