using Caisson.Errors;
using Caisson.Oci.Runtime;
using Caisson.Runtime.CommandLine;
using Caisson.Runtime.Running;

namespace Caisson.Runtime.Commands;

/// <summary><c>delete ID</c>.</summary>
internal static class DeleteCommand
{
    public static int Run(Invocation invocation, string[] args)
    {
        var arguments = Arguments.Read(args, ["force|f"], 1, 1);
        string id = arguments.Words[0];
        bool force = arguments.Has("force");
        try
        {
            using var directory = invocation.Root.Open(id);
            var state = directory.ReadState();
            var status = ContainerView.StatusOf(state);
            if (status is ContainerStatus.Running or ContainerStatus.Paused && !force)
            {
                throw new CaissonException(
                    ErrorKind.Conflict, $"cannot delete container {id} that is not stopped: {RuntimeSpecJson.NameOf(status)}");
            }
            if (status != ContainerStatus.Stopped)
            {
                ContainerView.Kill(state);
            }
            Deletion.Delete(invocation, directory, state);
            return 0;
        }
        catch (CaissonException e) when (e.Kind == ErrorKind.NotFound && force && !Directory.Exists(Path.Combine(invocation.Root.Path, id)))
        {
            return 0;
        }
    }
}
