using System.Collections.Immutable;

namespace Caisson.Compose.Plans;

/// <summary>How a project is brought up.</summary>
public sealed record UpOptions
{
    /// <summary>Services that were named; empty: all.</summary>
    public ImmutableArray<string> Services { get; init; } = [];

    /// <summary>Only those, not what they depend on.</summary>
    public bool NoDependencies { get; init; }

    /// <summary>Make containers of the named services anew in any case.</summary>
    public bool ForceRecreate { get; init; }

    /// <summary>Make what the named services depend on anew, too.</summary>
    public bool AlwaysRecreateDependencies { get; init; }

    /// <summary>Leave containers that are there as they are.</summary>
    public bool NoRecreate { get; init; }

    /// <summary>Remove containers of services that the files do not have.</summary>
    public bool RemoveOrphans { get; init; }

    /// <summary>Create and do not start.</summary>
    public bool NoStart { get; init; }

    /// <summary>Replace every container by starting the new one first, whatever the files say.</summary>
    public bool Rolling { get; init; }

    /// <summary>Anonymous volumes are made anew instead of taken over.</summary>
    public bool RenewAnonymousVolumes { get; init; }

    /// <summary>A service whose containers are left alone: its networks and volumes are made, and what it depends on. Empty: none.</summary>
    public string WithoutContainers { get; init; } = "";

    /// <summary>Containers of a service instead of what the files say.</summary>
    public ImmutableDictionary<string, int> Scale { get; init; } = ImmutableDictionary<string, int>.Empty;

    /// <summary>Seconds that a container may take to end; null: its own.</summary>
    public int? TimeoutSeconds { get; init; }

    /// <summary><c>always</c>, <c>missing</c>, <c>never</c>, or empty: what each service says.</summary>
    public string Pull { get; init; } = "";
}
