using Caisson.Cli.CommandLine;
using Caisson.Cli.Composing;
using Caisson.Compose.Plans;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose watch</c></summary>
internal sealed class ComposeWatchCommand : ComposeCommand
{
    private readonly SwitchOption _noUp;

    public ComposeWatchCommand()
    {
        _noUp = Switch("no-up", "Do not build & start services before watching");
        Switch("prune", "Taken for compatibility, without effect", value: true);
        Switch("quiet", "Taken for compatibility, without effect");
    }

    public override IReadOnlyList<string> Examples => ["compose watch", "compose watch --no-up web"];

    protected override int RunCompose(Session session)
    {
        var project = Load(session, Arguments);
        if (!_noUp.Value)
        {
            ServiceBuilds.Build(session, project, Arguments, new ServiceBuilds.Options { WithDependencies = true });
            using var progress = new ComposeProgress(session);
            UpArguments.Up(session, project, new UpOptions { Services = [.. Arguments] }, progress);
        }
        return new ProjectWatch(session, project, Arguments).Run();
    }
}
