using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine stop</c></summary>
internal sealed class MachineStopCommand : EachMachineCommand
{
    private readonly SwitchOption _force;
    private readonly ValueOption<int?> _timeout;

    public MachineStopCommand()
    {
        _force = Switch("force", "Take the power away at once", 'f');
        _timeout = Seconds("timeout", "Seconds that the operating system has before the power is taken away; -1 for ever (default 60)", 't');
    }

    public override string Details => "Presses the power button, and takes the power away when the operating system has not shut down in time.";

    public override IReadOnlyList<string> Examples => ["machine stop deb", "machine stop --timeout 10 web1 web2", "machine stop --force deb"];

    protected override string Act(Session session, string name)
    {
        session.Engine.StopMachine(name, _force.Value, _timeout.Value);
        return name;
    }
}
