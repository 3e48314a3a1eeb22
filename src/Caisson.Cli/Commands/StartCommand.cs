using System.Text.Json;

using Caisson.Cli.Attaching;
using Caisson.Cli.CommandLine;
using Caisson.Client.Containers;
using Caisson.Errors;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson start</c></summary>
internal sealed class StartCommand : Command
{
    private readonly SwitchOption _attach;
    private readonly SwitchOption _interactive;
    private readonly ValueOption<string> _detachKeys;

    public StartCommand()
    {
        _attach = Switch("attach", "Attach STDOUT/STDERR and forward signals", 'a');
        _interactive = Switch("interactive", "Attach container's STDIN", 'i');
        _detachKeys = Text("detach-keys", "Override the key sequence for detaching a container");
    }

    public override string Usage => "[OPTIONS] CONTAINER [CONTAINER...]";

    public override IReadOnlyList<string> Examples => ["start web", "start -a job"];

    public override (int Min, int Max) ArgumentCount => (1, -1);

    public override CompletionKind Completes => CompletionKind.Containers;

    public override int Run(Session session)
    {
        if (!_attach.Value && !_interactive.Value)
        {
            return StartAll(session);
        }
        return Arguments.Count == 1
            ? StartAttached(session, Arguments[0])
            : throw new UsageException("you cannot start and attach multiple containers at once", exitCode: 1);
    }

    private int StartAll(Session session)
    {
        var failed = new List<string>();
        foreach (string name in Arguments)
        {
            try
            {
                session.Engine.StartContainer(name);
                session.Out.WriteLine(name);
            }
            catch (CaissonException e) when (e.Kind != ErrorKind.Unavailable)
            {
                session.Error.WriteLine($"caisson: {e.Message}");
                failed.Add(name);
            }
        }
        if (failed.Count > 0)
        {
            session.Error.WriteLine($"caisson: failed to start containers: {string.Join(", ", failed)}");
        }
        return failed.Count > 0 ? 1 : 0;
    }

    private int StartAttached(Session session, string name)
    {
        var keys = DetachKeys.FromOption(_detachKeys);
        var engine = session.Engine;
        using var inspected = engine.InspectContainer(name);
        var config = inspected.RootElement.GetProperty("Config");
        string id = inspected.RootElement.GetProperty("Id").GetString()!;
        bool tty = IsTrue(config, "Tty");
        bool input = _interactive.Value && IsTrue(config, "OpenStdin");
        bool autoRemove = IsTrue(inspected.RootElement.GetProperty("HostConfig"), "AutoRemove");

        using var stream = engine.AttachContainer(id, new AttachOptions(input, true, true, _detachKeys.Value));
        using var wait = engine.WaitContainer(id, autoRemove ? "removed" : "next-exit");
        using var signals = tty ? null : new SignalProxy(engine, id);
        using var terminal = tty ? new TerminalLink(session, input, (height, width) => engine.ResizeContainer(id, height, width)) : null;
        engine.StartContainer(id, _detachKeys.Value);
        signals?.Started = true;
        terminal?.FollowSize();

        var pump = new StreamPump(session, stream);
        if (input)
        {
            pump.StartInput(tty ? keys : null);
        }
        return pump.CopyOutput(tty) ? wait.Result().StatusCode : 0;
    }

    internal static bool IsTrue(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;
}
