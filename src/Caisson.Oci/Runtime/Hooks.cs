using System.Collections.Immutable;

namespace Caisson.Oci.Runtime;

/// <summary>Programs run at points of the container's life, each kind in order. Source: config.md, "POSIX-platform Hooks".</summary>
public sealed record Hooks
{
    /// <summary>Deprecated: during <c>create</c>, in the runtime's namespaces, before the user's program.</summary>
    public ImmutableArray<Hook> Prestart { get; init; } = [];

    /// <summary>During <c>create</c>, in the runtime's namespaces, before the root is pivoted.</summary>
    public ImmutableArray<Hook> CreateRuntime { get; init; } = [];

    /// <summary>During <c>create</c>, in the container's namespaces, before the root is pivoted; the path is the host's.</summary>
    public ImmutableArray<Hook> CreateContainer { get; init; } = [];

    /// <summary>During <c>start</c>, in the container's namespaces, before the user's program; the path is the container's.</summary>
    public ImmutableArray<Hook> StartContainer { get; init; } = [];

    /// <summary>After the user's program was started, in the runtime's namespaces; a failure is only logged.</summary>
    public ImmutableArray<Hook> Poststart { get; init; } = [];

    /// <summary>After the container was deleted, in the runtime's namespaces; a failure is only logged.</summary>
    public ImmutableArray<Hook> Poststop { get; init; } = [];

    /// <summary>No hook of any kind.</summary>
    public bool IsEmpty =>
        (Prestart.Length | CreateRuntime.Length | CreateContainer.Length | StartContainer.Length | Poststart.Length | Poststop.Length) == 0;
}

/// <summary>One program that is run with the container's state on its stdin.</summary>
public sealed record Hook
{
    /// <summary>The absolute path of the program.</summary>
    public required string Path { get; init; }

    /// <summary>The whole argument vector, name included; when empty, the path alone.</summary>
    public ImmutableArray<string> Args { get; init; } = [];

    /// <summary>The whole environment, <c>NAME=VALUE</c> each.</summary>
    public ImmutableArray<string> Env { get; init; } = [];

    /// <summary>Seconds after which the hook is killed; null waits for ever.</summary>
    public int? Timeout { get; init; }
}
