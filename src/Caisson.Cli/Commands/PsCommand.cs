using System.Globalization;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Cli.Values;
using Caisson.Client.Containers;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson ps</c></summary>
internal sealed class PsCommand : Command
{
    private const string Usual =
        "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";

    private readonly SwitchOption _all, _latest, _noTrunc, _quiet, _size;
    private readonly ListOption<KeyValuePair<string, string>> _filter;
    private readonly ValueOption<string> _format;
    private readonly ValueOption<int?> _last;

    public PsCommand()
    {
        _all = Switch("all", "Show all containers (default shows just running)", 'a');
        _filter = Values("filter", "filter", "Filter output based on conditions provided", Filters.Parse, 'f');
        _format = Format();
        _last = Seconds("last", "Show n last created containers (includes all states) (default -1)", 'n');
        _latest = Switch("latest", "Show the latest created container (includes all states)", 'l');
        _noTrunc = Switch("no-trunc", "Don't truncate output");
        _quiet = Switch("quiet", "Only display container IDs", 'q');
        _size = Switch("size", "Display total file sizes", 's');
    }

    public override string Usage => "[OPTIONS]";

    public override IReadOnlyList<string> Examples =>
        ["ps -a", "ps -a --filter status=exited --format 'table {{.Names}}\\t{{.Status}}'"];

    public override int Run(Session session)
    {
        int? limit = _latest.Value ? 1 : _last.Value is > 0 ? _last.Value : null;
        bool size = _size.Value || _format.Value.Contains(".Size", StringComparison.Ordinal);
        var containers = session.Engine.ListContainers(_all.Value || limit is not null, limit, size, Filters.Gather(_filter.Values));
        string usual = _size.Value ? Usual + "\t{{.Size}}" : Usual;
        string format = _quiet.Value && _format.Value is ("" or "table") ? "{{.ID}}" : _format.Value;
        ListFormat.Print(session.Out, format, usual, Columns(session.Clock, !_noTrunc.Value), containers, Label);
        return 0;
    }

    private static string Label(ContainerSummary container, string name) => container.Labels.GetValueOrDefault(name, "");

    internal static Column<ContainerSummary>[] Columns(TimeProvider clock, bool cut) =>
    [
        new("ID", "CONTAINER ID", container => cut ? DisplayText.ShortId(container.Id) : container.Id),
        new("Names", "NAMES", container => Names(container, cut)),
        new("Image", "IMAGE", container => Image(container, cut)),
        new("Command", "COMMAND", container => DisplayText.Quote(cut ? DisplayText.Ellipsis(container.Command, 20) : container.Command)),
        new("CreatedAt", "CREATED AT", container => Time(container.Created, clock)),
        new("RunningFor", "CREATED", container => HumanDuration.Ago(container.Created, clock.GetUtcNow())),
        new("Ports", "PORTS", container => PortList.Format(container.Ports)),
        new("State", "STATE", container => container.State),
        new("Status", "STATUS", container => container.Status),
        new("Size", "SIZE", Size),
        new("Labels", "LABELS", container => string.Join(',', container.Labels.Select(label => $"{label.Key}={label.Value}"))),
        new("Mounts", "MOUNTS", container => string.Join(',', container.Mounts.Select(mount => cut ? DisplayText.Ellipsis(mount.Name, 15) : mount.Name))),
        new("LocalVolumes", "LOCAL VOLUMES", container => container.Mounts.Count(mount => mount.Driver == "local").ToString(CultureInfo.InvariantCulture)),
        new("Networks", "NETWORKS", container => string.Join(',', container.Networks)),
        new("Platform", "PLATFORM", _ => null),
    ];

    /// <summary>As Go prints a time: <c>2026-11-21 11:47:16 +0000 UTC</c>.</summary>
    internal static string Time(DateTimeOffset time, TimeProvider clock)
    {
        var zone = clock.LocalTimeZone;
        var local = TimeZoneInfo.ConvertTime(time, zone);
        string name = local.Offset == TimeSpan.Zero ? "UTC" : zone.IsDaylightSavingTime(local) ? zone.DaylightName : zone.StandardName;
        string offset = local.ToString("zzz", CultureInfo.InvariantCulture).Replace(":", "", StringComparison.Ordinal);
        return $"{local.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)} {offset} {name}";
    }

    private static string Names(ContainerSummary container, bool cut)
    {
        var names = container.Names.Select(name => name.TrimStart('/'));
        return string.Join(',', cut ? names.Where(name => !name.Contains('/', StringComparison.Ordinal)) : names);
    }

    private static string Image(ContainerSummary container, bool cut) =>
        container.Image.Length == 0 ? "<no image>"
        : cut && container.Image.StartsWith("sha256:", StringComparison.Ordinal) ? DisplayText.ShortId(container.Image)
        : container.Image;

    private static string Size(ContainerSummary container)
    {
        string written = HumanSize.Decimal(container.SizeRwBytes);
        return container.SizeRootBytes > 0 ? $"{written} (virtual {HumanSize.Decimal(container.SizeRootBytes)})" : written;
    }
}
