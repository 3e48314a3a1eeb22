using Caisson.Containers.Logs;
using Caisson.Linux;
using Caisson.Linux.Seccomp;
using Caisson.Oci.Runtime;

namespace Caisson.Control.Hosting;

/// <summary>Everything the host needs to run a container's first process.</summary>
public sealed record ContainerLaunch
{
    /// <summary>The container's id, 64 hex digits; names its run directory and cgroup.</summary>
    public required string Id { get; init; }

    /// <summary>The complete runtime configuration.</summary>
    public required RuntimeSpec Spec { get; init; }

    /// <summary>
    /// The root filesystem as a detached mount, owned by the caller until the call returns; null for
    /// <see cref="IContainerHost.Explain"/> without a root.
    /// </summary>
    public MountTree? RootMount { get; init; }

    /// <summary>The user namespace whose map the root filesystem's mount has, the container's own; the caller's until the call returns. Null without one.</summary>
    public UserNamespace? Owners { get; init; }

    /// <summary>Sources of bind mounts by destination that are held by descriptor instead of found by their path; the caller's until the call returns.</summary>
    public IReadOnlyDictionary<string, FileDescriptor> Binds { get; init; } = new Dictionary<string, FileDescriptor>();

    /// <summary>Mounts that are made for this launch, by what stands for their source in the configuration; all stay the caller's.</summary>
    public IReadOnlyDictionary<string, MountTree> Mounts { get; init; } = new Dictionary<string, MountTree>();

    /// <summary>The system call filter when the configuration itself has none; null for none at all.</summary>
    public SeccompPolicy? Seccomp { get; init; }

    /// <summary>Stdin stays open for attachments; otherwise it is empty.</summary>
    public bool OpenStdin { get; init; }

    /// <summary>Where and how its output is kept; null keeps none.</summary>
    public ContainerLog? Log { get; init; }

    /// <summary>
    /// Called when the monitor listens and before the program runs, so that an attachment misses nothing; an exception
    /// abandons the start.
    /// </summary>
    public Func<IMonitoredProcess, CancellationToken, Task>? BeforeRun { get; init; }
}

/// <summary>Where and how a container's output is kept.</summary>
/// <param name="Directory">Absolute.</param>
/// <param name="Settings">How; the files' name is in it.</param>
/// <param name="OnRotated">Called, on any thread, when a file has become full while this engine watches.</param>
public sealed record ContainerLog(string Directory, LogSettings Settings, Action OnRotated);

/// <summary>Everything the host needs to run a further process in a container.</summary>
public sealed record ExecLaunch
{
    /// <summary>The exec's own id, 64 hex digits.</summary>
    public required string Id { get; init; }

    /// <summary>The running container's id.</summary>
    public required string ContainerId { get; init; }

    /// <summary>The container's own configuration: namespaces, cgroup, seccomp, identity map.</summary>
    public required RuntimeSpec Spec { get; init; }

    /// <summary>The process to run.</summary>
    public required Process Process { get; init; }

    /// <summary>The system call filter when the configuration itself has none; null for none at all.</summary>
    public SeccompPolicy? Seccomp { get; init; }

    /// <summary>Stdin stays open for attachments; otherwise it is empty.</summary>
    public bool OpenStdin { get; init; }

    /// <summary>As <see cref="ContainerLaunch.BeforeRun"/>.</summary>
    public Func<IMonitoredProcess, CancellationToken, Task>? BeforeRun { get; init; }
}
