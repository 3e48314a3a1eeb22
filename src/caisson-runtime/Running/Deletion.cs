using Caisson.Containers.Cgroups;
using Caisson.Containers.Launch;
using Caisson.Containers.State;
using Caisson.Oci.Runtime;
using Caisson.Runtime.CommandLine;

namespace Caisson.Runtime.Running;

/// <summary>Removes what is left of a container whose first process has ended.</summary>
internal static class Deletion
{
    /// <param name="invocation">Where a hook's failure is told.</param>
    /// <param name="directory">Locked; gone afterwards.</param>
    /// <param name="state">What it holds.</param>
    /// <param name="known">The container's hooks; null reads them.</param>
    public static void Delete(Invocation invocation, ContainerDirectory directory, RuntimeState state, Hooks? known = null)
    {
        if (ContainerView.CgroupOf(state) is { } cgroup && cgroup.ProcessIds().Count > 0)
        {
            ContainerView.Kill(state); // without a pid namespace, others may outlive the first process
        }
        SharedMounts.Remove(directory, state.Rootfs);
        string made = directory.PathOf(Creation.MadeCgroupsFile);
        if (File.Exists(made))
        {
            CgroupRunner.Remove(File.ReadAllLines(made));
        }
        var hooks = (known ?? directory.ReadSpec().Hooks).Poststop;
        directory.Delete();
        HookRunner.RunAll("poststop", hooks, state.ToState(ContainerStatus.Stopped), invocation.Warn);
    }
}
