using Caisson.Cli.CommandLine;
using Caisson.Cli.Values;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine detach</c></summary>
internal sealed class MachineDetachCommand : Command
{
    private readonly ValueOption<string> _keep;
    private readonly SwitchOption _delete;

    public MachineDetachCommand()
    {
        _keep = Text("keep", "Save what the disk holds to this path, as qcow2", kind: "path");
        _delete = Switch("delete", "Delete what the disk holds");
    }

    public override string Usage => "[OPTIONS] MACHINE DEVICE";

    public override IReadOnlyList<string> Examples => ["machine detach deb net1", "machine detach --keep /srv/data.qcow2 deb disk1", "machine detach --delete deb disk1"];

    public override (int Min, int Max) ArgumentCount => (2, 2);

    public override CompletionKind Completes => CompletionKind.Machines;

    public override int Run(Session session)
    {
        session.Engine.DetachFromMachine(Arguments[0], Arguments[1], MachineSpec.HostPath(_keep.Value), _delete.Value);
        return 0;
    }
}
