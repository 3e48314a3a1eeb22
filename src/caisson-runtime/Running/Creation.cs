using Caisson.Containers.Cgroups;
using Caisson.Containers.Launch;
using Caisson.Containers.Seccomp;
using Caisson.Containers.State;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Oci.Runtime;
using Caisson.Runtime.CommandLine;

namespace Caisson.Runtime.Running;

/// <summary>What a container is created from, read and compiled; nothing has happened yet.</summary>
internal sealed record Blueprint(RuntimeSpec Spec, string Bundle, CgroupLayout Layout, CgroupPlan Cgroups, LaunchPlan Launch, SeccompPlan? Seccomp)
{
    /// <summary>Reads <c>config.json</c> of <paramref name="bundle"/> and compiles it; reports every problem at once.</summary>
    public static Blueprint Read(Invocation invocation, string id, string bundle, bool hasGate, int preserved)
    {
        string path = Path.GetFullPath(bundle);
        string file = Path.Combine(path, "config.json");
        if (!File.Exists(file))
        {
            throw new CaissonException(ErrorKind.NotFound, $"no config.json in {path}: name the bundle with --bundle, or make one with 'caisson-runtime spec'");
        }
        List<Problem> warnings = [];
        List<Problem> problems = [];
        var spec = RuntimeSpecJson.Parse(File.ReadAllBytes(file), file, warnings);
        if (spec.Process is null)
        {
            problems.Add(new("/process", "needed to create a container"));
        }
        if (spec.Root is null)
        {
            problems.Add(new("/root", "needed to create a container"));
        }
        if (spec.Linux?.NetDevices.Count > 0)
        {
            problems.Add(new("/linux/netDevices", "cannot be moved by this runtime; move them in a createRuntime hook"));
        }
        if (spec.Linux?.IntelRdt is not null)
        {
            problems.Add(new("/linux/intelRdt", "is not supported by this runtime"));
        }
        ProblemsException.ThrowIfAny(file, problems);
        spec = LaunchHost.Resolve(spec, path);
        if (!Directory.Exists(spec.Root!.Path))
        {
            throw new ProblemsException(file, [new("/root/path", $"{spec.Root.Path}: no such directory")]);
        }

        var layout = CgroupLayout.Detect();
        CgroupConfig config = new() { Id = id, Path = spec.Linux?.CgroupsPath, Resources = spec.Linux?.Resources };
        var cgroups = CgroupPlan.Compile(config, CgroupHost.FactsOf(layout), problems, warnings);
        var seccomp = spec.Linux is { Seccomp.IsEmpty: false } linux
            ? invocation.Seccomp.Compile(linux.Seccomp.Span, "/linux/seccomp", problems)
            : null;
        var facts = LaunchHost.ReadFacts(spec, id, cgroups) with { HasStartGate = hasGate, PreservedDescriptors = preserved };
        var launch = LaunchPlan.Create(spec, seccomp, facts, problems);
        ProblemsException.ThrowIfAny(file, problems);
        foreach (Problem warning in warnings.Concat(launch.Warnings))
        {
            invocation.Warn($"{file}: {warning}");
        }
        return new(spec, path, layout, cgroups, launch, seccomp);
    }
}

/// <summary>How a container is created.</summary>
internal sealed record CreationOptions
{
    public required string Id { get; init; }

    public required string Bundle { get; init; }

    public string? PidFile { get; init; }

    public string? ConsoleSocket { get; init; }

    public int PreservedDescriptors { get; init; }

    /// <summary>The program runs at once, without waiting for <c>start</c>.</summary>
    public bool IsStarted { get; init; }

    /// <summary>Takes the terminal instead of the socket.</summary>
    public Foreground? Foreground { get; init; }
}

/// <summary>A container that was just created.</summary>
/// <param name="Runner">Its first process, a child of ours.</param>
/// <param name="Spec">What it was created from.</param>
internal sealed record Created(LaunchRunner Runner, RuntimeSpec Spec) : IDisposable
{
    public void Dispose() => Runner.Dispose();
}

/// <summary>Creates a container; all or nothing.</summary>
internal static class Creation
{
    internal const string MadeCgroupsFile = "cgroups";

    /// <summary>Creates, up to the wait for <c>start</c>, or up to the program.</summary>
    /// <returns>To be disposed by the caller.</returns>
    public static Created Create(Invocation invocation, CreationOptions options)
    {
        invocation.RefuseSystemd();
        using var directory = invocation.Root.Create(options.Id);
        var blueprint = Blueprint.Read(invocation, options.Id, options.Bundle, hasGate: !options.IsStarted, Descriptors(options, out var listen));
        if (listen is not null)
        {
            blueprint = WithListenDescriptors(invocation, options, blueprint, listen);
        }
        CheckConsole(blueprint.Spec.Process!, options.ConsoleSocket, options.Foreground is not null);

        if (ContainerView.IsFrozen(blueprint.Cgroups.Directories()))
        {
            throw new CaissonException(
                ErrorKind.FailedPrecondition, $"container's cgroup unexpectedly frozen: {blueprint.Spec.Linux?.CgroupsPath}; nothing could start in it");
        }
        using var gate = options.IsStarted ? null : StartGate.Create(directory);
        var made = CgroupRunner.Make(blueprint.Cgroups, blueprint.Layout);
        try
        {
            directory.Write(MadeCgroupsFile, PathText.Encode(string.Join('\n', made)));
            directory.WriteSpec(blueprint.Spec);
            SharedMounts.Expect(directory, blueprint.Spec);
            using var inputs = LaunchInputs.Open(blueprint.Launch, blueprint.Spec, new LaunchSupplies { StartGate = gate });
            var runner = LaunchRunner.Start(blueprint.Launch, inputs);
            try
            {
                runner.RunTo(untilReady: !options.IsStarted, Answers(invocation, options, blueprint, directory, runner));
                return new(runner, blueprint.Spec);
            }
            catch
            {
                runner.Dispose();
                SharedMounts.Remove(directory, blueprint.Spec.Root!.Path);
                directory.Forget();
                throw;
            }
        }
        catch
        {
            CgroupRunner.Remove(made);
            throw;
        }
    }

    /// <summary>A terminal needs somebody to take it, and the other way round.</summary>
    public static void CheckConsole(Process process, string? consoleSocket, bool isForeground)
    {
        if (process.Terminal && consoleSocket is null && !isForeground)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "cannot allocate tty if the runtime will detach without setting console socket (--console-socket)");
        }
        if (consoleSocket is not null && (!process.Terminal || isForeground))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "cannot use console socket if the runtime will not detach or allocate tty");
        }
    }

    /// <summary>Descriptors from 3 on that are the program's: those asked for, and those of socket activation.</summary>
    public static int Descriptors(CreationOptions options, out string? listen)
    {
        listen = Environment.GetEnvironmentVariable("LISTEN_FDS");
        return options.PreservedDescriptors
            + (int.TryParse(listen, System.Globalization.CultureInfo.InvariantCulture, out int count) && count > 0 ? count : 0);
    }

    private static Blueprint WithListenDescriptors(Invocation invocation, CreationOptions options, Blueprint blueprint, string listen)
    {
        var process = blueprint.Spec.Process!;
        var spec = blueprint.Spec with
        {
            Process = process with { Env = [.. process.Env, $"LISTEN_FDS={listen}", "LISTEN_PID=1"] },
        };
        List<Problem> problems = [];
        var facts = LaunchHost.ReadFacts(spec, options.Id, blueprint.Cgroups) with
        {
            HasStartGate = !options.IsStarted,
            PreservedDescriptors = Descriptors(options, out _),
        };
        var launch = LaunchPlan.Create(spec, blueprint.Seccomp, facts, problems);
        ProblemsException.ThrowIfAny("config.json", problems);
        invocation.Warn($"passing {listen} descriptors of LISTEN_FDS on");
        return blueprint with { Spec = spec, Launch = launch };
    }

    private static LaunchAnswers Answers(
        Invocation invocation, CreationOptions options, Blueprint blueprint, ContainerDirectory directory, LaunchRunner runner)
    {
        var spec = blueprint.Spec;
        State Now(ContainerStatus status) => new()
        {
            OciVersion = spec.OciVersion,
            Id = options.Id,
            Status = status,
            Pid = runner.Pid,
            Bundle = blueprint.Bundle,
            Annotations = spec.Annotations,
        };

        return new()
        {
            BeforePivot = child =>
            {
                if (spec.Hooks.IsEmpty)
                {
                    return;
                }
                var state = Now(ContainerStatus.Creating);
                HookRunner.Run("prestart", spec.Hooks.Prestart, state);
                HookRunner.Run("createRuntime", spec.Hooks.CreateRuntime, state);
                if (!spec.Hooks.CreateContainer.IsEmpty)
                {
                    HookRunner.RunInside("createContainer", spec.Hooks.CreateContainer, state, child.Process, NamespaceDifference.Of(child.Pid), spec.Root!.Path);
                }
            },
            Received = (output, descriptor) =>
            {
                if (output == LaunchOutput.Terminal && options.Foreground is { } foreground)
                {
                    foreground.Take(descriptor);
                    return;
                }
                using (descriptor)
                {
                    if (output == LaunchOutput.Terminal)
                    {
                        HandOver.Terminal(options.ConsoleSocket!, descriptor);
                    }
                    else if (blueprint.Seccomp?.ListenerPath is { } listenerPath)
                    {
                        HandOver.SeccompListener(listenerPath, blueprint.Seccomp.ListenerMetadata, runner.Pid, Now(ContainerStatus.Creating), descriptor);
                    }
                }
            },
            Ready = child =>
            {
                var state = StateOf(options, blueprint, child.Pid);
                directory.WriteState(state);
                if (options.IsStarted && !spec.Hooks.StartContainer.IsEmpty)
                {
                    StartHooks.Run(invocation, state, spec);
                }
                PidFile.Write(options.PidFile, child.Pid);
            },
        };
    }

    private static RuntimeState StateOf(CreationOptions options, Blueprint blueprint, int pid) => new()
    {
        Id = options.Id,
        OciVersion = blueprint.Spec.OciVersion,
        Bundle = blueprint.Bundle,
        Rootfs = blueprint.Spec.Root!.Path,
        Created = DateTimeOffset.UtcNow,
        Pid = pid,
        PidStartTime = ProcessSnapshot.Read(pid)?.StartTime
            ?? throw new CaissonException(ErrorKind.Internal, $"the container's first process {pid} ended while it was being made"),
        BootId = ProcessSnapshot.ReadBootId(),
        Started = options.IsStarted,
        CgroupPaths = blueprint.Cgroups.Directories(),
        NamespacePaths = ContainerView.NamespacePaths(pid),
        Resources = blueprint.Spec.Linux?.Resources ?? new LinuxResources(),
        Annotations = blueprint.Spec.Annotations,
    };
}
