namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine resume</c></summary>
internal sealed class MachineResumeCommand : EachMachineCommand
{
    public override IReadOnlyList<string> Examples => ["machine resume deb", "machine resume web1 web2"];

    protected override string Act(Session session, string name)
    {
        session.Engine.ResumeMachine(name);
        return name;
    }
}
