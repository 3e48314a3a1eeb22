using System.Collections.Immutable;
using System.Text;
using Caisson.Containers.Seccomp;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;
using Caisson.Oci.Runtime;

namespace Caisson.Containers.Launch;

/// <summary>Everything the start of one process is: two programs of system calls, and what their runner must supply and answer.</summary>
/// <remarks>Pure: made from values, holds values. Source: runtime-spec runtime.md, "Lifecycle"; config-linux.md.</remarks>
public sealed record LaunchPlan
{
    /// <summary>The first stage: in the clone, up to the execution of the second.</summary>
    public required LaunchProgram World { get; init; }

    /// <summary>The second stage: the sealed program that becomes the user's.</summary>
    public required LaunchProgram Self { get; init; }

    /// <summary>What the slots inherited by <see cref="World"/> hold, in order.</summary>
    public required ImmutableArray<LaunchInput> Inputs { get; init; }

    /// <summary>Maps to write when the child asks at <see cref="LaunchPoint.MapIds"/>; empty when it has no user namespace of its own.</summary>
    public ImmutableArray<IdMap> UserMaps { get; init; } = [];

    /// <summary>As <see cref="UserMaps"/>, for groups.</summary>
    public ImmutableArray<IdMap> GroupMaps { get; init; } = [];

    /// <summary>What was asked for and is left out, because it cannot be granted here.</summary>
    public ImmutableArray<Problem> Warnings { get; init; } = [];

    /// <summary>Compiles a new container's first process.</summary>
    /// <param name="spec">Has passed <see cref="RuntimeSpecRules"/>.</param>
    /// <param name="seccomp">Its compiled filter; null for none.</param>
    /// <param name="facts">The host.</param>
    /// <param name="problems">Receives what cannot be done here, by JSON pointer.</param>
    public static LaunchPlan Create(RuntimeSpec spec, SeccompPlan? seccomp, LaunchFacts facts, ICollection<Problem> problems)
    {
        var world = new WorldCompiler(spec, facts, problems);
        world.Compile();
        ulong grantable = spec.Linux?.Namespace(NamespaceType.User) is null ? facts.GrantableCapabilities : ulong.MaxValue;
        var process = Granted(spec.Process!, grantable, out var warnings);
        var self = SelfCompiler.Compile(process, spec.Linux, seccomp, facts, isExec: false, problems);
        return new()
        {
            World = world.Program,
            Self = self,
            Warnings = warnings,
            Inputs = [.. world.Inputs],
            UserMaps = Maps(spec.Linux?.Namespace(NamespaceType.User), spec.Linux?.UidMappings ?? []),
            GroupMaps = Maps(spec.Linux?.Namespace(NamespaceType.User), spec.Linux?.GidMappings ?? []),
        };
    }

    /// <summary>Compiles a further process in a running container.</summary>
    /// <param name="process">What to run.</param>
    /// <param name="linux">The container's own section: its personality and memory policy hold for the process too.</param>
    /// <param name="kinds">The namespaces in which the container differs from the runner.</param>
    /// <param name="seccomp">The container's filter; null for none.</param>
    /// <param name="facts">The host; its root path is not used.</param>
    /// <param name="problems">Receives what cannot be done here, by JSON pointer.</param>
    public static LaunchPlan Exec(
        Process process, LinuxConfig? linux, NamespaceKind kinds, SeccompPlan? seccomp, LaunchFacts facts, ICollection<Problem> problems)
    {
        process = Granted(process, kinds.HasFlag(NamespaceKind.User) ? ulong.MaxValue : facts.GrantableCapabilities, out var warnings);
        var (program, inputs) = JoinCompiler.Compile(process, kinds, facts);
        return new()
        {
            World = program,
            Self = SelfCompiler.Compile(process, linux, seccomp, facts, isExec: true, problems),
            Inputs = inputs,
            Warnings = warnings,
        };
    }

    /// <summary>Compiles the attachment of a mount in a running container: no program is executed.</summary>
    /// <param name="destination">The absolute path inside; made when it is missing.</param>
    /// <param name="isFile">What the mount is of.</param>
    /// <param name="kinds">The namespaces in which the container differs from the runner.</param>
    public static LaunchPlan Attach(string destination, bool isFile, NamespaceKind kinds) => MountCompiler.Attach(destination, isFile, kinds);

    /// <summary>Compiles the detachment of a mount in a running container: no program is executed.</summary>
    /// <param name="destination">The absolute path inside.</param>
    /// <param name="kinds">The namespaces in which the container differs from the runner.</param>
    public static LaunchPlan Detach(string destination, NamespaceKind kinds) => MountCompiler.Detach(destination, kinds);

    /// <summary>Both programs as a person reads them.</summary>
    public string Explain()
    {
        StringBuilder text = new();
        text.Append("world: in the new process, ");
        text.Append(World.Mode == LaunchMode.Shared ? "sharing the launcher's memory" : "a copy of the launcher, not dumpable");
        text.Append(World.Namespaces == 0 ? "\n" : $"; born into new namespaces {World.Namespaces}\n");
        for (int i = 0; i < Inputs.Length; i++)
        {
            text.Append($"      {World.Inherited[i].Name}: {Inputs[i]}\n");
        }
        text.Append(World.Explain());
        text.Append("self: in a sealed executable of our own, in the container\n").Append(Self.Explain());
        return text.ToString();
    }

    /// <summary>What a failed step was about, for an error message.</summary>
    public string Describe(LaunchReport.Failed failed)
    {
        var step = (failed.Stage == LaunchStage.World ? World : Self).Steps[failed.Index];
        return $"{step.Reason}: {step}: {LinuxException.Describe(failed.Errno)}";
    }

    /// <summary>The process without the capabilities that cannot be granted. Source: runtime-spec config.md, "Linux Process": a warning, no error.</summary>
    private static Process Granted(Process process, ulong grantable, out ImmutableArray<Problem> warnings)
    {
        var sets = process.Capabilities ?? new Capabilities();
        string[] missing =
        [
            .. sets.Bounding.Union(sets.Effective).Union(sets.Permitted).Union(sets.Inheritable).Union(sets.Ambient)
                .Where(name => (Capabilities.Mask([name]) & ~grantable) != 0),
        ];
        warnings = [.. missing.Select(name => new Problem("/process/capabilities", $"{name} is left out: the runtime itself does not have it"))];
        ImmutableArray<string> Rest(ImmutableArray<string> set) => [.. set.Except(missing)];
        return missing.Length == 0 ? process : process with
        {
            Capabilities = new()
            {
                Bounding = Rest(sets.Bounding),
                Effective = Rest(sets.Effective),
                Permitted = Rest(sets.Permitted),
                Inheritable = Rest(sets.Inheritable),
                Ambient = Rest(sets.Ambient),
            },
        };
    }

    private static ImmutableArray<IdMap> Maps(LinuxNamespace? user, ImmutableArray<IdMapping> mappings) =>
        user is { Path: null } ? [.. mappings.Select(m => new IdMap(m.ContainerId, m.HostId, m.Size))] : [];
}

/// <summary>Points at which a child waits for its runner.</summary>
public enum LaunchPoint
{
    /// <summary>The user namespace is new: its maps are to be written.</summary>
    MapIds = 1,

    /// <summary>All mounts are made and the root is not yet changed: hooks <c>prestart</c> and <c>createRuntime</c>, then <c>createContainer</c>.</summary>
    BeforePivot = 2,

    /// <summary>In the second stage, everything but the program is done: <c>create</c> is complete.</summary>
    Ready = 3,
}

/// <summary>What a descriptor that a child sends is.</summary>
public enum LaunchOutput
{
    /// <summary>The controlling side of the process's terminal.</summary>
    Terminal = 1,

    /// <summary>The listener of seccomp notifications.</summary>
    SeccompListener = 2,
}
