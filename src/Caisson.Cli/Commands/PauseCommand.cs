using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson pause</c></summary>
internal sealed class PauseCommand : EachContainerCommand
{
    public override IReadOnlyList<string> Examples => ["pause web", "pause web job"];

    public override CompletionKind Completes => CompletionKind.RunningContainers;

    protected override string Act(Session session, string name)
    {
        session.Engine.PauseContainer(name);
        return name;
    }
}
