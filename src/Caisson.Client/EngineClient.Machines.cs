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

    /// <summary>The passphrase of a machine's encrypted disks.</summary>
    public string ReadMachinePassphrase(string id)
    {
        using var response = Call("GET", Machine(id, "passphrase"));
        using var document = response.ReadJson();
        return document.RootElement.Text("Passphrase");
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

    /// <summary>Gives a machine a disk, also while it runs; returns its name.</summary>
    public string AttachMachineDisk(string id, MachineDisk disk)
    {
        ArgumentNullException.ThrowIfNull(disk);
        return AttachToMachine(id, "Disk", json => Write(json, disk));
    }

    /// <summary>Gives a machine a network interface, also while it runs; returns its name.</summary>
    public string AttachMachineNetwork(string id, MachineNetwork network)
    {
        ArgumentNullException.ThrowIfNull(network);
        return AttachToMachine(id, "Network", json => Write(json, network));
    }

    /// <summary>Takes a disk or an interface out of a machine, also while it runs.</summary>
    /// <param name="id">Id or name.</param>
    /// <param name="device">The device's name.</param>
    /// <param name="keep">Of a disk: the path, on the engine's host, where its file goes; empty for none.</param>
    /// <param name="delete">Of a disk: its file is deleted.</param>
    public void DetachFromMachine(string id, string device, string keep, bool delete) =>
        Do("POST", Machine(id, "detach") + new QueryString().Add("device", device).Add("keep", keep).Add("delete", delete));

    /// <summary>Changes a machine; returns what waits for its next start, a sentence each.</summary>
    public IReadOnlyList<string> ChangeMachine(string id, MachineChange change)
    {
        ArgumentNullException.ThrowIfNull(change);
        using var response = Call("POST", Machine(id, "set"), JsonBody.Write(change.Write));
        using var document = response.ReadJson();
        return document.RootElement.Texts("Warnings");
    }

    /// <summary>Keeps a machine as it is; returns the snapshot's name.</summary>
    /// <param name="id">Id or name.</param>
    /// <param name="name">Empty for one of the engine's.</param>
    /// <param name="description">What the user says about it.</param>
    public string CreateMachineSnapshot(string id, string name, string description)
    {
        using var response = Call("POST", Machine(id, "snapshots") + new QueryString().Add("name", name).Add("description", description));
        using var document = response.ReadJson();
        return document.RootElement.Text("Name");
    }

    /// <summary>Forgets a snapshot of a machine.</summary>
    public void DeleteMachineSnapshot(string id, string name) => Do("DELETE", $"{Machine(id, "snapshots")}/{Escape(name)}");

    /// <summary>Puts a machine back to a snapshot.</summary>
    /// <param name="id">Id or name.</param>
    /// <param name="name">The snapshot; empty for the current one.</param>
    /// <param name="paused">With memory, it does not run on.</param>
    public void RestoreMachine(string id, string name, bool paused) => Do("POST", Machine(id, "restore") + new QueryString().Add("name", name).Add("paused", paused));

    /// <summary>Makes another machine with what one holds; returns its name.</summary>
    /// <param name="id">Id or name.</param>
    /// <param name="name">The new one; empty for one of the engine's.</param>
    /// <param name="linked">Its disks stand on the other's, a template.</param>
    public string CloneMachine(string id, string name, bool linked)
    {
        using var response = Call("POST", Machine(id, "clone") + new QueryString().Add("name", name).Add("linked", linked));
        using var document = response.ReadJson();
        return document.RootElement.Text("Name");
    }

    /// <summary>Makes a machine a template, or a template a machine.</summary>
    public void MakeMachineTemplate(string id, bool undo) => Do("POST", Machine(id, "template") + new QueryString().Add("undo", undo));

    /// <summary>Gives a machine another name.</summary>
    public void RenameMachine(string id, string name) => Do("POST", Machine(id, "rename") + new QueryString().Add("name", name));

    /// <summary>What a machine's screen shows, as PNG.</summary>
    public ReadOnlyMemory<byte> ReadMachineScreen(string id)
    {
        using var response = Call("GET", Machine(id, "screenshot"));
        return response.ReadAll();
    }

    /// <summary>Runs a program in a machine to its end, by the agent that runs there.</summary>
    /// <param name="id">Id or name.</param>
    /// <param name="command">The program and its arguments; no shell.</param>
    /// <param name="environment">Variables; empty for the agent's.</param>
    /// <param name="input">What it reads.</param>
    /// <param name="timeoutSeconds">How long it may take; 0 for the engine's choice.</param>
    public MachineExecEnd ExecInMachine(string id, IReadOnlyList<string> command, IReadOnlyList<string> environment, ReadOnlyMemory<byte> input, long timeoutSeconds)
    {
        using var response = Call("POST", Machine(id, "exec"), JsonBody.Write(json =>
        {
            json.Texts("Cmd", command);
            if (environment.Count > 0)
            {
                json.Texts("Env", environment);
            }
            if (!input.IsEmpty)
            {
                json.WriteBase64String("Input", input.Span);
            }
            json.Number("Timeout", timeoutSeconds);
        }));
        using var document = response.ReadJson();
        JsonElement end = document.RootElement;
        return new((int)end.Number("Code"), Bytes(end, "Output"), Bytes(end, "Errors"), end.Truth("Cut"));

        static byte[] Bytes(JsonElement end, string name) => end.Field(name) is { ValueKind: JsonValueKind.String } text && text.TryGetBytesFromBase64(out byte[]? bytes) ? bytes : [];
    }

    private string AttachToMachine(string id, string kind, Action<Utf8JsonWriter> write)
    {
        using var response = Call("POST", Machine(id, "attach"), JsonBody.Write(json =>
        {
            json.WriteStartObject(kind);
            write(json);
            json.WriteEndObject();
        }));
        using var document = response.ReadJson();
        return document.RootElement.Text("Name");
    }

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
        json.Flag("Encrypt", machine.Encrypt);
        json.Text("Passphrase", machine.Passphrase);
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
        if (disk.Rate is { } rate)
        {
            json.WriteStartObject("Rate");
            rate.Write(json);
            json.WriteEndObject();
        }
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
