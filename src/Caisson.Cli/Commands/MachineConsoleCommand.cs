using Caisson.Cli.Attaching;
using Caisson.Cli.CommandLine;
using Caisson.Linux.Terminals;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine console</c></summary>
internal sealed class MachineConsoleCommand : Command
{
    private const int TailLines = 20;

    private readonly ValueOption<string> _detachKeys;
    private readonly ValueOption<long> _tail;
    private readonly SwitchOption _history, _noStdin;

    public MachineConsoleCommand()
    {
        _detachKeys = Text("detach-keys", "Keys that leave the console (default ctrl-p,ctrl-q)");
        _tail = Number("tail", "Lines of what it said before that are shown first (default 20)", absent: TailLines);
        _history = Switch("history", "Print what it has said, and do not connect");
        _noStdin = Switch("no-stdin", "Do not send standard input");
    }

    public override string Usage => "[OPTIONS] MACHINE";

    public override string Details => "What the console says is kept: the last megabytes of it, over all starts of the machine.";

    public override IReadOnlyList<string> Examples => ["machine console deb", "machine console --history deb | less", "machine console --no-stdin --tail 0 deb"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override CompletionKind Completes => CompletionKind.Machines;

    public override int Run(Session session)
    {
        if (_history.Value)
        {
            session.Engine.ReadMachineConsole(Arguments[0], session.OutputStream, _tail.Value == TailLines ? null : (int)_tail.Value);
            return 0;
        }
        var keys = DetachKeys.FromOption(_detachKeys);
        bool input = !_noStdin.Value;
        using var stream = session.Engine.AttachMachineConsole(Arguments[0], input, (int)_tail.Value);
        bool isTerminal = session.IsTerminal(StandardDescriptor.Input);
        using var terminal = input && isTerminal ? new TerminalLink(session, input, (_, _) => { }) : null;
        var pump = new StreamPump(session, stream);
        if (input)
        {
            pump.StartInput(isTerminal ? keys : null);
        }
        if (!pump.CopyOutput(tty: false))
        {
            terminal?.Dispose();
            session.Error.WriteLine("left the console; the machine goes on");
        }
        return 0;
    }
}
