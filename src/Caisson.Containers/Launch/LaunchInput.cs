using Caisson.Linux;
using Caisson.Oci.Runtime;

namespace Caisson.Containers.Launch;

/// <summary>A descriptor that a launch needs from its runner; the order in the plan is the order of the slots.</summary>
public abstract record LaunchInput
{
    private LaunchInput() { }

    /// <summary>As <c>explain</c> prints it.</summary>
    public sealed override string ToString() => this switch
    {
        SelfProgram => "the second stage, an executable sealed in memory",
        UnifiedCgroup cgroup => $"the cgroup {cgroup.Directory}",
        Root => "the root filesystem, a detached mount",
        Stdio stdio => $"standard {(stdio.Number switch { 0 => "input", 1 => "output", _ => "error" })}",
        StartGate => "the gate that start opens",
        JoinedNamespace joined => $"the namespace {joined.Path} ({joined.Kind})",
        JoinedProcess process => $"the container's first process, for its namespaces {process.Kinds}",
        BindSource bind => $"{bind.Mount.Source}, a detached copy{(bind.Recursive ? " with what is mounted below" : "")}{(bind.Mapped ? ", ids mapped" : "")}",
        CopiedTmpfs tmpfs => $"a tmpfs with a copy of the image's {tmpfs.Mount.Destination}",
        AttachedMount => "the mount to attach, detached",
        _ => GetType().Name,
    };

    /// <summary>The sealed executable of the <em>self</em> stage.</summary>
    public sealed record SelfProgram : LaunchInput;

    /// <summary>The version 2 cgroup that the process is born into.</summary>
    public sealed record UnifiedCgroup(string Directory) : LaunchInput;

    /// <summary>The root filesystem as a detached mount.</summary>
    public sealed record Root : LaunchInput;

    /// <summary>Standard input, output or error (0 to 2) of the program.</summary>
    public sealed record Stdio(int Number) : LaunchInput;

    /// <summary>A FIFO, open for reading and writing, on which one byte starts the program.</summary>
    public sealed record StartGate : LaunchInput;

    /// <summary>The namespace to join that is named by a host path.</summary>
    public sealed record JoinedNamespace(NamespaceKind Kind, string Path) : LaunchInput;

    /// <summary>The namespaces of a running container's process, held by its pidfd.</summary>
    public sealed record JoinedProcess(NamespaceKind Kinds) : LaunchInput;

    /// <summary>A detached copy of a bind mount's source, made outside and shown through an id map where it has one.</summary>
    /// <param name="Index">Of the mount in the specification.</param>
    /// <param name="Mount">What it is.</param>
    /// <param name="Recursive">With the mounts below the source.</param>
    /// <param name="Mapped">Whether to map it: by the mount's own mappings, or by the container's where it has none.</param>
    /// <param name="RecursiveMap">Whether the map reaches the mounts below.</param>
    public sealed record BindSource(int Index, Mount Mount, bool Recursive, bool Mapped, bool RecursiveMap) : LaunchInput;

    /// <summary>A detached mount that is put into a running container.</summary>
    public sealed record AttachedMount : LaunchInput;

    /// <summary>A detached tmpfs that holds a copy of what the root filesystem has at the destination (<c>tmpcopyup</c>).</summary>
    public sealed record CopiedTmpfs(int Index, Mount Mount, IReadOnlyList<string> Data, MountAttributes Attributes) : LaunchInput;
}
