using System.Text.Json;

using Caisson.Client.Volumes;

namespace Caisson.Client;

public sealed partial class EngineClient
{
    /// <summary>Volumes.</summary>
    /// <param name="filters">Values by the filter's name.</param>
    public IReadOnlyList<VolumeSummary> ListVolumes(IReadOnlyDictionary<string, List<string>>? filters = null)
    {
        using var response = Call("GET", "/volumes" + new Http.QueryString().Add("filters", FormatFilters(filters)));
        using var json = response.ReadJson();
        return [.. json.RootElement.Items("Volumes").Select(item => new VolumeSummary(item))];
    }

    /// <summary>Everything about one volume. The caller disposes the document.</summary>
    public JsonDocument InspectVolume(string name)
    {
        using var response = Call("GET", $"/volumes/{Escape(name)}");
        return response.ReadJson();
    }

    /// <summary>Makes a volume and returns its name; one of the same name and driver is no error.</summary>
    public string CreateVolume(VolumeCreation creation)
    {
        ArgumentNullException.ThrowIfNull(creation);
        using var response = Call("POST", "/volumes/create", creation.ToJson());
        using var json = response.ReadJson();
        return json.RootElement.Text("Name");
    }

    /// <summary>Removes a volume that no container uses, and its data.</summary>
    public void RemoveVolume(string name, bool force) => Do("DELETE", $"/volumes/{Escape(name)}{new Http.QueryString().Add("force", force)}");
}
