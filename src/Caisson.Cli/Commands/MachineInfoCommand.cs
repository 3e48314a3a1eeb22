using System.Globalization;
using System.Text.Json;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Cli.Templates;
using Caisson.Client;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine info</c></summary>
internal sealed class MachineInfoCommand : Command
{
    private readonly ValueOption<string> _format;

    public MachineInfoCommand() => _format = Text("format", "Print with a Go template, or as 'json'", 'f');

    public override string Usage => "[OPTIONS] MACHINE [MACHINE...]";

    public override IReadOnlyList<string> Examples => ["machine info deb", "machine info --format '{{(index .Interfaces 0).IPv4}}' deb"];

    public override (int Min, int Max) ArgumentCount => (1, -1);

    public override CompletionKind Completes => CompletionKind.Machines;

    public override int Run(Session session)
    {
        Template? template = _format.Value is "" or "json" ? null : Template.Parse(_format.Value);
        for (int i = 0; i < Arguments.Count; i++)
        {
            using JsonDocument machine = session.Engine.InspectMachine(Arguments[i]);
            if (template is not null)
            {
                session.Out.WriteLine(template.Render(machine.RootElement));
            }
            else if (_format.Value == "json")
            {
                session.Out.WriteLine(TemplateJson.WriteIndented(machine.RootElement.Clone()));
            }
            else
            {
                if (i > 0)
                {
                    session.Out.WriteLine();
                }
                Write(session.Out, machine.RootElement);
            }
        }
        return 0;
    }

    private static void Write(TextWriter output, JsonElement machine)
    {
        Line("Name", machine.Text("Name"));
        Line("Id", machine.Text("Id"));
        Line("State", machine.Text("State") + (machine.Text("Error") is { Length: > 0 } error ? $" ({DisplayText.Printable(error)})" : ""));
        Line("Accelerator", machine.Text("Accelerator"));
        Line("Processors", Growing(Number("Processors"), Number("ProcessorsMax"), value => value.ToString(CultureInfo.InvariantCulture)));
        Line("Memory", Growing(Number("Memory"), Number("MemoryMax"), value => HumanSize.Binary(value)));
        Line("Firmware", machine.Text("Firmware") + (machine.Truth("SecureBoot") ? ", secure boot" : "") + (machine.Truth("Tpm") ? ", TPM 2.0" : ""));
        Line("Encrypted", machine.Truth("Encrypted") ? "yes" : "");
        Line("Autostart", machine.Truth("Autostart") ? "yes" : "no");
        Line("Restart policy", machine.Text("RestartPolicy"));
        Line("Cloned from", machine.Text("ClonedFrom"));
        Line("Description", DisplayText.Printable(machine.Text("Description")));
        foreach (JsonElement disk in machine.Items("Disks"))
        {
            string below = disk.Texts("Backing") is { Count: > 0 } backing ? $", on {backing[0][..12]}" : "";
            Line("Disk", $"{disk.Text("Name")}: {HumanSize.Binary(disk.Number("Size"))}, {HumanSize.Binary(disk.Number("Used"))} taken, {disk.Text("Bus")}{below}{Limits(disk)}");
        }
        foreach (JsonElement drive in machine.Items("Drives"))
        {
            Line("Drive", $"{drive.Text("Name")}: {(drive.Text("Path") is { Length: > 0 } path ? path : "empty")}");
        }
        foreach (JsonElement one in machine.Items("Interfaces"))
        {
            string[] parts = [one.Text("Network"), one.Text("IPv4"), one.Text("IPv6"), one.Text("HardwareAddress"), .. one.Texts("Ports")];
            Line("Interface", $"{one.Text("Name")}: {string.Join(", ", parts.Where(part => part.Length > 0))}");
        }
        foreach (JsonElement snapshot in machine.Items("Snapshots"))
        {
            string name = snapshot.Text("Name");
            Line("Snapshot", $"{name}{(snapshot.Truth("Memory") ? ", with memory" : "")}{(name == machine.Text("CurrentSnapshot") ? ", current" : "")}");
        }
        if (machine.Field("Replication") is { ValueKind: JsonValueKind.Object } copies)
        {
            string last = copies.Text("Point") is { Length: > 0 } point ? $", last {point} ({HumanSize.Binary(copies.Number("Bytes"))}, verified)" : "";
            string failed = copies.Text("Error") is { Length: > 0 } reason ? $"; the last try failed: {DisplayText.Printable(reason)}" : "";
            Line("Replication", $"{copies.Text("Target")}, every {copies.Number("EverySeconds")} s{(copies.Truth("Leased") ? ", with a lease" : "")}{last}{failed}");
        }
        foreach (JsonElement schedule in machine.Items("Schedules"))
        {
            Line("Schedule", $"{schedule.Text("Verb")} {schedule.Text("When")}{(schedule.Number("Keep") is > 0 and var keep ? $", {keep} stay" : "")}");
        }
        Line("Taken over by", machine.Text("TakenOverBy"));
        Line("VNC", machine.Text("VncPath"));

        long Number(string name) => machine.Number(name);

        void Line(string name, string value)
        {
            if (value.Length > 0)
            {
                output.WriteLine($"{name + ":",-16}{value}");
            }
        }
    }

    private static string Limits(JsonElement disk)
    {
        if (disk.Field("Rate") is not { ValueKind: JsonValueKind.Object } rate)
        {
            return "";
        }
        (string Name, string What)[] bytes = [("Bytes", ""), ("ReadBytes", " read"), ("WriteBytes", " written")];
        (string Name, string What)[] requests = [("Requests", "requests"), ("ReadRequests", "reads"), ("WriteRequests", "writes")];
        return string.Concat([
            .. bytes.Where(limit => rate.Number(limit.Name) > 0).Select(limit => $", {HumanSize.Binary(rate.Number(limit.Name))}{limit.What}/s"),
            .. requests.Where(limit => rate.Number(limit.Name) > 0).Select(limit => $", {rate.Number(limit.Name)} {limit.What}/s"),
        ]);
    }

    private static string Growing(long now, long most, Func<long, string> text) => most > now ? $"{text(now)}, at most {text(most)}" : text(now);
}
