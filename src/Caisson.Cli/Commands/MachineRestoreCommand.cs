using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine restore</c></summary>
internal sealed class MachineRestoreCommand : Command
{
    private readonly SwitchOption _paused;

    public MachineRestoreCommand() => _paused = Switch("paused", "Of a snapshot with memory: the machine does not run on at once");

    public override string Usage => "[OPTIONS] MACHINE [SNAPSHOT]";

    public override string Details => """
        Without a name the snapshot made or gone back to last. What the machine holds now is lost
        unless there is a snapshot of it. With memory it runs on from that moment; without, it is
        stopped.
        """;

    public override IReadOnlyList<string> Examples => ["machine restore deb", "machine restore deb before-upgrade"];

    public override (int Min, int Max) ArgumentCount => (1, 2);

    public override CompletionKind Completes => CompletionKind.Machines;

    public override int Run(Session session)
    {
        session.Engine.RestoreMachine(Arguments[0], Arguments.Count > 1 ? Arguments[1] : "", _paused.Value);
        return 0;
    }
}
