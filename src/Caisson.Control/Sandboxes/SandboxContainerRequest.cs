using Caisson.Control.Model;

namespace Caisson.Control.Sandboxes;

/// <summary>A container of a sandbox as it is asked for.</summary>
public sealed record SandboxContainerRequest
{
    /// <summary>Its name in the pod.</summary>
    public required string Name { get; init; }

    /// <summary>How often it was made before.</summary>
    public uint Attempt { get; init; }

    /// <summary>Free text by key.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>Free text by key.</summary>
    public IReadOnlyDictionary<string, string> Annotations { get; init; } = new Dictionary<string, string>();

    /// <summary>Where its log is, below the sandbox's directory; empty for the engine's own log.</summary>
    public string LogPath { get; init; } = "";

    /// <summary>Whose processes it sees.</summary>
    public NamespaceScope Pid { get; init; }

    /// <summary>With <see cref="NamespaceScope.Target"/>, the container.</summary>
    public string TargetId { get; init; } = "";

    /// <summary>Without a filter of system calls, with the engine's, or with that of a file.</summary>
    public SeccompChoice Seccomp { get; init; } = SeccompChoice.Default;

    /// <summary>The user, by name or number; empty for the image's.</summary>
    public string User { get; init; } = "";

    /// <summary>The group; null for the user's.</summary>
    public uint? Group { get; init; }

    /// <summary>Further groups.</summary>
    public IReadOnlyList<uint> Groups { get; init; } = [];

    /// <summary>Without the groups that the image has for the user.</summary>
    public bool OnlyThoseGroups { get; init; }

    /// <summary>Limits by the files of control groups of version 2.</summary>
    public IReadOnlyDictionary<string, string> Unified { get; init; } = new Dictionary<string, string>();

    /// <summary>The most bytes in huge pages, by their size.</summary>
    public IReadOnlyDictionary<string, ulong> Hugepages { get; init; } = new Dictionary<string, ulong>();

    /// <summary>What runs; its namespaces, control group, ids and log are the sandbox's to say.</summary>
    public required ContainerCreate Create { get; init; }

    /// <summary>The client's own document, kept to be told back.</summary>
    public byte[] Document { get; init; } = [];
}

/// <summary>A filter of system calls.</summary>
/// <param name="Unconfined">None at all.</param>
/// <param name="File">A profile on the host, absolute; empty for the engine's own.</param>
public readonly record struct SeccompChoice(bool Unconfined, string File)
{
    /// <summary>The engine's own.</summary>
    public static SeccompChoice Default { get; } = new(false, "");
}
