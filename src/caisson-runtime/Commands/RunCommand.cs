using Caisson.Containers.Launch;
using Caisson.Oci.Runtime;
using Caisson.Runtime.CommandLine;
using Caisson.Runtime.Running;

namespace Caisson.Runtime.Commands;

/// <summary><c>run ID</c>: create, start, and in the foreground also wait and delete.</summary>
internal static class RunCommand
{
    public static int Run(Invocation invocation, string[] args)
    {
        var arguments = Arguments.Read(args, [.. CreateCommand.Flags, "detach|d", "keep", "no-subreaper"], 1, 1);
        bool detached = arguments.Has("detach");
        using var foreground = detached ? null : new Foreground();
        var options = CreateCommand.Options(arguments) with { IsStarted = true, Foreground = foreground };
        using var created = Creation.Create(invocation, options);
        if (!created.Spec.Hooks.Poststart.IsEmpty)
        {
            var state = invocation.Root.Read(options.Id).ToState(ContainerStatus.Running);
            HookRunner.RunAll("poststart", created.Spec.Hooks.Poststart, state, invocation.Warn);
        }
        if (foreground is null)
        {
            return 0;
        }

        int code = foreground.Wait(created.Runner.Process);
        if (!arguments.Has("keep"))
        {
            using var directory = invocation.Root.Open(options.Id);
            Deletion.Delete(invocation, directory, directory.ReadState(), created.Spec);
        }
        return code;
    }
}
