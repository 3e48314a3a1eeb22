using Caisson.Cli.CommandLine;
using Caisson.Cli.Composing;
using Caisson.Linux.Terminals;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose rm</c></summary>
internal sealed class ComposeRemoveCommand : ComposeCommand
{
    private readonly SwitchOption _force, _stop, _volumes;

    public ComposeRemoveCommand()
    {
        _force = Switch("force", "Don't ask to confirm removal", 'f');
        _stop = Switch("stop", "Stop the containers, if required, before removing", 's');
        _volumes = Switch("volumes", "Remove any anonymous volumes attached to containers", 'v');
    }

    public override IReadOnlyList<string> Examples => ["compose rm -f", "compose rm -sfv web"];

    protected override int RunCompose(Session session)
    {
        var project = LoadOrReconstruct(session, Arguments);
        var containers = Containers(session, project.Name, [], oneOff: true)
            .FindAll(container => Arguments.Count == 0 || Arguments.Contains(Label(container, Caisson.Compose.Model.ComposeLabels.Service)));
        using var progress = new ComposeProgress(session);
        if (_stop.Value)
        {
            ComposeKillCommand.ForEach(
                session, progress, containers.FindAll(container => container.State is "running" or "paused" or "restarting"), "Stopping", "Stopped", (engine, container) => engine.StopContainer(container.Id, null, null));
        }
        else
        {
            containers = containers.FindAll(container => container.State is not ("running" or "paused" or "restarting"));
        }
        if (containers.Count == 0)
        {
            session.Error.WriteLine("No stopped containers");
            return 0;
        }
        if (!_force.Value && !Confirm(session, containers.ConvertAll(NameOf)))
        {
            return 0;
        }
        return ComposeKillCommand.ForEach(session, progress, containers, "Removing", "Removed", (engine, container) => engine.RemoveContainer(container.Id, force: true, _volumes.Value));
    }

    private static bool Confirm(Session session, List<string> names)
    {
        session.Error.WriteLine($"Going to remove {string.Join(", ", names)}");
        session.Error.Write("Are you sure? [yN] ");
        using var input = new StreamReader(session.InputStream, leaveOpen: true);
        string answer = input.ReadLine()?.Trim() ?? "";
        if (answer.Length == 0 && !session.IsTerminal(StandardDescriptor.Input))
        {
            session.Error.WriteLine();
        }
        return answer is "y" or "Y" or "yes" or "Yes";
    }
}
