using Caisson.Client.Networks;

namespace Caisson.Client.Containers;

/// <summary>The body of <c>POST /containers/create</c>.</summary>
/// <param name="Config">The process.</param>
/// <param name="Host">Its place on this host.</param>
public sealed record ContainerCreation(ContainerConfig Config, HostConfig Host)
{
    /// <summary>What it asks for in the network that <see cref="Host"/> names.</summary>
    public NetworkPlace Place { get; init; } = new();

    /// <summary>Further networks that it is to be in, by name.</summary>
    public IReadOnlyList<string> FurtherNetworks { get; init; } = [];

    /// <summary>What it asks for in further networks, by name; those of <see cref="FurtherNetworks"/> ask for nothing.</summary>
    public IReadOnlyDictionary<string, NetworkPlace> FurtherPlaces { get; init; } = new Dictionary<string, NetworkPlace>();

    /// <summary>The JSON, as sent.</summary>
    public ReadOnlyMemory<byte> ToJson() => JsonBody.Write(json =>
    {
        Config.WriteTo(json);
        Host.WriteTo(json);
        if (!Place.IsEmpty || FurtherNetworks.Count > 0 || FurtherPlaces.Count > 0)
        {
            json.WriteStartObject("NetworkingConfig");
            json.WriteStartObject("EndpointsConfig");
            json.WriteStartObject(Host.NetworkMode.Length == 0 ? "default" : Host.NetworkMode);
            Place.WriteTo(json);
            json.WriteEndObject();
            foreach (string network in FurtherNetworks)
            {
                json.WriteStartObject(network);
                json.WriteEndObject();
            }
            foreach (var (network, place) in FurtherPlaces)
            {
                json.WriteStartObject(network);
                place.WriteTo(json);
                json.WriteEndObject();
            }
            json.WriteEndObject();
            json.WriteEndObject();
        }
    });
}
