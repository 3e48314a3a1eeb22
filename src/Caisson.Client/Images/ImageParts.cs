using System.Text.Json;

namespace Caisson.Client.Images;

/// <summary>An image as lists show it.</summary>
public sealed class ImageSummary
{
    internal ImageSummary(JsonElement json)
    {
        Id = json.Text("Id");
        RepoTags = json.Texts("RepoTags");
        RepoDigests = json.Texts("RepoDigests");
        Created = DateTimeOffset.FromUnixTimeSeconds(json.Number("Created"));
        SizeBytes = json.Number("Size");
        SharedSizeBytes = json.Number("SharedSize");
        Containers = json.Field("Containers").ValueKind == JsonValueKind.Number ? json.Number("Containers") : -1;
    }

    /// <summary>Digest of its configuration.</summary>
    public string Id { get; }

    /// <summary><c>name:tag</c>.</summary>
    public IReadOnlyList<string> RepoTags { get; }

    /// <summary><c>name@digest</c>.</summary>
    public IReadOnlyList<string> RepoDigests { get; }

    /// <summary>When it was made.</summary>
    public DateTimeOffset Created { get; }

    /// <summary>Unpacked, all layers.</summary>
    public long SizeBytes { get; }

    /// <summary>Of that, shared with other images; -1 or 0 when not counted.</summary>
    public long SharedSizeBytes { get; }

    /// <summary>Containers that use it; -1 when not counted.</summary>
    public long Containers { get; }
}

/// <summary>One step in the making of an image.</summary>
/// <param name="Id">Digest, or <c>&lt;missing&gt;</c>.</param>
/// <param name="Created">When.</param>
/// <param name="CreatedBy">The instruction.</param>
/// <param name="SizeBytes">Of its layer.</param>
/// <param name="Comment">Free text.</param>
/// <param name="Tags">Names that point at it.</param>
public sealed record ImageHistoryEntry(
    string Id, DateTimeOffset Created, string CreatedBy, long SizeBytes, string Comment, IReadOnlyList<string> Tags);

/// <summary>One effect of removing an image.</summary>
/// <param name="Untagged">A name that went away, or empty.</param>
/// <param name="Deleted">A digest that went away, or empty.</param>
public sealed record ImageRemoval(string Untagged, string Deleted);
