namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine pause</c></summary>
internal sealed class MachinePauseCommand : EachMachineCommand
{
    public override IReadOnlyList<string> Examples => ["machine pause deb", "machine pause web1 web2"];

    protected override string Act(Session session, string name)
    {
        session.Engine.PauseMachine(name);
        return name;
    }
}
