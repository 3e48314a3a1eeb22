using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine template</c></summary>
internal sealed class MachineTemplateCommand : EachMachineCommand
{
    private readonly SwitchOption _undo;

    public MachineTemplateCommand() => _undo = Switch("undo", "Make templates machines again; no linked clone may stand on them");

    public override string Details => "A template does not run and does not change, so linked clones can stand on its disks.";

    public override IReadOnlyList<string> Examples => ["machine template base", "machine template --undo base"];

    protected override string Act(Session session, string name)
    {
        session.Engine.MakeMachineTemplate(name, _undo.Value);
        return name;
    }
}
