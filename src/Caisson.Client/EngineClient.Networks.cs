using System.Text.Json;

using Caisson.Client.Http;
using Caisson.Client.Networks;

namespace Caisson.Client;

public sealed partial class EngineClient
{
    /// <summary>Networks.</summary>
    /// <param name="filters">Values by the filter's name.</param>
    public IReadOnlyList<NetworkSummary> ListNetworks(IReadOnlyDictionary<string, List<string>>? filters = null)
    {
        using var response = Call("GET", "/networks" + new QueryString().Add("filters", FormatFilters(filters)));
        using var json = response.ReadJson(JsonValueKind.Array);
        return [.. json.RootElement.EnumerateArray().Select(item => new NetworkSummary(item))];
    }

    /// <summary>Everything about one network. The caller disposes the document.</summary>
    public JsonDocument InspectNetwork(string name)
    {
        using var response = Call("GET", $"/networks/{Escape(name)}");
        return response.ReadJson();
    }

    /// <summary>Makes a network and returns its id.</summary>
    public string CreateNetwork(NetworkCreation creation)
    {
        ArgumentNullException.ThrowIfNull(creation);
        using var response = Call("POST", "/networks/create", creation.ToJson());
        using var json = response.ReadJson();
        return json.RootElement.Text("Id");
    }

    /// <summary>Removes a network that no running container is in.</summary>
    public void RemoveNetwork(string name) => Do("DELETE", $"/networks/{Escape(name)}");

    /// <summary>Connects a container, running or not, to a network.</summary>
    public void ConnectNetwork(string name, string container, NetworkPlace place)
    {
        ArgumentNullException.ThrowIfNull(place);
        Do("POST", $"/networks/{Escape(name)}/connect", JsonBody.Write(json =>
        {
            json.WriteString("Container", container);
            if (!place.IsEmpty)
            {
                json.WriteStartObject("EndpointConfig");
                place.WriteTo(json);
                json.WriteEndObject();
            }
        }));
    }

    /// <summary>Gives a container that is in a network other further names there, at once; its connections go on.</summary>
    /// <param name="name">Of the network.</param>
    /// <param name="container">Id or name.</param>
    /// <param name="aliases">All it has besides its own name from now on.</param>
    /// <remarks>Caisson's own; other engines answer 403: it is in that network.</remarks>
    public void RenameInNetwork(string name, string container, IReadOnlyList<string> aliases) => Do("POST", $"/networks/{Escape(name)}/connect", JsonBody.Write(json =>
    {
        json.WriteString("Container", container);
        json.WriteBoolean("ReplaceAliases", true);
        json.WriteStartObject("EndpointConfig");
        json.Texts("Aliases", aliases);
        json.WriteEndObject();
    }));

    /// <summary>Takes a container out of a network.</summary>
    public void DisconnectNetwork(string name, string container, bool force) => Do("POST", $"/networks/{Escape(name)}/disconnect", JsonBody.Write(json =>
    {
        json.WriteString("Container", container);
        json.Flag("Force", force);
    }));

    /// <summary>Removes networks that no container is in; returns their names.</summary>
    public IReadOnlyList<string> PruneNetworks(IReadOnlyDictionary<string, List<string>> filters)
    {
        using var response = Call("POST", "/networks/prune" + new QueryString().Add("filters", FormatFilters(filters)));
        using var json = response.ReadJson();
        return json.RootElement.Texts("NetworksDeleted");
    }
}
