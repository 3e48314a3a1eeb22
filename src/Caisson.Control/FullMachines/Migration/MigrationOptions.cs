namespace Caisson.Control.FullMachines.Migration;

/// <summary>How a running machine is moved to another engine.</summary>
public sealed record MigrationOptions
{
    /// <summary>How long it may stand still, in milliseconds, as a target: memory is copied again and again until the rest fits.</summary>
    public int DowntimeMs { get; init; } = 10;

    /// <summary>The most bytes of memory a second; 0 for no limit.</summary>
    public long BytesPerSecond { get; init; }

    /// <summary>How long it may take altogether.</summary>
    public TimeSpan Limit { get; init; } = TimeSpan.FromHours(12);

    /// <summary>Its snapshots stay behind and are deleted with it.</summary>
    public bool DropSnapshots { get; init; }
}

/// <summary>How a migration went.</summary>
/// <param name="Seconds">From the first word to the end.</param>
/// <param name="PauseMs">How long the machine stood still: from its stop here to its start there, by the clock of both hosts.</param>
/// <param name="DisksMs">How much of that until both sides had the same on their disks.</param>
/// <param name="MemoryMs">How much of it for the rest of memory and the state of devices.</param>
/// <param name="Passes">How often memory was gone through.</param>
/// <param name="MemoryBytes">Bytes of memory that were sent.</param>
/// <param name="IsPostCopy">The rest of its memory came after it.</param>
public sealed record MigrationReport(double Seconds, double PauseMs, double DisksMs, double MemoryMs, long Passes, long MemoryBytes, bool IsPostCopy);
