using Caisson.Cli.Attaching;
using Caisson.Cli.CommandLine;
using Caisson.Client.Containers;
using Caisson.Errors;
using Caisson.Linux.Terminals;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson attach</c></summary>
internal sealed class AttachCommand : Command
{
    private readonly ValueOption<string> _detachKeys;
    private readonly SwitchOption _noStdin;
    private readonly SwitchOption _sigProxy;

    public AttachCommand()
    {
        _detachKeys = Text("detach-keys", "Override the key sequence for detaching a container");
        _noStdin = Switch("no-stdin", "Do not attach STDIN");
        _sigProxy = Switch("sig-proxy", "Proxy all received signals to the process (default true)", value: true);
    }

    public override string Usage => "[OPTIONS] CONTAINER";

    public override IReadOnlyList<string> Examples => ["attach web", "attach --no-stdin --sig-proxy=false web"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override CompletionKind Completes => CompletionKind.RunningContainers;

    public override int Run(Session session)
    {
        var keys = DetachKeys.FromOption(_detachKeys);
        var engine = session.Engine;
        using var inspected = engine.InspectContainer(Arguments[0]);
        string id = inspected.RootElement.GetProperty("Id").GetString()!;
        var config = inspected.RootElement.GetProperty("Config");
        RefuseUnlessRunning(inspected.RootElement.GetProperty("State"));
        bool tty = StartCommand.IsTrue(config, "Tty");
        bool input = !_noStdin.Value && StartCommand.IsTrue(config, "OpenStdin");
        if (tty && input && !session.IsTerminal(StandardDescriptor.Input))
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, "the input device is not a TTY");
        }

        using var wait = engine.WaitContainer(id, "not-running");
        using var stream = engine.AttachContainer(id, new AttachOptions(input, true, true, _detachKeys.Value));
        using var signals = _sigProxy.Value && !tty ? new SignalProxy(engine, id) { Started = true } : null;
        using var terminal = tty ? new TerminalLink(session, input, (height, width) => engine.ResizeContainer(id, height, width)) : null;
        terminal?.FollowSize();
        var pump = new StreamPump(session, stream);
        if (input)
        {
            pump.StartInput(tty ? keys : null);
        }
        if (!pump.CopyOutput(tty))
        {
            terminal?.Dispose();
            session.Error.WriteLine("read escape sequence");
            return 0;
        }
        return wait.Result().StatusCode;
    }

    private static void RefuseUnlessRunning(System.Text.Json.JsonElement state)
    {
        string? problem = !StartCommand.IsTrue(state, "Running") ? "cannot attach to a stopped container, start it first"
            : StartCommand.IsTrue(state, "Paused") ? "cannot attach to a paused container, unpause it first"
            : StartCommand.IsTrue(state, "Restarting") ? "cannot attach to a restarting container, wait until it is running"
            : null;
        if (problem is not null)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, problem);
        }
    }
}
