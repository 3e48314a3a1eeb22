using Caisson.Cli.CommandLine;
using Caisson.Cli.Composing;
using Caisson.Client;
using Caisson.Client.Containers;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose kill</c></summary>
internal sealed class ComposeKillCommand : ComposeCommand
{
    private readonly SwitchOption _removeOrphans;
    private readonly ValueOption<string> _signal;

    public ComposeKillCommand()
    {
        _removeOrphans = Switch("remove-orphans", "Also end containers for services not defined in the Compose file");
        _signal = Text("signal", "SIGNAL to send to the container", 's', absent: "SIGKILL");
    }

    public override IReadOnlyList<string> Examples => ["compose kill", "compose kill -s HUP web"];

    protected override int RunCompose(Session session)
    {
        var project = LoadOrReconstruct(session, Arguments);
        using var progress = new ComposeProgress(session);
        var containers = Containers(session, project.Name, Arguments)
            .FindAll(container => container.State is "running" or "paused" or "restarting"
                && (_removeOrphans.Value || project.Services.ContainsKey(Label(container, Caisson.Compose.Model.ComposeLabels.Service))));
        return ForEach(session, progress, containers, "Killing", "Killed", (engine, container) => engine.KillContainer(container.Id, _signal.Value));
    }

    /// <summary>Does the same to each; one failure does not spare the others.</summary>
    internal static int ForEach(
        Session session, ComposeProgress progress, List<ContainerSummary> containers, string doing, string done, Action<EngineClient, ContainerSummary> act)
    {
        bool failed = false;
        foreach (var container in containers)
        {
            string subject = $"Container {NameOf(container)}";
            if (session.Compose.DryRun)
            {
                session.Out.WriteLine($"{subject}: {doing}");
                continue;
            }
            progress.Begin(subject, doing);
            try
            {
                act(session.Engine, container);
                progress.End(subject, done);
            }
            catch (Errors.CaissonException e)
            {
                failed = true;
                progress.Fail(subject, e.Message);
            }
        }
        return failed ? 1 : 0;
    }
}
