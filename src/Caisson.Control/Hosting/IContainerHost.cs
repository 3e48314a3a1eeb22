using Caisson.Linux;
using Caisson.Oci.Runtime;

namespace Caisson.Control.Hosting;

/// <summary>Runs containers: the engine's one way to processes, cgroups and run directories.</summary>
/// <remarks>Safe for concurrent use; the engine makes at most one changing call at a time for one container.</remarks>
public interface IContainerHost
{
    /// <summary>Makes the container and runs its first process under a monitor.</summary>
    /// <returns>The running process; the caller disposes it, which does not end the process.</returns>
    /// <exception cref="Caisson.Errors.CaissonException">Nothing is left of the attempt.</exception>
    Task<IMonitoredProcess> StartAsync(ContainerLaunch launch, CancellationToken cancellationToken);

    /// <summary>Runs a further process in a running container, under a monitor of its own.</summary>
    /// <exception cref="Caisson.Errors.CaissonException">Nothing is left of the attempt.</exception>
    Task<IMonitoredProcess> ExecAsync(ExecLaunch launch, CancellationToken cancellationToken);

    /// <summary>Finds the first process of a container that an earlier engine started.</summary>
    /// <param name="id">The container.</param>
    /// <param name="onLogRotated">As <see cref="ContainerLog.OnRotated"/>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>
    /// The process, which may have ended meanwhile (<see cref="IMonitoredProcess.Exited"/> is completed then), also by our hand when
    /// its monitor is gone; null when its program never ran, and when nothing is left that could tell.
    /// </returns>
    Task<IMonitoredProcess?> ReopenAsync(string id, Action? onLogRotated, CancellationToken cancellationToken);

    /// <summary>The ids of all containers of which something is left here: <see cref="RemoveAsync"/> gives it back.</summary>
    IReadOnlyList<string> List();

    /// <summary>Sends <paramref name="signal"/> to the container's first process; false when it has ended.</summary>
    bool TrySignal(string id, int signal);

    /// <summary>Stops every process of the container where it is.</summary>
    Task PauseAsync(string id, CancellationToken cancellationToken);

    /// <summary>Lets the processes of a paused container go on.</summary>
    Task ResumeAsync(string id, CancellationToken cancellationToken);

    /// <summary>The network namespace of the container's first process, also before its program runs; null when it has ended. The caller disposes it.</summary>
    Namespace? OpenNetwork(string id);

    /// <summary>A namespace of the container's first process; null when it has ended. The caller disposes it.</summary>
    Namespace? OpenNamespace(string id, NamespaceKind kind);

    /// <summary>What the container uses now.</summary>
    ContainerUsage ReadUsage(string id);

    /// <summary>Process ids, in the host's numbers, of everything that runs in the container.</summary>
    IReadOnlyList<int> Processes(string id);

    /// <summary>Changes limits of a running container; null members stay as they are.</summary>
    /// <param name="id">The container.</param>
    /// <param name="change">What is to be different.</param>
    /// <param name="current">The limits in force; some the kernel takes only together.</param>
    void Update(string id, LinuxResources change, LinuxResources current);

    /// <summary>Puts a mount into a running container, by a process that enters its mounts, does this, and ends.</summary>
    /// <param name="id">The container.</param>
    /// <param name="mount">Detached and complete: attributes, propagation, id map; stays the caller's.</param>
    /// <param name="target">The absolute path inside; made when it is missing.</param>
    /// <param name="isFile">What the mount is of.</param>
    /// <param name="cancellationToken">Abandons it before the container is touched.</param>
    /// <exception cref="Caisson.Errors.CaissonException">Nothing was mounted.</exception>
    Task AttachMountAsync(string id, MountTree mount, string target, bool isFile, CancellationToken cancellationToken);

    /// <summary>Takes a mount out of a running container; whoever has files open on it keeps them. No error when it is not there.</summary>
    Task DetachMountAsync(string id, string target, CancellationToken cancellationToken);

    /// <summary>The launch plan as text, without running it.</summary>
    string Explain(ContainerLaunch launch);

    /// <summary>Gives back what a container that has ended still holds: cgroups and its run directory. No error when nothing is left.</summary>
    Task RemoveAsync(string id, CancellationToken cancellationToken);
}
