using System.Collections.Immutable;
using Caisson.Containers.Launch;
using Caisson.Containers.State;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Oci.Runtime;
using Caisson.Runtime.CommandLine;

namespace Caisson.Runtime.Running;

/// <summary>How a further process is started.</summary>
internal sealed record JoiningOptions
{
    /// <summary>Its standard descriptors; empty for ours.</summary>
    public ImmutableArray<Descriptor> Stdio { get; init; } = [];

    public int PreservedDescriptors { get; init; }

    /// <summary>Cgroups below the container's: <c>PATH</c>, or <c>CONTROLLER[,CONTROLLER]:PATH</c>.</summary>
    public IReadOnlyList<string> Cgroups { get; init; } = [];

    public string? ConsoleSocket { get; init; }

    /// <summary>Takes the terminal instead of the socket.</summary>
    public Foreground? Foreground { get; init; }
}

/// <summary>Starts a further process in a running container.</summary>
internal static class Joining
{
    /// <summary>Starts it, up to its program.</summary>
    /// <returns>The process, a child of ours; the caller disposes it.</returns>
    public static LaunchRunner Start(Invocation invocation, RuntimeState container, RuntimeSpec spec, Process process, JoiningOptions options)
    {
        using var first = ContainerView.TryOpenProcess(container)
            ?? throw new CaissonException(ErrorKind.Conflict, $"cannot exec in a stopped container: {container.Id}");
        var kinds = NamespaceDifference.Of(container.Pid);
        List<Problem> problems = [];
        var seccomp = spec.Linux is { Seccomp.IsEmpty: false } linux
            ? invocation.Seccomp.Compile(linux.Seccomp.Span, "/linux/seccomp", problems)
            : null;
        var facts = LaunchHost.ReadExecFacts(container.Id, CgroupDirectories(container, options.Cgroups)) with
        {
            SuppliesStdio = !options.Stdio.IsEmpty,
            PreservedDescriptors = options.PreservedDescriptors,
        };
        var plan = LaunchPlan.Exec(process, spec.Linux, kinds, seccomp, facts, problems);
        ProblemsException.ThrowIfAny("process", problems);
        foreach (Problem warning in plan.Warnings)
        {
            invocation.Warn(warning.ToString());
        }

        using var inputs = LaunchInputs.Open(plan, null, new LaunchSupplies { Container = first, Stdio = options.Stdio });
        var runner = LaunchRunner.Start(plan, inputs);
        try
        {
            runner.RunTo(untilReady: false, new LaunchAnswers
            {
                Received = (output, descriptor) =>
                {
                    if (output == LaunchOutput.Terminal && options.Foreground is { } foreground)
                    {
                        foreground.Take(descriptor);
                        return;
                    }
                    using (descriptor)
                    {
                        if (output == LaunchOutput.Terminal && options.ConsoleSocket is { } socket)
                        {
                            HandOver.Terminal(socket, descriptor);
                        }
                        else if (output == LaunchOutput.SeccompListener && seccomp?.ListenerPath is { } listenerPath)
                        {
                            HandOver.SeccompListener(
                                listenerPath, seccomp.ListenerMetadata, runner.Pid, container.ToState(ContainerStatus.Running), descriptor);
                        }
                    }
                },
            });
            return runner;
        }
        catch
        {
            runner.Dispose();
            throw;
        }
    }

    /// <summary>The directories to join: the container's own, or groups below them.</summary>
    private static IEnumerable<string> CgroupDirectories(RuntimeState container, IReadOnlyList<string> asked)
    {
        var directories = new OrderedDictionary<string, string>();
        foreach (var (controller, directory) in container.CgroupPaths)
        {
            directories[controller] = directory;
        }
        foreach (string entry in asked)
        {
            int colon = entry.IndexOf(':', StringComparison.Ordinal);
            string path = entry[(colon + 1)..].Trim('/');
            if (path.Split('/').Contains(".."))
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"--cgroup {entry}: must stay below the container's cgroup");
            }
            string[] controllers = colon < 0 ? [.. directories.Keys] : entry[..colon].Split(',');
            foreach (string controller in controllers)
            {
                if (!directories.TryGetValue(controller, out string? directory))
                {
                    throw new CaissonException(ErrorKind.InvalidArgument, $"--cgroup {entry}: the container has no cgroup of controller {controller}");
                }
                directories[controller] = path.Length == 0 ? directory : $"{directory}/{path}";
                if (!Directory.Exists(directories[controller]))
                {
                    throw new CaissonException(ErrorKind.NotFound, $"--cgroup {entry}: {directories[controller]} does not exist");
                }
            }
        }
        return directories.Values.Distinct();
    }
}
