using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine clone</c></summary>
internal sealed class MachineCloneCommand : Command
{
    private readonly SwitchOption _linked, _start;

    public MachineCloneCommand()
    {
        _linked = Switch("linked", "Its disks stand on those of the other, a template, and hold only what differs", 'l');
        _start = Switch("start", "Start it at once", 's');
    }

    public override string Usage => "[OPTIONS] MACHINE [NAME]";

    public override string Details => """
        A machine that runs is copied as its disks are at one moment. The clone has addresses of
        its own; what is written in its disks, such as host keys, it has in common with the other.
        """;

    public override IReadOnlyList<string> Examples => ["machine clone deb deb2", "machine clone --linked --start base web1"];

    public override (int Min, int Max) ArgumentCount => (1, 2);

    public override CompletionKind Completes => CompletionKind.Machines;

    public override int Run(Session session)
    {
        string name = session.Engine.CloneMachine(Arguments[0], Arguments.Count > 1 ? Arguments[1] : "", _linked.Value);
        session.Out.WriteLine(name);
        if (_start.Value)
        {
            session.Flush();
            session.Engine.StartMachine(name);
        }
        return 0;
    }
}
