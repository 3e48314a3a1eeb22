using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Client.Streams;
using Caisson.Errors;
using Caisson.Linux.Terminals;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson stats</c></summary>
internal sealed class StatsCommand : Command
{
    private const string Usual =
        "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}";

    private static readonly TimeSpan Refresh = TimeSpan.FromMilliseconds(500);

    private readonly SwitchOption _all, _noStream, _noTrunc;
    private readonly ValueOption<string> _format;

    public StatsCommand()
    {
        _all = Switch("all", "Show all containers (default shows just running)", 'a');
        _format = Format();
        _noStream = Switch("no-stream", "Disable streaming stats and only pull the first result");
        _noTrunc = Switch("no-trunc", "Do not truncate output");
    }

    public override string Usage => "[OPTIONS] [CONTAINER...]";

    public override IReadOnlyList<string> Examples => ["stats", "stats --no-stream --format '{{.Name}} {{.MemUsage}}'"];

    public override (int Min, int Max) ArgumentCount => (0, -1);

    public override CompletionKind Completes => CompletionKind.RunningContainers;

    public override int Run(Session session)
    {
        var names = Arguments.Count > 0
            ? Arguments
            : session.Engine.ListContainers(_all.Value).Select(container => DisplayText.ShortId(container.Id)).ToList();
        var readings = names.Select(ContainerUsage.Unknown).ToArray();
        var failures = new CaissonException?[names.Count];
        if (_noStream.Value)
        {
            Parallel.For(0, names.Count, i => Follow(session, names[i], i, readings, failures));
            return Finish(session, readings, failures);
        }
        return Stream(session, names, readings, failures);
    }

    private int Stream(Session session, IReadOnlyList<string> names, ContainerUsage[] readings, CaissonException?[] failures)
    {
        var followers = names.Select((name, i) => new Thread(() => Follow(session, name, i, readings, failures)) { IsBackground = true }).ToList();
        followers.ForEach(follower => follower.Start());
        bool terminal = session.IsTerminal(StandardDescriptor.Output);
        while (followers.Any(follower => follower.IsAlive))
        {
            Thread.Sleep(Refresh);
            if (terminal)
            {
                session.Out.Write("\x1b[H\x1b[2J");
            }
            Print(session, readings, failures);
            session.Flush();
        }
        return Report(session, failures);
    }

    private void Follow(Session session, string name, int i, ContainerUsage[] readings, CaissonException?[] failures)
    {
        try
        {
            using var response = session.Engine.Stats(name, stream: !_noStream.Value);
            foreach (var document in JsonLines.Read(response.Body))
            {
                using (document)
                {
                    Volatile.Write(ref readings[i], ContainerUsage.Read(name, !_noTrunc.Value, document.RootElement));
                }
            }
        }
        catch (CaissonException e)
        {
            failures[i] = e;
        }
    }

    private int Finish(Session session, ContainerUsage[] readings, CaissonException?[] failures)
    {
        Print(session, readings, failures);
        return Report(session, failures);
    }

    private void Print(Session session, ContainerUsage[] readings, CaissonException?[] failures) =>
        ListFormat.Print(session.Out, _format.Value, Usual, ContainerUsage.Columns, readings.Where((_, i) => failures[i] is null));

    private static int Report(Session session, CaissonException?[] failures)
    {
        session.Flush();
        foreach (var failure in failures)
        {
            if (failure is not null)
            {
                session.Error.WriteLine($"caisson: {failure.Message}");
            }
        }
        return failures.Any(failure => failure is not null) ? 1 : 0;
    }
}
