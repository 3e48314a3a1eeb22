using Caisson.Containers.State;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Oci.Runtime;
using Caisson.Runtime.CommandLine;

namespace Caisson.Runtime.Running;

/// <summary>Hooks <c>startContainer</c>: the container's own programs, with no more rights than its program has.</summary>
/// <remarks>
/// Their path is the container's, so whoever made the image decides what runs; each is therefore an exec like any other, under the
/// container's ids, capabilities and seccomp filter. Source: runtime-spec config.md, "StartContainer Hooks".
/// </remarks>
internal static class StartHooks
{
    public static void Run(Invocation invocation, RuntimeState container, RuntimeSpec spec)
    {
        byte[] document = RuntimeSpecJson.ToUtf8(container.ToState(ContainerStatus.Created));
        for (int i = 0; i < spec.Hooks.StartContainer.Length; i++)
        {
            Hook hook = spec.Hooks.StartContainer[i];
            string name = $"hook startContainer {i} ({hook.Path})";
            using var state = Memfd.CreateSealed("state", document);
            using var input = HostFiles.OpenRead(state.ProcPath);
            using var output = Memfd.Create("hook");
            using var errors = output.Duplicate();
            var process = spec.Process! with
            {
                Terminal = false,
                Args = hook.Args.IsEmpty ? [hook.Path] : [hook.Path, .. hook.Args.RemoveAt(0)],
                Env = hook.Env,
                Cwd = "/",
            };
            using var runner = Joining.Start(invocation, container, spec, process, new JoiningOptions { Stdio = [input, output, errors] });
            if (!runner.Process.WaitReadable(hook.Timeout is { } seconds ? seconds * 1000 : -1))
            {
                runner.Process.TrySignal(Signal.KILL);
                runner.Process.WaitExit();
                throw new CaissonException(ErrorKind.Cancelled, $"{name}: not done within {hook.Timeout} seconds");
            }
            var status = runner.Process.WaitExit();
            if (status != default)
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, $"{name}: ended with {status}");
            }
        }
    }
}
