using System.Text.Json.Serialization;

using Caisson.Api.Http;
using Caisson.Control.Json;
using Caisson.Images;
using Caisson.Oci;

namespace Caisson.Api.Docker;

internal sealed record ImageSummaryBody
{
    public required string Id { get; init; }
    public string ParentId { get; init; } = "";
    public required IReadOnlyList<string> RepoTags { get; init; }
    public required IReadOnlyList<string> RepoDigests { get; init; }
    public long Created { get; init; }
    public long Size { get; init; }
    public long SharedSize { get; init; } = -1;

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? VirtualSize { get; init; }

    public IReadOnlyDictionary<string, string>? Labels { get; init; }
    public int Containers { get; init; } = -1;
}

internal sealed record ImageBody
{
    public required string Id { get; init; }
    public required IReadOnlyList<string> RepoTags { get; init; }
    public required IReadOnlyList<string> RepoDigests { get; init; }
    public string Parent { get; init; } = "";
    public string Comment { get; init; } = "";
    public required string Created { get; init; }

    /// <summary>The container that the image was made of: up to 1.44.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Container { get; init; }

    /// <summary>That container's configuration. Gone from 1.45 on, but docker-compose 1 speaks the newest version there is and cannot do without.</summary>
    public required ImageConfigBody ContainerConfig { get; init; }

    public string DockerVersion { get; init; } = "";
    public string Author { get; init; } = "";
    public required ImageConfigBody Config { get; init; }
    public required string Architecture { get; init; }
    public string Variant { get; init; } = "";
    public required string Os { get; init; }
    public long Size { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? VirtualSize { get; init; }

    public GraphDriverBody GraphDriver { get; init; } = new();
    public required RootFsBody RootFS { get; init; }
    public required ImageMetadataBody Metadata { get; init; }
}

internal sealed record ImageConfigBody
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Hostname { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Domainname { get; init; }

    public string User { get; init; } = "";

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? AttachStdin { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? AttachStdout { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? AttachStderr { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    [JsonConverter(typeof(NameSetConverter))]
    public IReadOnlyList<string>? ExposedPorts { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? Tty { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? OpenStdin { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? StdinOnce { get; init; }

    public IReadOnlyList<string>? Env { get; init; }
    public IReadOnlyList<string>? Cmd { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public HealthcheckConfig? Healthcheck { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Image { get; init; }

    [JsonConverter(typeof(NameSetConverter))]
    public IReadOnlyList<string>? Volumes { get; init; }

    public string WorkingDir { get; init; } = "";
    public IReadOnlyList<string>? Entrypoint { get; init; }
    public IReadOnlyList<string>? OnBuild { get; init; }
    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? StopSignal { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Shell { get; init; }
}

internal sealed record RootFsBody(string Type, IReadOnlyList<string> Layers);

internal sealed record ImageMetadataBody(string LastTagTime);

internal sealed record HistoryBody
{
    public required string Id { get; init; }
    public long Created { get; init; }
    public string CreatedBy { get; init; } = "";
    public IReadOnlyList<string>? Tags { get; init; }
    public long Size { get; init; }
    public string Comment { get; init; } = "";
}

internal sealed record ImageRemovedBody
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Untagged { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Deleted { get; init; }
}

internal sealed record ImagesPrunedBody(IReadOnlyList<ImageRemovedBody> ImagesDeleted, long SpaceReclaimed);

/// <summary>One line of a progress stream. Source: moby's jsonmessage.</summary>
internal sealed record ProgressBody
{
    [JsonPropertyName("stream")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Stream { get; init; }

    [JsonPropertyName("status")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Status { get; init; }

    [JsonPropertyName("progressDetail")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ProgressDetailBody? ProgressDetail { get; init; }

    [JsonPropertyName("id")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Id { get; init; }

    [JsonPropertyName("aux")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public PushedBody? Aux { get; init; }

    [JsonPropertyName("errorDetail")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ErrorBody? ErrorDetail { get; init; }

    [JsonPropertyName("error")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Error { get; init; }
}

internal sealed record ProgressDetailBody
{
    [JsonPropertyName("current")]
    public long Current { get; init; }

    [JsonPropertyName("total")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long Total { get; init; }
}

/// <summary>Images in Docker's words.</summary>
internal static class ImageBodies
{
    /// <summary>A line of <c>docker images</c>.</summary>
    /// <param name="image">The image.</param>
    /// <param name="containers">How many use it; -1 when that was not counted.</param>
    /// <param name="version">What the client speaks.</param>
    /// <param name="patterns">Only names that fit one of them; all when there is none.</param>
    public static ImageSummaryBody Summary(Image image, int containers, ApiVersion version, IReadOnlyList<string>? patterns = null) => new()
    {
        Id = image.Id.ToString(),
        RepoTags = Names(image.RepoTags.Where(tag => patterns is null or { Count: 0 } || patterns.Any(pattern => ReferencePattern.Matches(tag, pattern))), "<none>:<none>", version),
        RepoDigests = Names(image.RepoDigests, "<none>@<none>", version),
        Created = (image.Config.Created ?? image.Record.Added).ToUnixTimeSeconds(),
        Size = Size(image),
        VirtualSize = version < new ApiVersion(1, 44) ? Size(image) : null,
        Labels = image.Execution.Labels,
        Containers = containers,
    };

    /// <summary>Before 1.43 an image without names had one that says so.</summary>
    private static string[] Names(IEnumerable<string> names, string none, ApiVersion version) =>
        names.ToArray() is { Length: > 0 } some ? some : version < new ApiVersion(1, 43) ? [none] : [];

    /// <summary>Everything about one image.</summary>
    public static ImageBody Full(Image image, ApiVersion version) => new()
    {
        Id = image.Id.ToString(),
        RepoTags = image.RepoTags,
        RepoDigests = image.RepoDigests,
        Comment = image.Config.History is [.., { Comment: { } comment }] ? comment : "",
        Created = Times.Text(image.Config.Created ?? image.Record.Added),
        Author = image.Config.Author ?? "",
        Container = version < new ApiVersion(1, 45) ? "" : null,
        ContainerConfig = Config(image.Execution, version),
        Config = Config(image.Execution, version),
        Architecture = image.Config.Architecture,
        Variant = image.Config.Variant ?? "",
        Os = image.Config.Os,
        Size = Size(image),
        VirtualSize = version < new ApiVersion(1, 44) ? Size(image) : null,
        RootFS = new(image.Config.RootFs.Type, [.. image.Config.RootFs.DiffIds.Select(layer => layer.ToString())]),
        Metadata = new(Times.Text(image.Record.Added)),
    };

    /// <summary>The steps of an image, newest first; sizes are those of the stored layers.</summary>
    public static IReadOnlyList<HistoryBody> History(Image image)
    {
        IReadOnlyList<HistoryEntry> entries = image.Config.History
            ?? [.. image.Manifest.Layers.Select(_ => new HistoryEntry { Created = image.Config.Created })];
        List<HistoryBody> steps = [];
        int layer = 0;
        foreach (HistoryEntry entry in entries)
        {
            bool empty = entry.EmptyLayer == true;
            steps.Add(new HistoryBody
            {
                Id = "<missing>",
                Created = entry.Created?.ToUnixTimeSeconds() ?? 0,
                CreatedBy = entry.CreatedBy ?? "",
                Comment = entry.Comment ?? "",
                Size = !empty && layer < image.Manifest.Layers.Count ? image.Manifest.Layers[layer].Size : 0,
            });
            layer += empty ? 0 : 1;
        }
        steps.Reverse();
        if (steps.Count > 0)
        {
            steps[0] = steps[0] with { Id = image.Id.ToString(), Tags = image.RepoTags.Count > 0 ? image.RepoTags : null };
        }
        return steps;
    }

    private static long Size(Image image) => image.UnpackedBytes ?? image.StoredBytes;

    /// <summary>Up to 1.49 with what only containers have.</summary>
    private static ImageConfigBody Config(ExecutionConfig config, ApiVersion version) => Config(config) is var body && version >= new ApiVersion(1, 50)
        ? body
        : body with { Hostname = "", Domainname = "", AttachStdin = false, AttachStdout = false, AttachStderr = false, Tty = false, OpenStdin = false, StdinOnce = false, Image = "" };

    private static ImageConfigBody Config(ExecutionConfig config) => new()
    {
        User = config.User ?? "",
        ExposedPorts = config.ExposedPorts,
        Env = config.Env ?? [],
        Cmd = config.Cmd,
        Healthcheck = config.Healthcheck,
        Volumes = config.Volumes,
        WorkingDir = config.WorkingDir ?? "",
        Entrypoint = config.Entrypoint,
        OnBuild = config.OnBuild,
        Labels = config.Labels,
        StopSignal = config.StopSignal,
        Shell = config.Shell,
    };
}
