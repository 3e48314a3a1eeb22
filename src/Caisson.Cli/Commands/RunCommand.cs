using Caisson.Cli.Attaching;
using Caisson.Cli.CommandLine;
using Caisson.Client;
using Caisson.Client.Containers;
using Caisson.Client.Http;
using Caisson.Linux.Terminals;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson run</c>: create, attach, wait, start; the container's exit code is ours.</summary>
internal sealed class RunCommand : ContainerCommand
{
    private readonly SwitchOption _detach;
    private readonly SwitchOption _sigProxy;
    private readonly ValueOption<string> _detachKeys;

    public RunCommand()
    {
        Heading("Terminal and streams");
        _detach = Switch("detach", "Run container in background and print container ID", 'd');
        _detachKeys = Text("detach-keys", "Override the key sequence for detaching a container");
        _sigProxy = Switch("sig-proxy", "Proxy received signals to the process (default true)", value: true);
    }

    public override int FailureExitCode => 125;

    public bool IsDetached => _detach.Value;

    public override IReadOnlyList<string> Examples =>
    [
        "run --rm -it --network none busybox sh",
        "run -d --name web --memory 64m --pids-limit 64 --profile restricted busybox sleep 1000",
        "run --rm -v \"$PWD:/work\" -w /work --network none busybox ls -l",
    ];

    public override int Run(Session session)
    {
        var creation = Describe(session, _detach.Value);
        var config = creation.Config;
        if (config is { Tty: true, AttachStdin: true } && !session.IsTerminal(StandardDescriptor.Input))
        {
            session.Error.WriteLine("caisson: the input device is not a TTY; leave out -t, or run it in a terminal");
            return 1;
        }
        var keys = DetachKeys.FromOption(_detachKeys);
        var created = Creating.Create(session, this, creation);
        if (config is { AttachStdin: false, AttachStdout: false, AttachStderr: false })
        {
            return RunDetached(session, created.Id);
        }
        return RunAttached(session, created.Id, creation, keys, _detachKeys.Value, _sigProxy.Value);
    }

    private static int RunDetached(Session session, string id)
    {
        try
        {
            session.Engine.StartContainer(id);
        }
        catch (EngineException e)
        {
            return StartFailure.Report(session, e);
        }
        session.Out.WriteLine(id);
        return 0;
    }

    /// <summary>Attaches to a container that was just made, starts it, and gives its exit code.</summary>
    internal static int RunAttached(Session session, string id, ContainerCreation creation, DetachKeys keys, string detachKeys, bool sigProxy)
    {
        var engine = session.Engine;
        var config = creation.Config;
        using var stream = engine.AttachContainer(
            id, new AttachOptions(config.AttachStdin, config.AttachStdout, config.AttachStderr, detachKeys));
        using var wait = engine.WaitContainer(id, creation.Host.AutoRemove ? "removed" : "next-exit");
        using var signals = sigProxy && !config.Tty ? new SignalProxy(engine, id) : null;
        using var terminal = config.Tty
            ? new TerminalLink(session, config.AttachStdin, (height, width) => engine.ResizeContainer(id, height, width))
            : null;
        try
        {
            engine.StartContainer(id, detachKeys);
        }
        catch (EngineException e)
        {
            terminal?.Dispose();
            if (creation.Host.AutoRemove)
            {
                WaitForRemoval(wait);
            }
            return StartFailure.Report(session, e);
        }
        signals?.Started = true;
        terminal?.FollowSize();
        if (!Stream(session, stream, config, keys))
        {
            terminal?.Dispose();
            session.Error.WriteLine("read escape sequence");
            return 0;
        }
        return ExitCode(session, wait.Result());
    }

    private static bool Stream(Session session, HijackedStream stream, ContainerConfig config, DetachKeys keys)
    {
        var pump = new StreamPump(session, stream);
        if (config.AttachStdin)
        {
            pump.StartInput(config.Tty ? keys : null);
        }
        return pump.CopyOutput(config.Tty);
    }

    private static void WaitForRemoval(PendingWait wait)
    {
        try
        {
            wait.Result();
        }
        catch (Errors.CaissonException)
        {
            // An engine that never registered it has nothing to remove.
        }
    }

    private static int ExitCode(Session session, WaitResult result)
    {
        if (result.Error is { } error)
        {
            session.Error.WriteLine($"caisson: waiting for the container failed: {error}");
            return UsageException.FlagExitCode;
        }
        return result.StatusCode;
    }
}
