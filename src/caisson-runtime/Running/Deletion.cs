using Caisson.Containers.Cgroups;
using Caisson.Containers.Launch;
using Caisson.Containers.State;
using Caisson.Linux;
using Caisson.Oci.Runtime;
using Caisson.Runtime.CommandLine;

namespace Caisson.Runtime.Running;

/// <summary>Removes what is left of a container whose first process has ended.</summary>
internal static class Deletion
{
    /// <param name="invocation">Where a hook's failure is told.</param>
    /// <param name="directory">Locked; gone afterwards.</param>
    /// <param name="state">What it holds.</param>
    /// <param name="known">The container's configuration; null reads it.</param>
    public static void Delete(Invocation invocation, ContainerDirectory directory, RuntimeState state, RuntimeSpec? known = null)
    {
        var spec = known ?? directory.ReadSpec();
        bool diesWithItsFirst = spec.Linux?.Namespace(NamespaceType.Pid) is { Path: null };
        if (!diesWithItsFirst && ContainerView.CgroupOf(state) is { } cgroup && cgroup.ProcessIds().Count > 0)
        {
            ContainerView.Kill(state);
        }
        SharedMounts.Remove(directory, state.Rootfs);
        if (HostFiles.TryReadText(directory.PathOf(Creation.MadeCgroupsFile)) is { } made)
        {
            CgroupRunner.Remove(made.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        }
        directory.Delete();
        HookRunner.RunAll("poststop", spec.Hooks.Poststop, state.ToState(ContainerStatus.Stopped), invocation.Warn);
    }
}
