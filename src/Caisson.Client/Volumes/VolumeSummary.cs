using System.Text.Json;

namespace Caisson.Client.Volumes;

/// <summary>A volume as lists show it.</summary>
public sealed class VolumeSummary
{
    internal VolumeSummary(JsonElement json)
    {
        Name = json.Text("Name");
        Driver = json.Text("Driver");
        Scope = json.Text("Scope");
        Mountpoint = json.Text("Mountpoint");
        Labels = json.TextMap("Labels");
        Options = json.TextMap("Options");
        Created = json.Time("CreatedAt");
    }

    /// <summary>Unique among volumes.</summary>
    public string Name { get; }

    /// <summary><c>local</c>.</summary>
    public string Driver { get; }

    /// <summary><c>local</c>.</summary>
    public string Scope { get; }

    /// <summary>Where its files are on the engine's host.</summary>
    public string Mountpoint { get; }

    /// <summary>When it was made.</summary>
    public DateTimeOffset Created { get; }

    /// <summary>Labels by name.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; }

    /// <summary>Settings of the driver by name.</summary>
    public IReadOnlyDictionary<string, string> Options { get; }
}

/// <summary>A copy of a volume at one time.</summary>
public sealed class VolumeSnapshotSummary
{
    internal VolumeSnapshotSummary(JsonElement json)
    {
        Name = json.Text("Name");
        Volume = json.Text("Volume");
        Method = json.Text("Method");
        Bytes = json.Number("Size");
        Created = json.Time("CreatedAt");
    }

    /// <summary>Unique among the volume's.</summary>
    public string Name { get; }

    /// <summary>The volume's name.</summary>
    public string Volume { get; }

    /// <summary><c>reflink</c>, <c>copy</c>, or both.</summary>
    public string Method { get; }

    /// <summary>Bytes of its files.</summary>
    public long Bytes { get; }

    /// <summary>When it was made.</summary>
    public DateTimeOffset Created { get; }
}
