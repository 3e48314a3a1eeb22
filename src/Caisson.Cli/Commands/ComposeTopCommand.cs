using Caisson.Cli.Composing;
using Caisson.Cli.Formatting;
using Caisson.Client.Containers;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose top</c></summary>
internal sealed class ComposeTopCommand : ComposeCommand
{
    public override string Usage => "[SERVICE...]";

    public override IReadOnlyList<string> Examples => ["compose top", "compose top web"];

    protected override int RunCompose(Session session)
    {
        string project = LoadOrReconstruct(session, Arguments).Name;
        List<string> titles = ["SERVICE", "#"];
        var rows = new List<Dictionary<string, string>>();
        foreach (var container in Containers(session, project, Arguments).FindAll(container => container.State == "running"))
        {
            var table = session.Engine.Top(container.Id, "");
            titles.AddRange(table.Titles.Where(title => !titles.Contains(title)));
            rows.AddRange(table.Processes.Select(process => Row(container, table.Titles, process)));
        }
        // The command may be long: it comes last.
        if (titles.Remove("CMD"))
        {
            titles.Add("CMD");
        }
        if (rows.Count == 0)
        {
            return 0;
        }
        var lines = new ColumnWriter(widthMin: 4);
        lines.Add(string.Join('\t', titles));
        rows.ForEach(row => lines.Add(string.Join('\t', titles.Select(title => row.GetValueOrDefault(title, "-")))));
        lines.Flush(session.Out);
        return 0;
    }

    private static Dictionary<string, string> Row(ContainerSummary container, IReadOnlyList<string> titles, IReadOnlyList<string> process)
    {
        var row = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["SERVICE"] = AggregatedLogs.ServiceOf(container),
            ["#"] = NumberOf(container).ToString(System.Globalization.CultureInfo.InvariantCulture),
        };
        for (int i = 0; i < Math.Min(titles.Count, process.Count); i++)
        {
            row[titles[i]] = process[i];
        }
        return row;
    }
}
