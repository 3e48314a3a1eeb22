namespace Caisson.Control.Model;

/// <summary>The document of <c>POST /volumes/create</c>. Source: Docker Engine API, "Create a volume".</summary>
public sealed record VolumeCreate
{
    /// <summary>Its name; empty for one of ours.</summary>
    public string Name { get => field ?? ""; init; } = "";

    /// <summary><c>local</c> or empty.</summary>
    public string Driver { get => field ?? ""; init; } = "";

    /// <summary>Settings of the driver by name: <c>size</c>, or <c>type</c>, <c>device</c> and <c>o</c>.</summary>
    public IReadOnlyDictionary<string, string>? DriverOpts { get; init; }

    /// <summary>Free text by key.</summary>
    public IReadOnlyDictionary<string, string>? Labels { get; init; }
}
