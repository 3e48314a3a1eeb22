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

    /// <summary>Size of a tmpfs in bytes; 0: default.</summary>
    public long TmpfsSizeBytes { get; set; }

    /// <summary>File mode of a tmpfs, as a number; 0: default.</summary>
    public int TmpfsMode { get; set; }

    internal void WriteTo(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString(nameof(Type), Type);
        json.Text(nameof(Source), Source);
        json.WriteString(nameof(Target), Target);
        json.Flag(nameof(ReadOnly), ReadOnly);
        if (Propagation.Length > 0 || NonRecursive || CreateMountpoint)
        {
            json.WriteStartObject("BindOptions");
            json.Text(nameof(Propagation), Propagation);
            json.Flag(nameof(NonRecursive), NonRecursive);
            json.Flag(nameof(CreateMountpoint), CreateMountpoint);
            json.WriteEndObject();
        }
        if (NoCopy)
        {
            json.WriteStartObject("VolumeOptions");
            json.WriteBoolean(nameof(NoCopy), true);
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
