using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson kill</c></summary>
internal sealed class KillCommand : EachContainerCommand
{
    private readonly ValueOption<string> _signal;

    public KillCommand() => _signal = Text("signal", "Signal to send to the container", 's');

    public override string Usage => "[OPTIONS] CONTAINER [CONTAINER...]";

    public override IReadOnlyList<string> Examples => ["kill web", "kill -s HUP web"];

    public override CompletionKind Completes => CompletionKind.RunningContainers;

    protected override string Act(Session session, string name)
    {
        session.Engine.KillContainer(name, _signal.Value);
        return name;
    }
}
