using System.Globalization;
using System.Text.Json;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Cli.Templates;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson info</c></summary>
internal sealed class InfoCommand : Command
{
    private readonly ValueOption<string> _format;

    public InfoCommand() => _format = Format('f');

    public override string Usage => "[OPTIONS]";

    public override IReadOnlyList<string> Examples => ["info", "info --format '{{.CgroupVersion}} {{.SecurityOptions}}'"];

    public override int Run(Session session)
    {
        using var document = session.Engine.EngineInfo();
        var info = document.RootElement;
        if (_format.Value.Length > 0)
        {
            session.Out.WriteLine(_format.Value == "json" ? TemplateJson.Write(info) : Template.Parse(_format.Value).Render(info));
            return 0;
        }
        session.Out.WriteLine("Client:");
        session.Out.WriteLine($" Version:    {CaissonCommandLine.Version}");
        session.Out.WriteLine($" Host:       {session.Engine.Endpoint}");
        session.Out.WriteLine();
        session.Out.WriteLine("Server:");
        Print(session.Out, info);
        return 0;
    }

    internal static void Print(TextWriter output, JsonElement info)
    {
        Line(output, info, "Containers", "Containers");
        Line(output, info, "ContainersRunning", " Running");
        Line(output, info, "ContainersPaused", " Paused");
        Line(output, info, "ContainersStopped", " Stopped");
        Line(output, info, "Images", "Images");
        Line(output, info, "ServerVersion", "Server Version");
        Line(output, info, "Driver", "Storage Driver");
        foreach (var pair in Items(info, "DriverStatus"))
        {
            output.WriteLine($"  {string.Join(": ", pair.EnumerateArray())}");
        }
        Line(output, info, "LoggingDriver", "Logging Driver");
        Line(output, info, "CgroupDriver", "Cgroup Driver");
        Line(output, info, "CgroupVersion", "Cgroup Version");
        if (info.TryGetProperty("Runtimes", out var runtimes) && runtimes.ValueKind == JsonValueKind.Object)
        {
            output.WriteLine($" Runtimes: {string.Join(' ', runtimes.EnumerateObject().Select(runtime => runtime.Name))}");
        }
        Line(output, info, "DefaultRuntime", "Default Runtime");
        PrintSecurity(output, info);
        Line(output, info, "KernelVersion", "Kernel Version");
        Line(output, info, "OperatingSystem", "Operating System");
        Line(output, info, "OSType", "OSType");
        Line(output, info, "Architecture", "Architecture");
        Line(output, info, "NCPU", "CPUs");
        if (info.TryGetProperty("MemTotal", out var memory) && memory.TryGetInt64(out long bytes))
        {
            output.WriteLine($" Total Memory: {HumanSize.Binary(bytes)}");
        }
        Line(output, info, "Name", "Name");
        Line(output, info, "ID", "ID");
        Line(output, info, "DockerRootDir", "Root Dir");
        foreach (var warning in Items(info, "Warnings"))
        {
            output.WriteLine($" {warning}");
        }
    }

    private static void PrintSecurity(TextWriter output, JsonElement info)
    {
        bool first = true;
        foreach (var option in Items(info, "SecurityOptions"))
        {
            if (first)
            {
                output.WriteLine(" Security Options:");
                first = false;
            }
            foreach (string part in option.ToString().Split(','))
            {
                string[] pair = part.Split('=', 2);
                output.WriteLine(pair[0] == "name" ? $"  {pair[^1]}" : $"   {CultureInfo.InvariantCulture.TextInfo.ToTitleCase(pair[0])}: {pair[^1]}");
            }
        }
    }

    private static void Line(TextWriter output, JsonElement info, string field, string title)
    {
        if (info.TryGetProperty(field, out var value) && value.ValueKind is not (JsonValueKind.Null or JsonValueKind.Undefined)
            && value.ToString() is { Length: > 0 } text)
        {
            output.WriteLine($" {title}: {text}");
        }
    }

    private static JsonElement.ArrayEnumerator Items(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : default;
}
