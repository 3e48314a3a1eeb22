using Caisson.Cli.CommandLine;
using Caisson.Cli.Orchestrating;
using Caisson.Cli.Values;
using Caisson.Client.Containers;
using Caisson.Client.Streams;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson logs</c></summary>
internal sealed class LogsCommand : Command
{
    private readonly SwitchOption _clear, _details, _follow, _timestamps;
    private readonly SwitchOption _previous;
    private readonly ValueOption<string> _since, _tail, _until, _container, _namespace;

    public LogsCommand()
    {
        _clear = Switch("clear", "Forget what was logged so far instead of printing it");
        _details = Switch("details", "Show extra details provided to logs");
        _follow = Switch("follow", "Follow log output", 'f');
        _since = Text("since", "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)");
        _tail = Text("tail", "Number of lines to show from the end of the logs (default \"all\")", 'n', absent: "all");
        _timestamps = Switch("timestamps", "Show timestamps", 't');
        _container = Text("container", "Of a pod: which container", 'c');
        _namespace = Text("namespace", "Of a pod: its namespace (default \"default\")");
        _previous = Switch("previous", "Of a pod: the run before this one", 'p');
        _until = Text("until", "Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)");
    }

    public override string Usage => "[OPTIONS] CONTAINER";

    public override IReadOnlyList<string> Examples => ["logs -f --tail 20 web", "logs -t --since 10m web", "logs --clear web", "logs -c proxy pod/web-0"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override CompletionKind Completes => CompletionKind.Containers;

    public override int Run(Session session)
    {
        if (_clear.Value)
        {
            if (Options.Any(option => option.IsSet && option != _clear))
            {
                throw new UsageException("--clear stands alone: it prints nothing", exitCode: 1);
            }
            session.Engine.ClearLog(Arguments[0]);
            return 0;
        }
        var now = session.Clock.GetUtcNow();
        var options = Describe(now);
        string target = PodTargets.Resolve(session, Arguments[0], _namespace.Value, _container.Value, _previous.Value);
        using var inspected = session.Engine.InspectContainer(target);
        bool tty = StartCommand.IsTrue(inspected.RootElement.GetProperty("Config"), "Tty");
        using var response = session.Engine.Logs(target, options);
        if (tty)
        {
            response.Body.CopyTo(session.OutputStream);
        }
        else
        {
            MultiplexedReader.CopyTo(response.Body, session.OutputStream, session.ErrorStream);
        }
        return 0;
    }

    private LogOptions Describe(DateTimeOffset now)
    {
        try
        {
            return new(
                _follow.Value, _timestamps.Value, _tail.Value, Timestamps.Parse(_since.Value, now), Timestamps.Parse(_until.Value, now), _details.Value);
        }
        catch (FormatException e)
        {
            throw new UsageException(e.Message, exitCode: 1);
        }
    }
}
