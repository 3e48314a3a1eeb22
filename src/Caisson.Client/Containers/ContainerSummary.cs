using System.Text.Json;

namespace Caisson.Client.Containers;

/// <summary>A container as lists show it.</summary>
public sealed class ContainerSummary
{
    internal ContainerSummary(JsonElement json)
    {
        Id = json.Text("Id");
        Names = json.Texts("Names");
        Image = json.Text("Image");
        ImageId = json.Text("ImageID");
        Command = json.Text("Command");
        Created = DateTimeOffset.FromUnixTimeSeconds(json.Number("Created"));
        State = json.Text("State");
        Status = json.Text("Status");
        SizeRwBytes = json.Number("SizeRw");
        SizeRootBytes = json.Number("SizeRootFs");
        Labels = json.TextMap("Labels");
        foreach (var port in json.Items("Ports"))
        {
            Ports.Add(new(port.Text("IP"), (int)port.Number("PrivatePort"), (int)port.Number("PublicPort"), port.Text("Type")));
        }
        foreach (var mount in json.Items("Mounts"))
        {
            Mounts.Add((mount.Text("Name") is { Length: > 0 } name ? name : mount.Text("Source"), mount.Text("Driver")));
        }
        var networks = json.Field("NetworkSettings").Field("Networks");
        if (networks.ValueKind == JsonValueKind.Object)
        {
            foreach (var network in networks.EnumerateObject())
            {
                Networks.Add(network.Name);
            }
        }
    }

    /// <summary>64 hexadecimal digits.</summary>
    public string Id { get; }

    /// <summary>Each with a slash before it.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>As the user named it.</summary>
    public string Image { get; }

    /// <summary>Digest of the image.</summary>
    public string ImageId { get; }

    /// <summary>Program and arguments in one line.</summary>
    public string Command { get; }

    /// <summary>When it was made.</summary>
    public DateTimeOffset Created { get; }

    /// <summary><c>created</c>, <c>running</c>, <c>paused</c>, <c>restarting</c>, <c>exited</c>, <c>dead</c>.</summary>
    public string State { get; }

    /// <summary>State in words, such as <c>Up 3 seconds</c>.</summary>
    public string Status { get; }

    /// <summary>Bytes written on top of the image; 0 unless sizes were asked for.</summary>
    public long SizeRwBytes { get; }

    /// <summary>Bytes of the whole root; 0 unless sizes were asked for.</summary>
    public long SizeRootBytes { get; }

    /// <summary>Labels by name.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; }

    /// <summary>Exposed and published ports.</summary>
    public List<PublishedPort> Ports { get; } = [];

    /// <summary>Sources or volume names, and the volume driver.</summary>
    public List<(string Name, string Driver)> Mounts { get; } = [];

    /// <summary>Names of the networks.</summary>
    public SortedSet<string> Networks { get; } = new(StringComparer.Ordinal);
}

/// <summary>A port as lists show it.</summary>
/// <param name="Ip">Address of the host; empty when not published.</param>
/// <param name="PrivatePort">Inside.</param>
/// <param name="PublicPort">On the host; 0 when not published.</param>
/// <param name="Type"><c>tcp</c>, <c>udp</c>, <c>sctp</c>.</param>
public sealed record PublishedPort(string Ip, int PrivatePort, int PublicPort, string Type);
