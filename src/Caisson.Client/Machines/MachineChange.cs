using System.Text.Json;

namespace Caisson.Client.Machines;

/// <summary>Changes of a machine; what is null stays as it is.</summary>
public sealed class MachineChange
{
    /// <summary>Memory in bytes.</summary>
    public long? MemoryBytes { get; init; }

    /// <summary>To how much it may grow, in bytes.</summary>
    public long? MemoryMaxBytes { get; init; }

    /// <summary>Processors.</summary>
    public long? Processors { get; init; }

    /// <summary>To how many it may grow.</summary>
    public long? ProcessorsMax { get; init; }

    /// <summary>QEMU's name of the processor's model.</summary>
    public string? CpuModel { get; init; }

    /// <summary>What is tried in order.</summary>
    public IReadOnlyList<string>? Boot { get; init; }

    /// <summary>The kernel's command line.</summary>
    public string? CommandLine { get; init; }

    /// <summary>Its disks are encrypted, or no longer.</summary>
    public bool? Encrypt { get; init; }

    /// <summary>By which passphrase; null for one of the engine's.</summary>
    public string? Passphrase { get; init; }

    /// <summary>It starts with the engine.</summary>
    public bool? Autostart { get; init; }

    /// <summary>Its place in that order.</summary>
    public long? StartOrder { get; init; }

    /// <summary>Seconds to wait after its start.</summary>
    public long? StartDelaySeconds { get; init; }

    /// <summary>The restart policy.</summary>
    public string? RestartPolicy { get; init; }

    /// <summary>What the user says about it.</summary>
    public string? Description { get; init; }

    /// <summary>What is done with it at times of the clock; an empty list for nothing, null for no change.</summary>
    public IReadOnlyList<MachineTime>? Schedules { get; init; }

    /// <summary>Limits of disks, by name; one without a number takes them away.</summary>
    public IReadOnlyDictionary<string, MachineDiskRate> DiskRates { get; init; } = new Dictionary<string, MachineDiskRate>();

    /// <summary>New sizes of disks, in bytes, by name.</summary>
    public IReadOnlyDictionary<string, long> DiskSizes { get; init; } = new Dictionary<string, long>();

    /// <summary>Media of drives: paths on the engine's host by the drive's name; an empty path takes the medium out.</summary>
    public IReadOnlyDictionary<string, string> Media { get; init; } = new Dictionary<string, string>();

    internal void Write(Utf8JsonWriter json)
    {
        json.Number("Memory", MemoryBytes);
        json.Number("MemoryMax", MemoryMaxBytes);
        json.Number("Processors", Processors);
        json.Number("ProcessorsMax", ProcessorsMax);
        Text("CpuModel", CpuModel);
        json.Texts("Boot", Boot);
        Text("CommandLine", CommandLine);
        if (Encrypt is { } encrypt)
        {
            json.WriteBoolean(nameof(Encrypt), encrypt);
        }
        Text(nameof(Passphrase), Passphrase);
        if (Autostart is { } autostart)
        {
            json.WriteBoolean(nameof(Autostart), autostart);
        }
        json.Number("StartOrder", StartOrder);
        json.Number("StartDelaySeconds", StartDelaySeconds);
        Text("RestartPolicy", RestartPolicy);
        Text("Description", Description);
        if (Schedules is not null)
        {
            json.WriteStartArray(nameof(Schedules));
            foreach (MachineTime schedule in Schedules)
            {
                json.WriteStartObject();
                json.WriteString(nameof(schedule.Verb), schedule.Verb);
                json.WriteString(nameof(schedule.When), schedule.When);
                json.WriteNumber(nameof(schedule.Keep), schedule.Keep);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        if (DiskRates.Count > 0)
        {
            json.WriteStartObject(nameof(DiskRates));
            foreach ((string name, MachineDiskRate rate) in DiskRates)
            {
                json.WriteStartObject(name);
                rate.Write(json);
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        json.WriteStartObject(nameof(DiskSizes));
        foreach ((string name, long bytes) in DiskSizes)
        {
            json.WriteNumber(name, bytes);
        }
        json.WriteEndObject();
        json.WriteStartObject(nameof(Media));
        foreach ((string name, string path) in Media)
        {
            json.WriteString(name, path);
        }
        json.WriteEndObject();

        void Text(string name, string? value)
        {
            if (value is not null)
            {
                json.WriteString(name, value);
            }
        }
    }
}

/// <summary>Something that is done with a machine at times of the clock.</summary>
/// <param name="Verb"><c>start</c>, <c>stop</c>, <c>reboot</c> or <c>snapshot</c>.</param>
/// <param name="When">Five fields of crontab(5), or <c>@daily</c> and the like.</param>
/// <param name="Keep">Of snapshots: how many of them stay; 0 for all.</param>
public sealed record MachineTime(string Verb, string When, long Keep);
