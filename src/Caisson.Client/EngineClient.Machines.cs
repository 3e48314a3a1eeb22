using System.Text.Json;

using Caisson.Client.Http;
using Caisson.Client.Machines;

namespace Caisson.Client;

public sealed partial class EngineClient
{
    /// <summary>Full machines, newest first.</summary>
    public IReadOnlyList<MachineSummary> ListMachines()
    {
        using var response = Call("GET", "/caisson/machines");
        using var json = response.ReadJson(JsonValueKind.Array);
        return [.. json.RootElement.EnumerateArray().Select(item => new MachineSummary(item))];
    }

    /// <summary>Everything about one machine. The caller disposes the document.</summary>
    public JsonDocument InspectMachine(string id)
    {
        using var response = Call("GET", Machine(id));
        return response.ReadJson();
    }

    /// <summary>What QEMU would be told, and how it is confined.</summary>
    public string ExplainMachine(string id)
    {
        using var response = Call("GET", Machine(id, "explain"));
        return System.Text.Encoding.UTF8.GetString(response.ReadAll().Span);
    }

    /// <summary>Makes a machine, which does not run yet, and returns its id.</summary>
    public string CreateMachine(MachineCreation machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        using var response = Call("POST", "/caisson/machines", JsonBody.Write(json => Write(json, machine)));
        using var document = response.ReadJson();
        return document.RootElement.Text("Id");
    }

    /// <summary>Deletes a machine with its disks and snapshots.</summary>
    /// <param name="id">Id or name.</param>
    /// <param name="force">Also when it runs.</param>
    public void DeleteMachine(string id, bool force) => Do("DELETE", Machine(id) + new QueryString().Add("force", force));

    /// <summary>Starts a machine.</summary>
    public void StartMachine(string id) => Do("POST", Machine(id, "start"));

    /// <summary>Stops a machine.</summary>
    /// <param name="id">Id or name.</param>
    /// <param name="force">Takes the power away at once.</param>
    /// <param name="timeoutSeconds">How long its operating system has; null for the engine's choice, negative for ever.</param>
    public void StopMachine(string id, bool force, int? timeoutSeconds) =>
        Do("POST", Machine(id, "stop") + new QueryString().Add("force", force).Add("timeout", timeoutSeconds));

    /// <summary>Starts a machine's operating system anew; parameters as of <see cref="StopMachine"/>.</summary>
    public void RebootMachine(string id, bool force, int? timeoutSeconds) =>
        Do("POST", Machine(id, "reboot") + new QueryString().Add("force", force).Add("timeout", timeoutSeconds));

    /// <summary>Holds a machine where it is.</summary>
    public void PauseMachine(string id) => Do("POST", Machine(id, "pause"));

    /// <summary>Lets a paused machine go on.</summary>
    public void ResumeMachine(string id) => Do("POST", Machine(id, "resume"));

    /// <summary>What a machine's serial console has said.</summary>
    /// <param name="id">Id or name.</param>
    /// <param name="output">Gets it.</param>
    /// <param name="tail">The last so many lines; null for all that is kept.</param>
    public void ReadMachineConsole(string id, Stream output, int? tail)
    {
        using var response = Call("GET", Machine(id, "console") + new QueryString().Add("tail", tail));
        response.Body.CopyTo(output);
    }

    /// <summary>Connects to a machine's serial console; output comes in frames. The caller disposes the stream.</summary>
    /// <param name="id">Id or name.</param>
    /// <param name="input">What is written goes to the machine.</param>
    /// <param name="tail">The last so many lines of what it said come first.</param>
    public HijackedStream AttachMachineConsole(string id, bool input, int tail) =>
        Upgrade(Machine(id, "console") + new QueryString().Add("stdin", input ? "1" : "0").Add("tail", tail), default);

    private static string Machine(string id) => $"/caisson/machines/{Escape(id)}";

    private static string Machine(string id, string verb) => $"{Machine(id)}/{verb}";

    private static void Write(Utf8JsonWriter json, MachineCreation machine)
    {
        json.Text("Name", machine.Name);
        json.Number("Memory", machine.MemoryBytes);
        json.Number("MemoryMax", machine.MemoryMaxBytes);
        json.Number("Processors", machine.Processors);
        json.Number("ProcessorsMax", machine.ProcessorsMax);
        json.Text("CpuModel", machine.CpuModel);
        json.Text("Firmware", machine.Firmware);
        json.Flag("SecureBoot", machine.SecureBoot);
        json.Flag("Tpm", machine.Tpm);
        json.Text("Kernel", machine.Kernel);
        json.Text("Initrd", machine.Initrd);
        json.Text("CommandLine", machine.CommandLine);
        json.WriteStartArray("Disks");
        foreach (MachineDisk disk in machine.Disks)
        {
            json.WriteStartObject();
            Write(json, disk);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.Texts("Cdroms", machine.Cdroms);
        if (machine.Networks is { } networks)
        {
            json.WriteStartArray("Networks");
            foreach (MachineNetwork network in networks)
            {
                json.WriteStartObject();
                Write(json, network);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        json.WriteStartObject("Ports");
        foreach (var port in machine.Ports.GroupBy(port => port.Port))
        {
            json.WriteStartArray(port.Key);
            foreach (MachinePort binding in port)
            {
                json.WriteStartObject();
                json.Text("HostIp", binding.HostAddress);
                json.Text("HostPort", binding.HostPort);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        json.WriteEndObject();
        if (machine.Seed is { } seed)
        {
            json.WriteStartObject("Seed");
            json.Text("Hostname", seed.Hostname);
            json.Text("User", seed.User);
            json.Texts("SshKeys", seed.SshKeys);
            json.Text("Password", seed.Password);
            json.Texts("Packages", seed.Packages);
            json.Texts("Commands", seed.Commands);
            json.Text("UserData", seed.UserData);
            json.Text("NetworkConfig", seed.NetworkConfig);
            json.WriteEndObject();
        }
        json.Texts("Boot", machine.Boot);
        json.Flag("Autostart", machine.Autostart);
        json.Number("StartOrder", machine.StartOrder);
        json.Number("StartDelaySeconds", machine.StartDelaySeconds);
        json.Text("RestartPolicy", machine.RestartPolicy);
        json.Text("Description", machine.Description);
    }

    private static void Write(Utf8JsonWriter json, MachineDisk disk)
    {
        json.Text("Source", disk.Source);
        json.Number("Bytes", disk.Bytes);
        json.Text("Name", disk.Name);
        json.Text("Format", disk.Format);
        json.Text("Bus", disk.Bus);
        json.Text("Cache", disk.Cache);
    }

    private static void Write(Utf8JsonWriter json, MachineNetwork network)
    {
        json.Text("Network", network.Network);
        json.Text("Name", network.Name);
        json.Text("HardwareAddress", network.HardwareAddress);
        json.Text("IPv4", network.IPv4);
        json.Text("Model", network.Model);
    }
}
