namespace Caisson.Control.Model;

/// <summary>That a machine is copied to a directory again and again.</summary>
public sealed record MachineReplication
{
    /// <summary>The absolute path of the directory on this host, for this machine alone.</summary>
    public required string Target { get; init; }

    /// <summary>Seconds from one copy to the next.</summary>
    public int EverySeconds { get; init; }

    /// <summary>At least as many points are kept.</summary>
    public int Keep { get; init; }

    /// <summary>Of the lease in the directory, by which another engine takes the machine over when this one is gone; 0 for none.</summary>
    public long Term { get; init; }
}

/// <summary>How the copies of a machine go.</summary>
public sealed record MachineReplicationState
{
    /// <summary>The last point that is complete and was verified; empty before the first.</summary>
    public string Point { get => field ?? ""; init; } = "";

    /// <summary>The moment of the machine that it is of; null before the first.</summary>
    public DateTimeOffset? At { get; init; }

    /// <summary>The size of what was copied for it, in bytes.</summary>
    public long Bytes { get; init; }

    /// <summary>When it was last looked at, whether something had changed or not.</summary>
    public DateTimeOffset? TriedAt { get; init; }

    /// <summary>Why the last try came to nothing; empty when it did not.</summary>
    public string Error { get => field ?? ""; init; } = "";
}
