using Caisson.Cli.CommandLine;
using Caisson.Client.Machines;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine backup</c></summary>
internal sealed class MachineBackupCommand : MachineWorkCommand
{
    private readonly SwitchOption _full;

    public MachineBackupCommand() => _full = Switch("full", "Copy everything, although there is a backup to build on");

    public override string Usage => "[OPTIONS] MACHINE DIRECTORY";

    public override string Details => """
        Copies the machine's disks, as they are at one moment, to a directory while it runs: whole
        the first time, then what has changed since. Prints the name of the point.
        """;

    public override IReadOnlyList<string> Examples => ["machine backup deb /backup/deb", "machine backup --full deb /backup/deb"];

    public override (int Min, int Max) ArgumentCount => (2, 2);

    public override CompletionKind Completes => CompletionKind.Machines;

    protected override MachineWork Act(Session session, Action<string, double> progress) =>
        session.Engine.BackUpMachine(Arguments[0], Absolute(Arguments[1]), _full.Value, progress);
}
