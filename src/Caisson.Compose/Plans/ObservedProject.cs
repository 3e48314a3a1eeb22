using System.Collections.Immutable;

namespace Caisson.Compose.Plans;

/// <summary>What of a project is there: the facts that a plan is made of.</summary>
public sealed record ObservedProject
{
    /// <summary>Nothing is there.</summary>
    public static readonly ObservedProject Nothing = new();

    /// <summary>Its containers, those of <c>run</c> included, by service and number.</summary>
    public ImmutableArray<ObservedContainer> Containers { get; init; } = [];

    /// <summary>Networks that are its own, and those of the names it needs.</summary>
    public ImmutableArray<ObservedResource> Networks { get; init; } = [];

    /// <summary>Volumes that are its own, and those of the names it needs.</summary>
    public ImmutableArray<ObservedResource> Volumes { get; init; } = [];

    /// <summary>Digests of the images it needs, by name; what is not here is not in the engine.</summary>
    public ImmutableDictionary<string, string> Images { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>The containers of a service that <c>up</c> cares for.</summary>
    public IEnumerable<ObservedContainer> Of(string service) => Containers.Where(container => container.Service == service && !container.IsOneOff);
}

/// <summary>A container of a project.</summary>
/// <param name="Id">Of the engine.</param>
/// <param name="Name">Without a slash.</param>
/// <param name="Service">Of its label.</param>
/// <param name="Number">Of its label; 0 without one.</param>
public sealed record ObservedContainer(string Id, string Name, string Service, int Number)
{
    /// <summary>Made by <c>run</c>.</summary>
    public bool IsOneOff { get; init; }

    /// <summary>Of its label.</summary>
    public string Hash { get; init; } = "";

    /// <summary>Digest of its image.</summary>
    public string ImageId { get; init; } = "";

    /// <summary><c>created</c>, <c>running</c>, <c>paused</c>, <c>restarting</c>, <c>exited</c>, <c>dead</c>.</summary>
    public string State { get; init; } = "running";

    /// <summary>Whether it has a process.</summary>
    public bool IsRunning => State is "running" or "restarting" or "paused";
}

/// <summary>A network or volume.</summary>
/// <param name="Name">In the engine.</param>
/// <param name="Project">Of its label; empty: not made for a project.</param>
/// <param name="Key">Its name in the project's files, of its label.</param>
/// <param name="Hash">Of its label; empty without one.</param>
public sealed record ObservedResource(string Name, string Project, string Key, string Hash);
