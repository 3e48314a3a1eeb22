using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson unpause</c></summary>
internal sealed class UnpauseCommand : EachContainerCommand
{
    public override IReadOnlyList<string> Examples => ["unpause web", "unpause web job"];

    public override CompletionKind Completes => CompletionKind.RunningContainers;

    protected override string Act(Session session, string name)
    {
        session.Engine.UnpauseContainer(name);
        return name;
    }
}
