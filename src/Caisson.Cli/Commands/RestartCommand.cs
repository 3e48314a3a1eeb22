using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson restart</c></summary>
internal sealed class RestartCommand : EachContainerCommand
{
    private readonly ValueOption<string> _signal;
    private readonly ValueOption<int?> _timeout;

    public RestartCommand()
    {
        _signal = Text("signal", "Signal to send to the container", 's');
        _timeout = Seconds("timeout", "Seconds to wait before killing the container", 't');
    }

    public override string Usage => "[OPTIONS] CONTAINER [CONTAINER...]";

    public override IReadOnlyList<string> Examples => ["restart web", "restart -t 0 web"];

    protected override string Act(Session session, string name)
    {
        session.Engine.RestartContainer(name, _timeout.Value, _signal.Value);
        return name;
    }
}
