using Caisson.Cli.CommandLine;
using Caisson.Client.Machines;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine import</c></summary>
internal sealed class MachineImportCommand : MachineWorkCommand
{
    private readonly ValueOption<string> _name;

    public MachineImportCommand() => _name = Text("name", "Name of the machine (default that of the package or file)", 'n');

    public override string Usage => "[OPTIONS] FILE";

    public override string Details => """
        Makes a machine of an OVA archive, of an OVF description with its files beside it, or of a
        disk: qcow2, VMDK, VHD, VHDX or raw. Digests are checked. A disk that names other files is
        refused. Prints the machine's name.
        """;

    public override IReadOnlyList<string> Examples => ["machine import appliance.ova", "machine import --name old disk.vhdx"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    protected override MachineWork Act(Session session, Action<string, double> progress) => session.Engine.ImportMachine(Absolute(Arguments[0]), _name.Value, progress);
}
