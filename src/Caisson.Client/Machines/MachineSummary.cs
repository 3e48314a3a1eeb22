using System.Text.Json;

namespace Caisson.Client.Machines;

/// <summary>A full machine in a list.</summary>
public sealed class MachineSummary
{
    internal MachineSummary(JsonElement json)
    {
        Id = json.Text("Id");
        Name = json.Text("Name");
        State = json.Text("State");
        Error = json.Text("Error");
        Created = json.Time("Created");
        StartedAt = json.Time("StartedAt");
        Processors = (int)json.Number("Processors");
        MemoryBytes = json.Number("Memory");
        Firmware = json.Text("Firmware");
        Autostart = json.Truth("Autostart");
        Addresses = json.Texts("Addresses");
    }

    /// <summary>64 hex digits.</summary>
    public string Id { get; }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary><c>running</c>, <c>paused</c>, <c>stopped</c>, <c>crashed</c>, <c>deleting</c> or <c>template</c>.</summary>
    public string State { get; }

    /// <summary>Why it crashed or did not start; empty in the ordinary case.</summary>
    public string Error { get; }

    /// <summary>When it was made.</summary>
    public DateTimeOffset Created { get; }

    /// <summary>When it was last started; the beginning of all times before the first start.</summary>
    public DateTimeOffset StartedAt { get; }

    /// <summary>How many processors it has.</summary>
    public int Processors { get; }

    /// <summary>Its memory.</summary>
    public long MemoryBytes { get; }

    /// <summary><c>bios</c> or <c>uefi</c>.</summary>
    public string Firmware { get; }

    /// <summary>It starts with the engine.</summary>
    public bool Autostart { get; }

    /// <summary>Its addresses while it runs.</summary>
    public IReadOnlyList<string> Addresses { get; }
}
