using System.Security.Cryptography;

using Caisson.Containers.Launch;
using Caisson.Containers.Monitor;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Oci.Runtime;

namespace Caisson.Control.Hosting;

public sealed partial class KeeperContainerHost
{
    private static readonly RuntimeSpec NoSpec = new() { OciVersion = "1.2.0" };

    /// <inheritdoc/>
    public Task AttachMountAsync(string id, MountTree mount, string target, bool isFile, CancellationToken cancellationToken) =>
        ChangeMountsAsync(id, kinds => LaunchPlan.Attach(target, isFile, kinds), mount, cancellationToken);

    /// <inheritdoc/>
    public Task DetachMountAsync(string id, string target, CancellationToken cancellationToken) =>
        ChangeMountsAsync(id, kinds => LaunchPlan.Detach(target, kinds), null, cancellationToken);

    /// <summary>The way of an exec, but that nothing is executed.</summary>
    private async Task ChangeMountsAsync(string id, Func<NamespaceKind, LaunchPlan> compile, MountTree? mount, CancellationToken cancellationToken)
    {
        if (!_running.TryGetValue(id, out MonitoredProcess? container) || container.Process is not { HasExited: false } first)
        {
            throw new CaissonException(ErrorKind.Conflict, $"container {id} is not running");
        }
        NamespaceKind kinds = NamespaceDifference.Of(container.Pid);
        if (!kinds.HasFlag(NamespaceKind.Mount))
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"container {id} has no mounts of its own");
        }
        using KeeperCall keeper = _keeper.Call(cancellationToken);
        LaunchPlan plan = compile(kinds);
        RunDirectory directory = new($"{_run}/execs/{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32))}");
        directory.Create();
        try
        {
            MonitoredProcess process = await LaunchAsync(
                new Launching(Path.GetFileName(directory.Path), directory, plan, NoSpec, new Process { Cwd = "/" }, false, null),
                new LaunchSupplies { Container = first, Attached = mount },
                EndOrphan,
                keeper,
                cancellationToken);
            await using (process)
            {
                ProcessExit exit = await process.Exited;
                if (exit.Code != 0)
                {
                    throw new CaissonException(ErrorKind.Internal, $"change the mounts of container {id}: the process that does it ended with code {exit.Code} {exit.Error}");
                }
            }
        }
        finally
        {
            directory.Delete();
        }
    }
}
