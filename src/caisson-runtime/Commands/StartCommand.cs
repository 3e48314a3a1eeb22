using Caisson.Containers.Launch;
using Caisson.Errors;
using Caisson.Oci.Runtime;
using Caisson.Runtime.CommandLine;
using Caisson.Runtime.Running;

namespace Caisson.Runtime.Commands;

/// <summary><c>start ID</c>: the program of a created container.</summary>
internal static class StartCommand
{
    public static int Run(Invocation invocation, string[] args)
    {
        string id = Arguments.Read(args, [], 1, 1).Words[0];
        using var directory = invocation.Root.Open(id);
        var state = directory.ReadState();
        switch (ContainerView.StatusOf(state))
        {
            case ContainerStatus.Created:
                break;
            case ContainerStatus.Stopped:
                throw new CaissonException(ErrorKind.Conflict, $"cannot start a container that has stopped: {id}");
            default:
                throw new CaissonException(ErrorKind.Conflict, $"cannot start an already running container: {id}");
        }

        var spec = directory.ReadSpec();
        if (!spec.Hooks.StartContainer.IsEmpty)
        {
            try
            {
                StartHooks.Run(invocation, state, spec);
            }
            catch (CaissonException)
            {
                ContainerView.Kill(state);
                throw;
            }
        }
        state = state with { Started = true };
        directory.WriteState(state);
        StartGate.Release(directory);
        HookRunner.RunAll("poststart", spec.Hooks.Poststart, state.ToState(ContainerStatus.Running), invocation.Warn);
        return 0;
    }
}
