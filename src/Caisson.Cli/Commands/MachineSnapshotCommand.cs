using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine snapshot</c></summary>
internal sealed class MachineSnapshotCommand : Command
{
    private readonly ValueOption<string> _description;
    private readonly SwitchOption _delete;

    public MachineSnapshotCommand()
    {
        _description = Text("description", "What you want to remember about it");
        _delete = Switch("delete", "Delete the snapshot instead; those made after it stay", 'd');
    }

    public override string Usage => "[OPTIONS] MACHINE [SNAPSHOT]";

    public override string Details => "Keeps disks, UEFI's variables and, of a machine that runs, its memory.";

    public override IReadOnlyList<string> Examples => ["machine snapshot deb before-upgrade", "machine snapshot --delete deb before-upgrade"];

    public override (int Min, int Max) ArgumentCount => (1, 2);

    public override CompletionKind Completes => CompletionKind.Machines;

    public override int Run(Session session)
    {
        string name = Arguments.Count > 1 ? Arguments[1] : "";
        if (!_delete.Value)
        {
            session.Out.WriteLine(session.Engine.CreateMachineSnapshot(Arguments[0], name, _description.Value));
            return 0;
        }
        if (name.Length == 0)
        {
            throw new UsageException("name the snapshot to delete", exitCode: 1);
        }
        session.Engine.DeleteMachineSnapshot(Arguments[0], name);
        return 0;
    }
}
