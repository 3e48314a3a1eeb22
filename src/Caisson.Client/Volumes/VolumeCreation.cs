namespace Caisson.Client.Volumes;

/// <summary>The body of <c>POST /volumes/create</c>.</summary>
/// <param name="Name">Unique among volumes; empty: the engine chooses.</param>
public sealed record VolumeCreation(string Name)
{
    /// <summary>Empty: local.</summary>
    public string Driver { get; init; } = "";

    /// <summary>Settings of the driver by name.</summary>
    public IReadOnlyDictionary<string, string> DriverOptions { get; init; } = new Dictionary<string, string>();

    /// <summary>Free text by key.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>The JSON, as sent.</summary>
    public ReadOnlyMemory<byte> ToJson() => JsonBody.Write(json =>
    {
        json.Text(nameof(Name), Name);
        json.Text(nameof(Driver), Driver);
        json.TextMap("DriverOpts", DriverOptions);
        json.TextMap(nameof(Labels), Labels);
    });
}
