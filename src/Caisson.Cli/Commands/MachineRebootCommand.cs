using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine reboot</c></summary>
internal sealed class MachineRebootCommand : EachMachineCommand
{
    private readonly SwitchOption _force;
    private readonly ValueOption<int?> _timeout;

    public MachineRebootCommand()
    {
        _force = Switch("force", "Press the reset button at once", 'f');
        _timeout = Seconds("timeout", "Seconds that the operating system has before the reset button is pressed (default 60)", 't');
    }

    public override string Details => "Presses Ctrl, Alt and Delete, and the reset button when the operating system does not start anew in time.";

    public override IReadOnlyList<string> Examples => ["machine reboot deb", "machine reboot --force deb"];

    protected override string Act(Session session, string name)
    {
        session.Engine.RebootMachine(name, _force.Value, _timeout.Value);
        return name;
    }
}
