using System.Text.Json.Serialization;

namespace Caisson.Control.Model;

/// <summary>The backups of one machine in one directory, as its <c>backup.json</c> has them.</summary>
public sealed record MachineBackup
{
    /// <summary>Of this document.</summary>
    public const int CurrentVersion = 1;

    /// <summary>Of this document.</summary>
    public int Version { get; init; } = CurrentVersion;

    /// <summary>The machine's id.</summary>
    public required string MachineId { get; init; }

    /// <summary>The name of what QEMU keeps of changes since the last point: one for each directory.</summary>
    public required string Bitmap { get; init; }

    /// <summary>Moments that can be restored, oldest first.</summary>
    public IReadOnlyList<MachineBackupPoint> Points { get => field ?? []; init; } = [];
}

/// <summary>A moment of a machine in a backup.</summary>
public sealed record MachineBackupPoint
{
    /// <summary>Unique in the backup: its time.</summary>
    public required string Name { get; init; }

    /// <summary>When it was.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>The point whose files these lie over; empty for a full one.</summary>
    public string Parent { get => field ?? ""; init; } = "";

    /// <summary>Why it is full, where it was to be incremental; empty in the ordinary case.</summary>
    public string Note { get => field ?? ""; init; } = "";

    /// <summary>The machine then.</summary>
    public required FullMachineRecord Machine { get; init; }

    /// <summary>Its files.</summary>
    public IReadOnlyList<MachineBackupFile> Files { get => field ?? []; init; } = [];
}

/// <summary>A disk of a point.</summary>
/// <param name="Disk">The disk's name in the machine.</param>
/// <param name="File">The file's name in the directory.</param>
/// <param name="Parent">The file that it lies over; empty for none.</param>
/// <param name="Bytes">The file's size.</param>
/// <param name="Sha256">The file's digest, in hexadecimal.</param>
public sealed record MachineBackupFile(string Disk, string File, string Parent, long Bytes, string Sha256);

/// <summary>Compiled reading and writing.</summary>
[JsonSourceGenerationOptions(WriteIndented = true, UseStringEnumConverter = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(MachineBackup))]
internal sealed partial class BackupJson : JsonSerializerContext;
