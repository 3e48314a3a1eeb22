using System.Text.Json;

namespace Caisson.Client.Networks;

/// <summary>A network as lists show it.</summary>
public sealed class NetworkSummary
{
    internal NetworkSummary(JsonElement json)
    {
        Id = json.Text("Id");
        Name = json.Text("Name");
        Driver = json.Text("Driver");
        Scope = json.Text("Scope");
        IPv6 = json.Truth("EnableIPv6");
        Internal = json.Truth("Internal");
        Labels = json.TextMap("Labels");
        Created = json.Time("Created");
    }

    /// <summary>64 hexadecimal digits.</summary>
    public string Id { get; }

    /// <summary>Unique.</summary>
    public string Name { get; }

    /// <summary><c>bridge</c>, <c>macvlan</c>, <c>host</c>, <c>null</c>.</summary>
    public string Driver { get; }

    /// <summary><c>local</c>.</summary>
    public string Scope { get; }

    /// <summary>Whether there is IPv6.</summary>
    public bool IPv6 { get; }

    /// <summary>No way out and none in.</summary>
    public bool Internal { get; }

    /// <summary>When it was made.</summary>
    public DateTimeOffset Created { get; }

    /// <summary>Labels by name.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; }
}
