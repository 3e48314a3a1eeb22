using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson stop</c></summary>
internal sealed class StopCommand : EachContainerCommand
{
    private readonly ValueOption<string> _signal;
    private readonly ValueOption<int?> _timeout;

    public StopCommand()
    {
        _signal = Text("signal", "Signal to send to the container", 's');
        _timeout = Seconds("timeout", "Seconds to wait before killing the container", 't');
    }

    public override string Usage => "[OPTIONS] CONTAINER [CONTAINER...]";

    public override IReadOnlyList<string> Examples => ["stop web", "stop -t 2 web job"];

    public override CompletionKind Completes => CompletionKind.RunningContainers;

    protected override string Act(Session session, string name)
    {
        session.Engine.StopContainer(name, _timeout.Value, _signal.Value);
        return name;
    }
}
