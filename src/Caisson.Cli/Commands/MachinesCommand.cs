using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Client.Machines;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine list</c></summary>
internal sealed class MachinesCommand : Command
{
    private const string Usual = "{{.Name}}\t{{.State}}\t{{.Processors}}\t{{.Memory}}\t{{.Firmware}}\t{{.Addresses}}\t{{.Created}}";

    private readonly SwitchOption _quiet;
    private readonly ValueOption<string> _format;

    public MachinesCommand()
    {
        _format = Format();
        _quiet = Switch("quiet", "Only display names", 'q');
    }

    public override string Usage => "[OPTIONS]";

    public override IReadOnlyList<string> Examples => ["machine list", "machine list --format '{{.Name}} {{.Addresses}}'"];

    public override (int Min, int Max) ArgumentCount => (0, 0);

    public override int Run(Session session)
    {
        string format = _quiet.Value && _format.Value is ("" or "table") ? "{{.Name}}" : _format.Value;
        ListFormat.Print(session.Out, format, Usual, Columns(session.Clock), session.Engine.ListMachines(), (_, _) => "");
        return 0;
    }

    private static Column<MachineSummary>[] Columns(TimeProvider clock) =>
    [
        new("ID", "MACHINE ID", machine => machine.Id[..Math.Min(12, machine.Id.Length)]),
        new("Name", "NAME", machine => machine.Name),
        new("State", "STATE", machine => machine.State),
        new("Processors", "CPUS", machine => machine.Processors.ToString(System.Globalization.CultureInfo.InvariantCulture)),
        new("Memory", "MEMORY", machine => HumanSize.Binary(machine.MemoryBytes)),
        new("Firmware", "FIRMWARE", machine => machine.Firmware),
        new("Addresses", "ADDRESSES", machine => string.Join(',', machine.Addresses)),
        new("Autostart", "AUTOSTART", machine => machine.Autostart ? "yes" : "no"),
        new("Error", "ERROR", machine => machine.Error),
        new("Created", "CREATED", machine => PsCommand.Time(machine.Created, clock)),
    ];
}
