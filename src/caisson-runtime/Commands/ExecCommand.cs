using System.Collections.Immutable;
using System.Globalization;
using Caisson.Containers.Launch;
using Caisson.Errors;
using Caisson.Oci.Runtime;
using Caisson.Runtime.CommandLine;
using Caisson.Runtime.Running;

namespace Caisson.Runtime.Commands;

/// <summary><c>exec ID PROGRAM…</c>: a further process in a container.</summary>
internal static class ExecCommand
{
    private static readonly string[] Flags =
    [
        "console-socket=", "pidfd-socket=", "cwd=", "env|e=", "tty|t", "user|u=", "additional-gids|g=", "process|p=", "detach|d", "pid-file=",
        "process-label=", "apparmor=", "no-new-privs", "cap|c=", "preserve-fds=", "cgroup=", "ignore-paused", "no-subreaper",
    ];

    public static int Run(Invocation invocation, string[] args)
    {
        var arguments = Arguments.Read(args, Flags, 1, out int rest);
        if (arguments.Words.Count == 0)
        {
            throw Arguments.Usage("the id of a container is needed");
        }
        string[] program = args[(rest < args.Length && args[rest] == "--" ? rest + 1 : rest)..];
        string id = arguments.Words[0];

        bool detached = arguments.Has("detach");
        string? socket = arguments.Value("console-socket") is { Length: > 0 } path ? path : null;
        using var foreground = detached ? null : new Foreground();
        using var runner = Start(invocation, arguments, program, id, socket, detached || socket is not null ? null : foreground);
        PidFile.Write(arguments.Value("pid-file"), runner.Pid);
        return foreground?.Wait(runner.Process) ?? 0;
    }

    /// <summary>Starts the process under the lock of the container, which is free again when this returns; in a paused one without, as it starts when somebody resumes it.</summary>
    private static LaunchRunner Start(
        Invocation invocation, Arguments arguments, string[] program, string id, string? consoleSocket, Foreground? terminal)
    {
        using var directory = invocation.Root.Open(id);
        var state = directory.ReadState();
        var status = ContainerView.StatusOf(state);
        if (status == ContainerStatus.Stopped)
        {
            throw new CaissonException(ErrorKind.Conflict, $"cannot exec in a stopped container: {id}");
        }
        if (status == ContainerStatus.Paused && !arguments.Has("ignore-paused"))
        {
            throw new CaissonException(ErrorKind.Conflict, $"cannot exec in a paused container (use --ignore-paused to override): {id}");
        }

        var spec = directory.ReadSpec();
        var process = arguments.Value("process") is { } file ? ReadProcess(file) : Process(arguments, program, spec.Process!);
        Creation.CheckConsole(process, consoleSocket, isForeground: terminal is not null);
        if (status == ContainerStatus.Paused)
        {
            directory.Dispose();
        }
        return Joining.Start(invocation, state, spec, process, new JoiningOptions
        {
            PreservedDescriptors = arguments.Number("preserve-fds", 0),
            Cgroups = arguments.Values("cgroup"),
            ConsoleSocket = consoleSocket,
            Foreground = terminal,
        });
    }

    private static Process ReadProcess(string file)
    {
        List<Problem> problems = [];
        var process = RuntimeSpecJson.ReadProcess(File.ReadAllBytes(file), problems);
        if (process is not null && problems.Count == 0)
        {
            RuntimeSpecRules.CheckProcess(process, problems);
        }
        ProblemsException.ThrowIfAny(file, problems);
        return process!;
    }

    /// <summary>The container's own process, with what the flags say in its place.</summary>
    private static Process Process(Arguments arguments, string[] program, Process own)
    {
        if (program.Length == 0)
        {
            throw Arguments.Usage("a program is needed, or --process FILE");
        }
        var caps = arguments.Values("cap").Select(cap => cap.ToUpperInvariant()).ToArray();
        if (Array.Find(caps, cap => Capabilities.NumberOf(cap) < 0) is { } unknown)
        {
            throw Arguments.Usage($"--cap {unknown}: no such capability; write it as CAP_NET_ADMIN");
        }
        return own with
        {
            Terminal = arguments.Has("tty"),
            ConsoleSize = null,
            Args = [.. program],
            Env = [.. own.Env, .. arguments.Values("env")],
            Cwd = arguments.Value("cwd") ?? own.Cwd,
            User = User(arguments, own.User),
            Capabilities = caps.Length == 0 ? own.Capabilities : With(own.Capabilities ?? new(), caps),
            NoNewPrivileges = arguments.Value("no-new-privs") is null ? own.NoNewPrivileges : arguments.Has("no-new-privs"),
            ApparmorProfile = arguments.Value("apparmor") ?? own.ApparmorProfile,
            SelinuxLabel = arguments.Value("process-label") ?? own.SelinuxLabel,
        };
    }

    private static Capabilities With(Capabilities sets, string[] caps)
    {
        ImmutableArray<string> Add(ImmutableArray<string> set) => [.. set.Union(caps)];
        return sets with { Bounding = Add(sets.Bounding), Effective = Add(sets.Effective), Permitted = Add(sets.Permitted) };
    }

    private static User User(Arguments arguments, User own)
    {
        var user = own;
        if (arguments.Value("user") is { } text)
        {
            string[] ids = text.Split(':');
            user = user with { Uid = Id(ids[0], text), Gid = ids.Length > 1 ? Id(ids[1], text) : user.Gid };
        }
        var groups = arguments.Values("additional-gids");
        return groups.Count == 0 ? user : user with { AdditionalGids = [.. user.AdditionalGids, .. groups.Select(group => Id(group, group))] };
    }

    private static uint Id(string text, string whole) =>
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint id)
            ? id
            : throw Arguments.Usage($"'{whole}' is not an id: write UID or UID:GID as numbers");
}
