using Caisson.Containers.State;
using Caisson.Runtime.CommandLine;
using Caisson.Runtime.Running;

namespace Caisson.Runtime.Commands;

/// <summary><c>state ID</c>.</summary>
internal static class StateCommand
{
    public static int Run(Invocation invocation, string[] args)
    {
        var state = invocation.Root.Read(Arguments.Read(args, [], 1, 1).Words[0]);
        StandardOutput.Write(RuntimeStateJson.ToStateOutput(state, ContainerView.StatusOf(state)));
        return 0;
    }
}
