using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine delete</c></summary>
internal sealed class RemoveMachineCommand : EachMachineCommand
{
    private readonly SwitchOption _force;

    public RemoveMachineCommand() => _force = Switch("force", "Also machines that run: the power is taken away", 'f');

    public override IReadOnlyList<string> Examples => ["machine delete deb", "machine rm -f web1 web2"];

    protected override string Act(Session session, string name)
    {
        session.Engine.DeleteMachine(name, _force.Value);
        return name;
    }
}
