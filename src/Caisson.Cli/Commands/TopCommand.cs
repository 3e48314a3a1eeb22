using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Cli.Orchestrating;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson top</c></summary>
internal sealed class TopCommand : Command
{
    public override string Usage => "CONTAINER [ps OPTIONS]";

    public override IReadOnlyList<string> Examples => ["top web", "top web -eo pid,user,comm", "top pods shop"];

    public override string Details => "top pods [NAMESPACE] shows what pods use.";

    public override (int Min, int Max) ArgumentCount => (1, -1);

    public override bool StopsAtFirstArgument => true;

    public override CompletionKind Completes => CompletionKind.RunningContainers;

    public override int Run(Session session)
    {
        if (Arguments[0] is "pods" or "pod")
        {
            return PodUsageTable.Print(session, Arguments.Skip(1).FirstOrDefault() ?? "");
        }
        var table = session.Engine.Top(Arguments[0], string.Join(' ', Arguments.Skip(1)));
        var lines = new ColumnWriter(widthMin: 20);
        lines.Add(string.Join('\t', table.Titles));
        foreach (var process in table.Processes)
        {
            lines.Add(string.Join('\t', process));
        }
        lines.Flush(session.Out);
        return 0;
    }
}
