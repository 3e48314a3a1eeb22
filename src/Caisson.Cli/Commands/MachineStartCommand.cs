namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine start</c></summary>
internal sealed class MachineStartCommand : EachMachineCommand
{
    public override IReadOnlyList<string> Examples => ["machine start deb", "machine start web1 web2"];

    protected override string Act(Session session, string name)
    {
        session.Engine.StartMachine(name);
        return name;
    }
}
