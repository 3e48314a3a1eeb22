using System.Text.Json;

namespace Caisson.Client.Volumes;

/// <summary>A volume as lists show it.</summary>
public sealed class VolumeSummary
{
    internal VolumeSummary(JsonElement json)
    {
        Name = json.Text("Name");
        Driver = json.Text("Driver");
        Mountpoint = json.Text("Mountpoint");
        Scope = json.Text("Scope");
        Labels = json.TextMap("Labels");
    }

    /// <summary>Unique.</summary>
    public string Name { get; }

    /// <summary><c>local</c>.</summary>
    public string Driver { get; }

    /// <summary>Where its data is on the host.</summary>
    public string Mountpoint { get; }

    /// <summary><c>local</c>.</summary>
    public string Scope { get; }

    /// <summary>Labels by name.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; }
}
