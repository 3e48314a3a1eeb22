using Caisson.Errors;
using Caisson.Oci.Runtime;
using Caisson.Runtime.CommandLine;
using Caisson.Runtime.Running;

namespace Caisson.Runtime.Commands;

/// <summary><c>pause ID</c> and <c>resume ID</c>.</summary>
internal static class PauseCommand
{
    public static int Pause(Invocation invocation, string[] args)
    {
        using var directory = invocation.Root.Open(Arguments.Read(args, [], 1, 1).Words[0]);
        var state = directory.ReadState();
        var status = ContainerView.StatusOf(state);
        if (status is not (ContainerStatus.Running or ContainerStatus.Created))
        {
            throw new CaissonException(ErrorKind.Conflict, $"container not running or created: {directory.Id} is {RuntimeSpecJson.NameOf(status)}");
        }
        ContainerView.RequireCgroup(state).Freeze();
        return 0;
    }

    public static int Resume(Invocation invocation, string[] args)
    {
        using var directory = invocation.Root.Open(Arguments.Read(args, [], 1, 1).Words[0]);
        var state = directory.ReadState();
        var cgroup = ContainerView.RequireCgroup(state);
        if (!cgroup.IsFrozen)
        {
            throw new CaissonException(ErrorKind.Conflict, $"container not paused: {directory.Id}");
        }
        cgroup.Thaw();
        return 0;
    }
}
