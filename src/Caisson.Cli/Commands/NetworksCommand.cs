using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Cli.Values;
using Caisson.Client.Networks;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson network ls</c></summary>
internal sealed class NetworksCommand : Command
{
    private const string Usual = "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}";

    private readonly SwitchOption _noTrunc, _quiet;
    private readonly ListOption<KeyValuePair<string, string>> _filter;
    private readonly ValueOption<string> _format;

    public NetworksCommand()
    {
        _filter = Values("filter", "filter", "Provide filter values (e.g. \"driver=bridge\")", Filters.Parse, 'f');
        _format = Format();
        _noTrunc = Switch("no-trunc", "Do not truncate the output");
        _quiet = Switch("quiet", "Only display network IDs", 'q');
    }

    public override string Usage => "[OPTIONS]";

    public override IReadOnlyList<string> Examples => ["network ls", "network ls --filter type=custom --format '{{.Name}}'"];

    public override int Run(Session session)
    {
        string format = _quiet.Value && _format.Value is ("" or "table") ? "{{.ID}}" : _format.Value;
        var networks = session.Engine.ListNetworks(Filters.Gather(_filter.Values)).OrderBy(network => network.Name, StringComparer.Ordinal);
        ListFormat.Print(session.Out, format, Usual, Columns(session.Clock, !_noTrunc.Value), networks, Label);
        return 0;
    }

    private static string Label(NetworkSummary network, string name) => network.Labels.GetValueOrDefault(name, "");

    private static Column<NetworkSummary>[] Columns(TimeProvider clock, bool cut) =>
    [
        new("ID", "NETWORK ID", network => cut ? DisplayText.ShortId(network.Id) : network.Id),
        new("Name", "NAME", network => network.Name),
        new("Driver", "DRIVER", network => network.Driver),
        new("Scope", "SCOPE", network => network.Scope),
        new("IPv6", "IPV6", network => network.IPv6 ? "true" : "false"),
        new("Internal", "INTERNAL", network => network.Internal ? "true" : "false"),
        new("Labels", "LABELS", network => string.Join(',', network.Labels.Select(label => $"{label.Key}={label.Value}"))),
        new("CreatedAt", "CREATED AT", network => PsCommand.Time(network.Created, clock)),
    ];
}
