using Caisson.Cli.Composing;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose pause</c> and <c>caisson compose unpause</c></summary>
internal sealed class ComposePauseCommand(bool pause) : ComposeCommand
{
    public override string Usage => "[SERVICE...]";

    public override IReadOnlyList<string> Examples => pause ? ["compose pause", "compose pause web"] : ["compose unpause", "compose unpause web"];

    protected override int RunCompose(Session session)
    {
        string project = LoadOrReconstruct(session, Arguments).Name;
        using var progress = new ComposeProgress(session);
        var containers = Containers(session, project, Arguments).FindAll(container => container.State == (pause ? "running" : "paused"));
        return pause
            ? ComposeKillCommand.ForEach(session, progress, containers, "Pausing", "Paused", (engine, container) => engine.PauseContainer(container.Id))
            : ComposeKillCommand.ForEach(session, progress, containers, "Unpausing", "Unpaused", (engine, container) => engine.UnpauseContainer(container.Id));
    }
}
