using System.Text.Json;

namespace Caisson.Client.Containers;

/// <summary>A mount in the long form.</summary>
/// <remarks>Source: Docker Engine API, <c>Mount</c>.</remarks>
public sealed class MountConfig
{
    /// <summary><c>bind</c>, <c>volume</c> or <c>tmpfs</c>.</summary>
    public string Type { get; set; } = "volume";

    /// <summary>Path of the host or name of a volume; empty for tmpfs and anonymous volumes.</summary>
    public string Source { get; set; } = "";

    /// <summary>Absolute path inside.</summary>
    public string Target { get; set; } = "";

    /// <summary>Mounted read-only.</summary>
    public bool ReadOnly { get; set; }

    /// <summary>Propagation of a bind: <c>rprivate</c>, <c>rslave</c>, …; empty: default.</summary>
    public string Propagation { get; set; } = "";

    /// <summary>Do not take the mounts below the source along.</summary>
    public bool NonRecursive { get; set; }

    /// <summary>Make the source of a bind when it is absent.</summary>
    public bool CreateMountpoint { get; set; }

    /// <summary>Do not copy the image's files into a new volume.</summary>
    public bool NoCopy { get; set; }

    /// <summary>A read-only bind leaves what is mounted below as writable as it is.</summary>
    public bool ReadOnlyNonRecursive { get; set; }

    /// <summary>A read-only bind fails when mounts below cannot be made read-only.</summary>
    public bool ReadOnlyForceRecursive { get; set; }

    /// <summary>Whose files a bind shows: <c>uids=DISK-INSIDE-COUNT;gids=…</c>; empty: the container's own ids.</summary>
    public string IdMap { get; set; } = "";

    /// <summary>The part of a volume that is mounted; empty: all.</summary>
    public string Subpath { get; set; } = "";

    /// <summary>Driver of a volume that is made; empty: local.</summary>
    public string VolumeDriver { get; set; } = "";

    /// <summary>Settings of that driver.</summary>
    public SortedDictionary<string, string> VolumeOptions { get; } = new(StringComparer.Ordinal);

    /// <summary>Labels of a volume that is made.</summary>
    public SortedDictionary<string, string> VolumeLabels { get; } = new(StringComparer.Ordinal);

    /// <summary>Size of a tmpfs in bytes; 0: default.</summary>
    public long TmpfsSizeBytes { get; set; }

    /// <summary>File mode of a tmpfs, as a number; 0: default.</summary>
    public int TmpfsMode { get; set; }

    /// <summary>Whether something is said that volumes alone have.</summary>
    public bool HasVolumeOptions => NoCopy || Subpath.Length > 0 || VolumeDriver.Length > 0 || VolumeOptions.Count > 0 || VolumeLabels.Count > 0;

    internal void WriteTo(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString(nameof(Type), Type);
        json.Text(nameof(Source), Source);
        json.WriteString(nameof(Target), Target);
        json.Flag(nameof(ReadOnly), ReadOnly);
        if (Propagation.Length > 0 || NonRecursive || CreateMountpoint || ReadOnlyNonRecursive || ReadOnlyForceRecursive || IdMap.Length > 0)
        {
            json.WriteStartObject("BindOptions");
            json.Text(nameof(Propagation), Propagation);
            json.Flag(nameof(NonRecursive), NonRecursive);
            json.Flag(nameof(CreateMountpoint), CreateMountpoint);
            json.Flag(nameof(ReadOnlyNonRecursive), ReadOnlyNonRecursive);
            json.Flag(nameof(ReadOnlyForceRecursive), ReadOnlyForceRecursive);
            json.Text(nameof(IdMap), IdMap);
            json.WriteEndObject();
        }
        if (HasVolumeOptions)
        {
            json.WriteStartObject(nameof(VolumeOptions));
            json.Flag(nameof(NoCopy), NoCopy);
            json.TextMap("Labels", VolumeLabels);
            if (VolumeDriver.Length > 0 || VolumeOptions.Count > 0)
            {
                json.WriteStartObject("DriverConfig");
                json.Text("Name", VolumeDriver);
                json.TextMap("Options", VolumeOptions);
                json.WriteEndObject();
            }
            json.Text(nameof(Subpath), Subpath);
            json.WriteEndObject();
        }
        if (TmpfsSizeBytes > 0 || TmpfsMode > 0)
        {
            json.WriteStartObject("TmpfsOptions");
            json.Number("SizeBytes", TmpfsSizeBytes);
            json.Number("Mode", TmpfsMode);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }
}
