using Caisson.Cli.Attaching;
using Caisson.Cli.CommandLine;
using Caisson.Cli.Orchestrating;
using Caisson.Cli.Values;
using Caisson.Client.Containers;
using Caisson.Linux.Terminals;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson exec</c></summary>
internal sealed class ExecCommand : Command
{
    private readonly SwitchOption _detach, _interactive, _tty, _privileged;
    private readonly ValueOption<string> _detachKeys, _user, _workdir, _container, _namespace;
    private readonly ListOption<string> _env, _envFile;

    public ExecCommand()
    {
        _container = Text("container", "Of a pod: which container", 'c');
        _namespace = Text("namespace", "Of a pod: its namespace (default \"default\")", 'n');
        _detach = Switch("detach", "Detached mode: run command in the background", 'd');
        _detachKeys = Text("detach-keys", "Override the key sequence for detaching a container");
        _env = List("env", "Set environment variables", 'e');
        _envFile = List("env-file", "Read in a file of environment variables");
        _interactive = Switch("interactive", "Keep STDIN open even if not attached", 'i');
        _privileged = Switch("privileged", "Give extended privileges to the command");
        _tty = Switch("tty", "Allocate a pseudo-TTY", 't');
        _user = Text("user", "Username or UID (format: \"<name|uid>[:<group|gid>]\")", 'u');
        _workdir = Text("workdir", "Working directory inside the container", 'w');
    }

    public override string Usage => "[OPTIONS] CONTAINER COMMAND [ARG...]";

    public override IReadOnlyList<string> Examples => ["exec -it web sh", "exec -u 1000 -w /tmp web ls -l", "exec deployment/web ls"];

    public override (int Min, int Max) ArgumentCount => (2, -1);

    public override bool StopsAtFirstArgument => true;

    public override CompletionKind Completes => CompletionKind.RunningContainers;

    public override int Run(Session session)
    {
        var keys = DetachKeys.FromOption(_detachKeys);
        bool input = _interactive.Value && !_detach.Value;
        if (_tty.Value && input && !session.IsTerminal(StandardDescriptor.Input))
        {
            session.Error.WriteLine("caisson: the input device is not a TTY; leave out -t, or run it in a terminal");
            return 1;
        }
        var engine = session.Engine;
        var size = _tty.Value ? TerminalDevice.Size(StandardDescriptor.Output) : null;
        string execId = engine.CreateExec(PodTargets.Resolve(session, Arguments[0], _namespace.Value, _container.Value), Describe(session, input, size));
        if (_detach.Value)
        {
            engine.StartExecDetached(execId, _tty.Value);
            return 0;
        }

        using var terminal = _tty.Value
            ? new TerminalLink(session, input, (height, width) => engine.ResizeExec(execId, height, width))
            : null;
        using var stream = engine.StartExec(execId, _tty.Value, size);
        terminal?.FollowSize();
        var pump = new StreamPump(session, stream);
        if (input)
        {
            pump.StartInput(_tty.Value ? keys : null);
        }
        if (!pump.CopyOutput(_tty.Value))
        {
            terminal?.Dispose();
            session.Error.WriteLine("read escape sequence");
            return 0;
        }
        return engine.InspectExec(execId).ExitCode;
    }

    private ExecConfig Describe(Session session, bool input, (int Height, int Width)? size)
    {
        try
        {
            return new ExecConfig
            {
                Cmd = Arguments.Count > 2 && Arguments[1] == "--" ? Arguments[2..] : Arguments[1..], // -- as kubectl's users write it
                AttachStdin = input,
                AttachOutput = !_detach.Value,
                Tty = _tty.Value,
                Privileged = _privileged.Value,
                User = _user.Value,
                WorkingDir = _workdir.Value,
                DetachKeys = _detachKeys.Value,
                Env = [.. EnvironmentFile.Gather(_envFile.Values, _env.Values, session.Variable)],
                ConsoleSize = size,
            };
        }
        catch (Exception e) when (e is FormatException or IOException)
        {
            throw new UsageException(e.Message);
        }
    }
}
