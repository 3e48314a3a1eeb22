using Caisson.Cli.CommandLine;
using Caisson.Cli.Values;
using Caisson.Client.Machines;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine set</c></summary>
internal sealed class MachineSetCommand : Command
{
    private readonly ValueOption<long> _memory, _memoryMax, _cpus, _cpusMax, _order, _delay;
    private readonly ValueOption<string> _passphrase;
    private readonly ValueOption<string?> _cpuModel, _append, _boot, _restart, _description;
    private readonly ValueOption<bool?> _autostart, _encrypt;
    private readonly ListOption<KeyValuePair<string, long>> _disks;
    private readonly ListOption<KeyValuePair<string, string>> _media;
    private readonly ListOption<KeyValuePair<string, MachineDiskRate>> _rates;
    private readonly ListOption<MachineTime?> _schedules;

    public MachineSetCommand()
    {
        _cpus = Number("cpus", "Processors", absent: -1);
        _cpusMax = Number("cpus-max", "To how many it may grow while it runs", absent: -1);
        _cpuModel = Maybe("cpu-model", "QEMU's name of the processor's model");
        _memory = Value("memory", "bytes", "Memory", ByteSize.Parse, -1L, 'm');
        _memoryMax = Value("memory-max", "bytes", "To how much it may grow while it runs", ByteSize.Parse, -1L);
        _disks = Values("disk-size", "disk=size", "New size of a disk, such as disk0=40g", MachineSpec.Size);
        _rates = Values("disk-rate", "disk=limits", "Limits of a disk a second, such as disk0=bps:10m,iops:500; disk0= takes them away", MachineSpec.Rate);
        _media = Values("cdrom", "drive=path", "Medium of a drive, such as cd0=/srv/install.iso; an empty path takes it out", MachineSpec.Medium);
        _encrypt = Value("encrypt", "yes|no", "Write its disks anew, encrypted or no longer; only while it does not run", YesNo, (bool?)null);
        _passphrase = Text("passphrase-file", "Path of a file whose first line is the passphrase (default one of the engine's)", kind: "path");
        _boot = Maybe("boot", "What is tried in order: disk, cdrom, network");
        _append = Maybe("append", "The kernel's command line");
        _autostart = Value("autostart", "yes|no", "Start it with the engine", YesNo, (bool?)null);
        _order = Number("start-order", "Of those that start with the engine, lower numbers go first", absent: long.MinValue);
        _delay = Number("start-delay", "Seconds to wait after its start before the next", absent: -1);
        _schedules = Values("schedule", "verb when", "Done when the clock says so, such as 'stop 0 18 * * 1-5'; replaces all, 'none' for nothing", text => text == "none" ? null : MachineSpec.Time(text));
        _restart = Maybe("restart", "no, on-failure or always");
        _description = Maybe("description", "What you want to remember about it");
    }

    public override string Usage => "[OPTIONS] MACHINE";

    public override string Details => """
        What can change while the machine runs changes at once: sizes of disks, media, memory up
        to --memory-max and down by the balloon, processors up to --cpus-max, limits of disks. The
        rest comes with its next start, which is then said.

        Schedules are in the engine's time zone: start, stop, reboot, snapshot, or snapshot:NUMBER
        to keep that many; then five fields as in crontab(5), or @hourly, @daily, @every 6h.
        """;

    public override IReadOnlyList<string> Examples => ["machine set --memory 4g --cpus 4 deb", "machine set --disk-size disk0=40g --autostart yes deb", "machine set --cdrom cd0= deb", "machine set --schedule 'start 0 8 * * 1-5' --schedule 'snapshot:7 @daily' deb"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override CompletionKind Completes => CompletionKind.Machines;

    public override int Run(Session session)
    {
        IReadOnlyList<string> waiting = session.Engine.ChangeMachine(Arguments[0], new MachineChange
        {
            Processors = NotNegative(_cpus.Value),
            ProcessorsMax = NotNegative(_cpusMax.Value),
            CpuModel = _cpuModel.Value,
            MemoryBytes = NotNegative(_memory.Value),
            MemoryMaxBytes = NotNegative(_memoryMax.Value),
            DiskSizes = new Dictionary<string, long>(_disks.Values),
            Media = new Dictionary<string, string>(_media.Values),
            DiskRates = new Dictionary<string, MachineDiskRate>(_rates.Values),
            Schedules = _schedules.Values.Count > 0 ? [.. _schedules.Values.OfType<MachineTime>()] : null,
            Boot = _boot.Value is { } boot ? (boot.Length > 0 ? boot.Split(',') : []) : null,
            CommandLine = _append.Value,
            Encrypt = _encrypt.Value,
            Passphrase = _passphrase.Value.Length > 0 ? MachineSpec.FirstLine(_passphrase.Value) : null,
            Autostart = _autostart.Value,
            StartOrder = _order.Value == long.MinValue ? null : _order.Value,
            StartDelaySeconds = NotNegative(_delay.Value),
            RestartPolicy = _restart.Value,
            Description = _description.Value,
        });
        foreach (string line in waiting)
        {
            session.Error.WriteLine(line);
        }
        return 0;
    }

    private ValueOption<string?> Maybe(string name, string help) => Value(name, "string", help, text => (string?)text, null);

    private static long? NotNegative(long value) => value < 0 ? null : value;

    private static bool? YesNo(string text) => text switch
    {
        "yes" or "true" or "on" => true,
        "no" or "false" or "off" => false,
        _ => throw new FormatException($"'{text}' is neither yes nor no"),
    };
}
