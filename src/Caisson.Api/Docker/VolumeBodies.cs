using System.Text.Json.Serialization;

using Caisson.Control.Model;
using Caisson.Control.Volumes;

namespace Caisson.Api.Docker;

internal sealed record VolumeBody
{
    public required string CreatedAt { get; init; }
    public string Driver { get; init; } = ContainerVolumes.Driver;
    public required IReadOnlyDictionary<string, string>? Labels { get; init; }
    public required string Mountpoint { get; init; }
    public required string Name { get; init; }
    public required IReadOnlyDictionary<string, string>? Options { get; init; }
    public string Scope { get; init; } = "local";

    /// <summary>What is beyond Docker's: where the files are, the limit, the snapshots, who has it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public VolumeStatusBody? Status { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public VolumeUsageBody? UsageData { get; init; }
}

/// <summary>Its members are objects or texts, as clients that know Docker's alone read them.</summary>
internal sealed record VolumeStatusBody
{
    public required string Storage { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? SizeLimit { get; init; }

    public required IReadOnlyList<string> Containers { get; init; }
    public required IReadOnlyList<string> Snapshots { get; init; }
}

internal sealed record VolumeUsageBody(long RefCount, long Size);

internal sealed record VolumesBody(IReadOnlyList<VolumeBody> Volumes, IReadOnlyList<string>? Warnings);

internal sealed record VolumesPrunedBody(IReadOnlyList<string> VolumesDeleted, long SpaceReclaimed);

internal sealed record VolumeSnapshotBody
{
    public required string Name { get; init; }
    public required string Volume { get; init; }
    public required string CreatedAt { get; init; }
    public required string Method { get; init; }
    public long Size { get; init; }
}

internal sealed record VolumeClonedBody(VolumeBody Volume, string Method);

/// <summary>The document of a snapshot or a clone.</summary>
internal sealed record VolumeCopyRequest
{
    /// <summary>The name of what is made.</summary>
    public string Name { get => field ?? ""; init; } = "";

    /// <summary>Of a clone: one of the volume's snapshots; empty for what it holds now.</summary>
    public string Snapshot { get => field ?? ""; init; } = "";

    /// <summary>Containers that use the volume go on meanwhile.</summary>
    public bool Live { get; init; }

    /// <summary>Of a clone.</summary>
    public IReadOnlyDictionary<string, string>? Labels { get; init; }
}

/// <summary>The document of an attachment or detachment.</summary>
internal sealed record VolumeAttachRequest
{
    /// <summary><c>NAME:/path[:options]</c>; of a detachment the path or the volume's name.</summary>
    public string Volume { get => field ?? ""; init; } = "";

    /// <summary>The part of the volume; empty for all.</summary>
    public string Subpath { get => field ?? ""; init; } = "";
}

/// <summary>Volumes in Docker's words.</summary>
internal static class VolumeBodies
{
    /// <summary>A volume as lists have it.</summary>
    public static VolumeBody Summary(VolumeRecord volume, ContainerVolumes volumes) => new()
    {
        CreatedAt = volume.Created.ToUniversalTime().ToString("yyyy-MM-ddTHH:mm:ssZ", System.Globalization.CultureInfo.InvariantCulture),
        Labels = volume.Labels.Count > 0 ? volume.Labels : null,
        Mountpoint = volumes.DataPath(volume.Name),
        Name = volume.Name,
        Options = volume.Options.Count > 0 ? volume.Options : null,
    };

    /// <summary>Everything about a volume.</summary>
    /// <param name="volume">The volume.</param>
    /// <param name="volumes">Who knows about it.</param>
    /// <param name="withSize">Count its bytes, which looks at every file; else the size is -1.</param>
    public static VolumeBody Full(VolumeRecord volume, ContainerVolumes volumes, bool withSize)
    {
        IReadOnlyList<string> owners = volumes.OwnersOf(volume.Name);
        return Summary(volume, volumes) with
        {
            Status = new VolumeStatusBody
            {
                Storage = volume.Storage.ToString().ToLowerInvariant(),
                SizeLimit = volume.SizeBytes > 0 ? volume.SizeBytes : null,
                Containers = owners,
                Snapshots = [.. volume.Snapshots.Select(snapshot => snapshot.Name)],
            },
            UsageData = new(owners.Count, withSize ? volumes.Measure(volume) ?? -1 : -1),
        };
    }

    /// <summary>A snapshot.</summary>
    public static VolumeSnapshotBody Snapshot(VolumeRecord volume, VolumeSnapshot snapshot) => new()
    {
        Name = snapshot.Name,
        Volume = volume.Name,
        CreatedAt = Times.Text(snapshot.Created),
        Method = snapshot.Method,
        Size = snapshot.Bytes,
    };
}
