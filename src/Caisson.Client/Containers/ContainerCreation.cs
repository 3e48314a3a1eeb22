namespace Caisson.Client.Containers;

/// <summary>The body of <c>POST /containers/create</c>.</summary>
/// <param name="Config">The process.</param>
/// <param name="Host">Its place on this host.</param>
public sealed record ContainerCreation(ContainerConfig Config, HostConfig Host)
{
    /// <summary>Names under which other containers of the network find this one.</summary>
    public IReadOnlyList<string> NetworkAliases { get; init; } = [];

    /// <summary>Fixed IPv4 address; empty: any.</summary>
    public string IPv4Address { get; init; } = "";

    /// <summary>Fixed MAC address; empty: any.</summary>
    public string MacAddress { get; init; } = "";

    /// <summary>The JSON, as sent.</summary>
    public ReadOnlyMemory<byte> ToJson() => JsonBody.Write(json =>
    {
        Config.WriteTo(json);
        Host.WriteTo(json);
        if (NetworkAliases.Count > 0 || IPv4Address.Length > 0 || MacAddress.Length > 0)
        {
            json.WriteStartObject("NetworkingConfig");
            json.WriteStartObject("EndpointsConfig");
            json.WriteStartObject(Host.NetworkMode.Length == 0 ? "default" : Host.NetworkMode);
            if (NetworkAliases.Count > 0)
            {
                json.Texts("Aliases", NetworkAliases);
            }
            json.Text(nameof(MacAddress), MacAddress);
            if (IPv4Address.Length > 0)
            {
                json.WriteStartObject("IPAMConfig");
                json.WriteString(nameof(IPv4Address), IPv4Address);
                json.WriteEndObject();
            }
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndObject();
        }
    });
}
