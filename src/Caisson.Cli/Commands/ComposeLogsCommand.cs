using Caisson.Cli.CommandLine;
using Caisson.Cli.Composing;
using Caisson.Cli.Values;
using Caisson.Client.Containers;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose logs</c></summary>
internal sealed class ComposeLogsCommand : ComposeCommand
{
    private readonly SwitchOption _follow, _noColor, _noPrefix, _timestamps;
    private readonly ValueOption<string> _since, _tail, _until;
    private readonly ValueOption<long> _index;

    public ComposeLogsCommand()
    {
        _follow = Switch("follow", "Follow log output", 'f');
        _index = Number("index", "Index of the container if service has multiple replicas");
        _noColor = Switch("no-color", "Produce monochrome output");
        _noPrefix = Switch("no-log-prefix", "Don't print prefix in logs");
        _since = Text("since", "Show logs since timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)");
        _tail = Text("tail", "Number of lines to show from the end of the logs for each container (default \"all\")", 'n', absent: "all");
        _timestamps = Switch("timestamps", "Show timestamps", 't');
        _until = Text("until", "Show logs before a timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)");
    }

    public override IReadOnlyList<string> Examples => ["compose logs -f --tail 20", "compose logs --no-log-prefix web"];

    protected override int RunCompose(Session session)
    {
        string project = LoadOrReconstruct(session, Arguments).Name;
        var containers = Containers(session, project, [], oneOff: false)
            .FindAll(container => Arguments.Count == 0 || Arguments.Contains(AggregatedLogs.ServiceOf(container)));
        if (_index.Value > 0)
        {
            containers = containers.FindAll(container => NumberOf(container) == _index.Value);
        }
        var options = Describe(session.Clock.GetUtcNow());
        var logs = new AggregatedLogs(session, project, _noColor.Value, _noPrefix.Value);
        logs.Reserve(containers.Select(NameOf));
        if (!_follow.Value)
        {
            containers.ForEach(container => logs.Copy(container.Id, NameOf(container), options));
            return 0;
        }
        _ = session.Engine.Version;
        var threads = containers.ConvertAll(container => new Thread(() => Follow(session, logs, container, options)) { IsBackground = true, Name = NameOf(container) });
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        return 0;
    }

    private static void Follow(Session session, AggregatedLogs logs, ContainerSummary container, LogOptions options)
    {
        try
        {
            logs.Copy(container.Id, NameOf(container), options);
        }
        catch (Exception e) when (LogEnds.IsGone(e))
        {
            session.Error.WriteLine($"{NameOf(container)}: {e.Message}");
        }
    }

    private LogOptions Describe(DateTimeOffset now)
    {
        try
        {
            return new(_follow.Value, _timestamps.Value, _tail.Value, Timestamps.Parse(_since.Value, now), Timestamps.Parse(_until.Value, now), Details: false);
        }
        catch (FormatException e)
        {
            throw new UsageException(e.Message, exitCode: 1);
        }
    }
}
