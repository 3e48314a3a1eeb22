using System.Collections.ObjectModel;
using Caisson.Oci.Runtime;

namespace Caisson.Containers.State;

/// <summary>What the runtime remembers of a container between its commands: the document <c>state.json</c>. Immutable.</summary>
/// <remarks>The full configuration is beside it, as <c>config.json</c>: the bundle may be gone when it is needed.</remarks>
public sealed record RuntimeState
{
    /// <summary>The container's id.</summary>
    public required string Id { get; init; }

    /// <summary>The specification's version of the configuration.</summary>
    public required string OciVersion { get; init; }

    /// <summary>The absolute path of the bundle.</summary>
    public required string Bundle { get; init; }

    /// <summary>The absolute path, on the host, of the root filesystem's source.</summary>
    public required string Rootfs { get; init; }

    /// <summary>When the container was created.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>The first process, in the runtime's pid namespace.</summary>
    public required int Pid { get; init; }

    /// <summary>The first process's start time, in clock ticks since the boot.</summary>
    public required ulong PidStartTime { get; init; }

    /// <summary>The boot in which <see cref="Pid"/> means anything.</summary>
    public required string BootId { get; init; }

    /// <summary><c>start</c> was given: written before the user's program is let go.</summary>
    public bool Started { get; init; }

    /// <summary>The user id, on the host, of whoever created the container.</summary>
    public uint OwnerUid { get; init; }

    /// <summary>Controller to the absolute directory of the container's cgroup; the version 2 hierarchy is under the empty name.</summary>
    public IReadOnlyDictionary<string, string> CgroupPaths { get; init; } = ReadOnlyDictionary<string, string>.Empty;

    /// <summary>Namespace type to a file that <c>exec</c> joins, such as <c>/proc/42/ns/mnt</c>.</summary>
    public IReadOnlyDictionary<string, string> NamespacePaths { get; init; } = ReadOnlyDictionary<string, string>.Empty;

    /// <summary>The limits in force, after updates; the base of the next one.</summary>
    public LinuxResources Resources { get; init; } = new();

    /// <summary>The annotations of the configuration.</summary>
    public IReadOnlyDictionary<string, string> Annotations { get; init; } = ReadOnlyDictionary<string, string>.Empty;

    /// <summary>Where the container is in its life. Pure.</summary>
    /// <param name="process">What has the pid now; null when nothing has.</param>
    /// <param name="bootId">The boot this is.</param>
    /// <param name="isFrozen">Whether the cgroup is frozen.</param>
    public ContainerStatus StatusAt(ProcessSnapshot? process, string bootId, bool isFrozen) =>
        !IsOurs(process, bootId) ? ContainerStatus.Stopped
        : !Started ? ContainerStatus.Created
        : isFrozen ? ContainerStatus.Paused
        : ContainerStatus.Running;

    /// <summary>The document of <c>state</c> for hooks and callers.</summary>
    public Oci.Runtime.State ToState(ContainerStatus status) => new()
    {
        OciVersion = OciVersion,
        Id = Id,
        Status = status,
        Pid = status == ContainerStatus.Stopped ? 0 : Pid,
        Bundle = Bundle,
        Annotations = Annotations,
    };

    /// <summary>The process is the one that was created: the same pid, start and boot, and it has not ended.</summary>
    private bool IsOurs(ProcessSnapshot? process, string bootId) =>
        process is { HasEnded: false } found && found.Pid == Pid && found.StartTime == PidStartTime && bootId == BootId;
}
