using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Cli.Values;
using Caisson.Client.Volumes;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson volume ls</c></summary>
internal sealed class VolumesCommand : Command
{
    private const string Usual = "{{.Driver}}\t{{.Name}}";

    private readonly SwitchOption _quiet;
    private readonly ListOption<KeyValuePair<string, string>> _filter;
    private readonly ValueOption<string> _format;

    public VolumesCommand()
    {
        _filter = Values("filter", "filter", "Provide filter values (e.g. \"dangling=true\")", Filters.Parse, 'f');
        _format = Format();
        _quiet = Switch("quiet", "Only display volume names", 'q');
    }

    public override string Usage => "[OPTIONS]";

    public override IReadOnlyList<string> Examples => ["volume ls", "volume ls --filter dangling=true --format '{{.Name}}'"];

    public override int Run(Session session)
    {
        string format = _quiet.Value && _format.Value is ("" or "table") ? "{{.Name}}" : _format.Value;
        var volumes = session.Engine.ListVolumes(Filters.Gather(_filter.Values)).OrderBy(volume => volume.Name, StringComparer.Ordinal);
        ListFormat.Print(session.Out, format, Usual, Columns(session.Clock), volumes, Label);
        return 0;
    }

    private static string Label(VolumeSummary volume, string name) => volume.Labels.GetValueOrDefault(name, "");

    private static Column<VolumeSummary>[] Columns(TimeProvider clock) =>
    [
        new("Driver", "DRIVER", volume => volume.Driver),
        new("Name", "VOLUME NAME", volume => volume.Name),
        new("Scope", "SCOPE", volume => volume.Scope),
        new("Mountpoint", "MOUNTPOINT", volume => volume.Mountpoint),
        new("Labels", "LABELS", volume => string.Join(',', volume.Labels.Select(label => $"{label.Key}={label.Value}"))),
        new("CreatedAt", "CREATED AT", volume => PsCommand.Time(volume.Created, clock)),
    ];
}
