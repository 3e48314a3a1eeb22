using Caisson.Cli.CommandLine;
using Caisson.Cli.Values;
using Caisson.Client.Machines;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine recover</c></summary>
internal sealed class MachineRecoverCommand : MachineWorkCommand
{
    private readonly ValueOption<string> _name, _point, _passphrase;
    private readonly SwitchOption _verify;

    public MachineRecoverCommand()
    {
        _name = Text("name", "Name of the machine (default the one that it had)", 'n');
        _point = Text("point", "Name of the point (default the last)");
        _passphrase = Text("passphrase-file", "Path of a file whose first line is the passphrase, where another engine encrypted the machine", kind: "path");
        _verify = Switch("verify", "Only check that all of it is there and as it was written");
    }

    public override string Usage => "[OPTIONS] DIRECTORY";

    public override string Details => "Makes a machine of a backup (machine backup), after its digests are checked. Prints the machine's name.";

    public override IReadOnlyList<string> Examples => ["machine recover --name deb2 /backup/deb", "machine recover --verify /backup/deb"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    protected override MachineWork Act(Session session, Action<string, double> progress) =>
        session.Engine.RestoreMachineBackup(Absolute(Arguments[0]), _point.Value, _name.Value, MachineSpec.FirstLine(_passphrase.Value), _verify.Value, progress);
}
