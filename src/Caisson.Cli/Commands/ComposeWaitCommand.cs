using Caisson.Cli.CommandLine;
using Caisson.Cli.Composing;
using Caisson.Compose.Plans;
using Caisson.Compose.Running;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose wait</c></summary>
internal sealed class ComposeWaitCommand : ComposeCommand
{
    private readonly SwitchOption _down;

    public ComposeWaitCommand() => _down = Switch("down-project", "Drops project when the first container stops");

    public override string Usage => "[OPTIONS] SERVICE [SERVICE...]";

    public override (int Min, int Max) ArgumentCount => (1, -1);

    public override IReadOnlyList<string> Examples => ["compose wait migrate", "compose wait --down-project tests"];

    protected override int RunCompose(Session session)
    {
        var project = LoadOrReconstruct(session, Arguments);
        int last = 0;
        foreach (var container in Containers(session, project.Name, Arguments))
        {
            using var wait = session.Engine.WaitContainer(container.Id, "not-running");
            last = wait.Result().StatusCode;
            session.Out.WriteLine($"container \"{container.Id}\" exited with status code {last}");
            session.Flush();
            if (_down.Value)
            {
                var observed = ProjectObserver.Observe(session.Engine, project);
                Execute(session, project, observed, ComposePlan.CompileDown(project, observed, new()));
                break;
            }
        }
        return last;
    }
}
