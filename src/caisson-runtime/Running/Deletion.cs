using Caisson.Containers.Cgroups;
using Caisson.Containers.Launch;
using Caisson.Containers.State;
using Caisson.Oci.Runtime;
using Caisson.Runtime.CommandLine;

namespace Caisson.Runtime.Running;

/// <summary>Removes what is left of a container whose first process has ended.</summary>
internal static class Deletion
{
    public static void Delete(Invocation invocation, ContainerDirectory directory, RuntimeState state)
    {
        if (ContainerView.CgroupOf(state) is { } cgroup && cgroup.ProcessIds().Count > 0)
        {
            ContainerView.Kill(state); // without a pid namespace, others may outlive the first process
        }
        string made = directory.PathOf(Creation.MadeCgroupsFile);
        if (File.Exists(made))
        {
            CgroupRunner.Remove(File.ReadAllLines(made));
        }
        var hooks = directory.ReadSpec().Hooks.Poststop;
        directory.Delete();
        HookRunner.RunAll("poststop", hooks, state.ToState(ContainerStatus.Stopped), invocation.Warn);
    }
}
