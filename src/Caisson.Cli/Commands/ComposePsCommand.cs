using System.Globalization;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Composing;
using Caisson.Cli.Formatting;
using Caisson.Cli.Templates;
using Caisson.Client.Containers;
using Caisson.Compose.Model;
using Caisson.Errors;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose ps</c></summary>
internal sealed class ComposePsCommand : ComposeCommand
{
    private const string Usual = "{{.Name}}\t{{.Image}}\t{{.Command}}\t{{.Service}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}";

    private readonly SwitchOption _all, _noTrunc, _orphans, _quiet, _services;
    private readonly ListOption<string> _status;
    private readonly ValueOption<string> _filter, _format;

    public ComposePsCommand()
    {
        _all = Switch("all", "Show all stopped containers (including those created by the run command)", 'a');
        _filter = Text("filter", "Filter services by a property (supported filters: status)");
        _format = Format();
        _noTrunc = Switch("no-trunc", "Don't truncate output");
        _orphans = Switch("orphans", "Include orphaned services (not declared by project)", value: true);
        _quiet = Switch("quiet", "Only display IDs", 'q');
        _services = Switch("services", "Display services");
        _status = List("status", "Filter services by status. Values: [paused | restarting | removing | running | dead | created | exited]", kind: "stringArray");
    }

    public override IReadOnlyList<string> Examples => ["compose ps", "compose ps -a --format json", "compose ps --services --status running"];

    protected override int RunCompose(Session session)
    {
        var project = LoadOrReconstruct(session, Arguments);
        List<string> states = [.. _status.Values];
        if (_filter.Value.Length > 0)
        {
            states.Add(_filter.Value.Split('=', 2) is ["status", var state] ? state : throw new CaissonException(ErrorKind.InvalidArgument, $"unknown filter {_filter.Value}; write status=running"));
        }
        bool all = _all.Value || states.Count > 0;
        var containers = Containers(session, project.Name, [], oneOff: all)
            .Where(container => all || container.State is "running" or "paused" or "restarting")
            .Where(container => states.Count == 0 || states.Contains(container.State))
            .Where(container => Arguments.Count == 0 ? _orphans.Value || project.Services.ContainsKey(Service(container)) : Arguments.Contains(Service(container)))
            .OrderBy(NameOf, StringComparer.Ordinal)
            .ToList();
        if (_quiet.Value)
        {
            containers.ForEach(container => session.Out.WriteLine(container.Id));
        }
        else if (_services.Value)
        {
            foreach (string service in containers.Select(Service).Distinct(StringComparer.Ordinal))
            {
                session.Out.WriteLine(service);
            }
        }
        else
        {
            ListFormat.Print(session.Out, _format.Value, Usual, Columns(session, !_noTrunc.Value), containers, (container, label) => Label(container, label));
        }
        return 0;
    }

    private static string Service(ContainerSummary container) => Label(container, ComposeLabels.Service);

    private static Column<ContainerSummary>[] Columns(Session session, bool cut) =>
    [
        .. PsCommand.Columns(session.Clock, cut).Where(column => column.Name is not ("Platform" or "Image")),
        new("Image", "IMAGE", container => container.Image),
        new("Name", "NAME", NameOf),
        new("Project", "PROJECT", container => Label(container, ComposeLabels.Project)),
        new("Service", "SERVICE", Service),
        new("Health", "HEALTH", container => Between(container.Status, "(", ")") is "healthy" or "unhealthy" or "health: starting" ? Between(container.Status, "(", ")").Replace("health: ", "", StringComparison.Ordinal) : ""),
        new("ExitCode", "EXIT CODE", container => container.Status.StartsWith("Exited (", StringComparison.Ordinal) && long.TryParse(Between(container.Status, "(", ")"), CultureInfo.InvariantCulture, out long code) ? code : 0L),
        new("Publishers", "PUBLISHERS", container => container.Ports.Select(port => (object?)new Publisher(port)).ToList()),
    ];

    private static string Between(string text, string open, string close)
    {
        int from = text.IndexOf(open, StringComparison.Ordinal);
        int to = from < 0 ? -1 : text.IndexOf(close, from, StringComparison.Ordinal);
        return to < 0 ? "" : text[(from + open.Length)..to];
    }

    /// <summary>A port, as the JSON of docker compose has it.</summary>
    private sealed class Publisher(PublishedPort port) : ITemplateObject
    {
        public IEnumerable<string> Names => ["URL", "TargetPort", "PublishedPort", "Protocol"];

        public bool TryGet(string name, IReadOnlyList<object?> arguments, out object? value)
        {
            value = name switch
            {
                "URL" => port.Ip,
                "TargetPort" => (long)port.PrivatePort,
                "PublishedPort" => (long)port.PublicPort,
                "Protocol" => port.Type,
                _ => null,
            };
            return value is not null;
        }
    }
}
