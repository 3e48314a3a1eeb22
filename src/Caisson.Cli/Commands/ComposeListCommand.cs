using System.Text.RegularExpressions;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Composing;
using Caisson.Cli.Formatting;
using Caisson.Cli.Templates;
using Caisson.Cli.Values;
using Caisson.Compose.Model;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose ls</c></summary>
internal sealed class ComposeListCommand : ComposeCommand
{
    private readonly SwitchOption _all, _quiet;
    private readonly ListOption<KeyValuePair<string, string>> _filter;
    private readonly ValueOption<string> _format;

    public ComposeListCommand()
    {
        _all = Switch("all", "Show all stopped Compose projects", 'a');
        _filter = Values("filter", "filter", "Filter output based on conditions provided (name=…)", Filters.Parse);
        _format = Text("format", "Format the output. Values: [table | json]", absent: "table");
        _quiet = Switch("quiet", "Only display project names", 'q');
    }

    public override string Usage => "[OPTIONS]";

    public override (int Min, int Max) ArgumentCount => (0, 0);

    public override CompletionKind Completes => CompletionKind.None;

    public override IReadOnlyList<string> Examples => ["compose ls", "compose ls -a --format json"];

    protected override int RunCompose(Session session)
    {
        var containers = session.Engine.ListContainers(_all.Value, filters: new Dictionary<string, List<string>> { ["label"] = [ComposeLabels.Project] });
        var projects = containers
            .Where(container => !IsOneOff(container))
            .GroupBy(container => Label(container, ComposeLabels.Project), StringComparer.Ordinal)
            .Where(group => _filter.Values.TrueForAll(filter => filter.Key == "name" && Regex.IsMatch(group.Key, filter.Value)))
            .OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => new ListedProject(
                group.Key,
                string.Join(", ", group.GroupBy(container => container.State, StringComparer.Ordinal).OrderBy(state => state.Key, StringComparer.Ordinal).Select(state => $"{state.Key}({state.Count()})")),
                group.Select(container => Label(container, ComposeLabels.ConfigFiles)).FirstOrDefault(files => files.Length > 0) ?? "N/A"))
            .ToList();
        if (_quiet.Value)
        {
            projects.ForEach(project => session.Out.WriteLine(project.Name));
            return 0;
        }
        if (_format.Value == "json")
        {
            session.Out.WriteLine(TemplateJson.Write(projects.Select(project => (object?)new Row<ListedProject>(project, Columns)).ToList()));
            return 0;
        }
        ListFormat.Print(session.Out, _format.Value, "{{.Name}}\t{{.Status}}\t{{.ConfigFiles}}", Columns, projects);
        return 0;
    }

    private static readonly Column<ListedProject>[] Columns =
    [
        new("Name", "NAME", project => project.Name),
        new("Status", "STATUS", project => project.Status),
        new("ConfigFiles", "CONFIG FILES", project => project.ConfigFiles),
    ];

    private sealed record ListedProject(string Name, string Status, string ConfigFiles);
}
