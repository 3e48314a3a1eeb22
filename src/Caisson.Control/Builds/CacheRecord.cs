namespace Caisson.Control.Builds;

/// <summary>What a step of an earlier build made, by the key of the step.</summary>
public sealed record CacheRecord
{
    /// <summary>What later steps are keyed by: the same for steps that made the same of the same.</summary>
    public required string Key { get; init; }

    /// <summary>The layer's archive; empty for a step that changed no file.</summary>
    public string DiffId { get; init; } = "";

    /// <summary>The layer with all below it: where it is unpacked.</summary>
    public string ChainId { get; init; } = "";

    /// <summary>The archive's length.</summary>
    public long SizeBytes { get; init; }

    /// <summary>When it was made.</summary>
    public DateTimeOffset Created { get; init; }

    /// <summary>When a build last used it, to the day.</summary>
    public DateTimeOffset Used { get; init; }

    /// <summary>The step, for people.</summary>
    public string Description { get => field ?? ""; init; } = "";
}
