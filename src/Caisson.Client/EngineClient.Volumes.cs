using System.Text.Json;

using Caisson.Client.Containers;
using Caisson.Client.Http;
using Caisson.Client.Volumes;

namespace Caisson.Client;

public sealed partial class EngineClient
{
    /// <summary>Volumes.</summary>
    /// <param name="filters">Values by the filter's name.</param>
    public IReadOnlyList<VolumeSummary> ListVolumes(IReadOnlyDictionary<string, List<string>>? filters = null)
    {
        using var response = Call("GET", "/volumes" + new QueryString().Add("filters", FormatFilters(filters)));
        using var json = response.ReadJson();
        return [.. json.RootElement.Items("Volumes").Select(item => new VolumeSummary(item))];
    }

    /// <summary>Everything about one volume. The caller disposes the document.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="size">Count its bytes.</param>
    public JsonDocument InspectVolume(string name, bool size = false)
    {
        using var response = Call("GET", $"/volumes/{Escape(name)}{new QueryString().Add("size", size)}");
        return response.ReadJson();
    }

    /// <summary>Makes a volume, unless it is there already, and returns its name.</summary>
    /// <param name="name">Empty for one of the engine's.</param>
    /// <param name="driver">Empty for <c>local</c>.</param>
    /// <param name="options">Settings of the driver.</param>
    /// <param name="labels">Free text by key.</param>
    public string CreateVolume(
        string name, string driver, IReadOnlyDictionary<string, string> options, IReadOnlyDictionary<string, string> labels)
    {
        using var response = Call("POST", "/volumes/create", JsonBody.Write(json =>
        {
            json.Text("Name", name);
            json.Text("Driver", driver);
            json.TextMap("DriverOpts", options);
            json.TextMap("Labels", labels);
        }));
        using var document = response.ReadJson();
        return document.RootElement.Text("Name");
    }

    /// <summary>Removes a volume that no container has.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="force">No error when it is not there.</param>
    public void RemoveVolume(string name, bool force) => Do("DELETE", $"/volumes/{Escape(name)}{new QueryString().Add("force", force)}");

    /// <summary>Removes volumes that no container has.</summary>
    public PruneResult PruneVolumes(IReadOnlyDictionary<string, List<string>> filters)
    {
        using var response = Call("POST", "/volumes/prune" + new QueryString().Add("filters", FormatFilters(filters)));
        using var json = response.ReadJson();
        return new(json.RootElement.Texts("VolumesDeleted"), json.RootElement.Number("SpaceReclaimed"));
    }

    /// <summary>Makes a new volume with what another holds.</summary>
    /// <param name="name">The other.</param>
    /// <param name="newName">The new one.</param>
    /// <param name="snapshot">One of the other's snapshots; empty for what it holds now.</param>
    /// <param name="live">Containers that use it go on meanwhile.</param>
    /// <param name="labels">Free text by key.</param>
    /// <returns>How it was copied.</returns>
    public string CloneVolume(string name, string newName, string snapshot, bool live, IReadOnlyDictionary<string, string> labels)
    {
        using var response = Call("POST", $"/caisson/volumes/{Escape(name)}/clone", JsonBody.Write(json =>
        {
            json.WriteString("Name", newName);
            json.Text("Snapshot", snapshot);
            json.Flag("Live", live);
            json.TextMap("Labels", labels);
        }));
        using var document = response.ReadJson();
        return document.RootElement.Text("Method");
    }

    /// <summary>Keeps a copy of what a volume holds now.</summary>
    public VolumeSnapshotSummary CreateVolumeSnapshot(string name, string snapshot, bool live)
    {
        using var response = Call("POST", $"/caisson/volumes/{Escape(name)}/snapshots", JsonBody.Write(json =>
        {
            json.WriteString("Name", snapshot);
            json.Flag("Live", live);
        }));
        using var document = response.ReadJson();
        return new(document.RootElement);
    }

    /// <summary>The snapshots of a volume, oldest first.</summary>
    public IReadOnlyList<VolumeSnapshotSummary> ListVolumeSnapshots(string name)
    {
        using var response = Call("GET", $"/caisson/volumes/{Escape(name)}/snapshots");
        using var json = response.ReadJson(JsonValueKind.Array);
        return [.. json.RootElement.EnumerateArray().Select(item => new VolumeSnapshotSummary(item))];
    }

    /// <summary>Removes a snapshot.</summary>
    public void RemoveVolumeSnapshot(string name, string snapshot) => Do("DELETE", $"/caisson/volumes/{Escape(name)}/snapshots/{Escape(snapshot)}");

    /// <summary>Puts a volume back to a snapshot; returns how it was copied.</summary>
    public string RestoreVolumeSnapshot(string name, string snapshot)
    {
        using var response = Call("POST", $"/caisson/volumes/{Escape(name)}/snapshots/{Escape(snapshot)}/restore");
        using var document = response.ReadJson();
        return document.RootElement.Text("Method");
    }

    /// <summary>Gives a container, running or not, a volume.</summary>
    /// <param name="container">Id or name.</param>
    /// <param name="volume"><c>NAME:/path[:options]</c>.</param>
    /// <param name="subpath">The part of the volume; empty for all.</param>
    public void AttachVolume(string container, string volume, string subpath) =>
        Do("POST", $"/caisson/containers/{Escape(container)}/volumes/attach", JsonBody.Write(json =>
        {
            json.WriteString("Volume", volume);
            json.Text("Subpath", subpath);
        }));

    /// <summary>Takes a volume out of a container.</summary>
    /// <param name="container">Id or name.</param>
    /// <param name="volume">The volume's name, or its path inside.</param>
    public void DetachVolume(string container, string volume) =>
        Do("POST", $"/caisson/containers/{Escape(container)}/volumes/detach", JsonBody.Write(json => json.WriteString("Volume", volume)));
}
