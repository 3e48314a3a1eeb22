namespace Caisson.Control.Logs;

/// <summary>What of a log is asked for.</summary>
public sealed record LogQuery
{
    /// <summary>With what the program wrote to stdout.</summary>
    public bool Stdout { get; init; } = true;

    /// <summary>With what the program wrote to stderr.</summary>
    public bool Stderr { get; init; } = true;

    /// <summary>Nothing before.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Nothing after.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>At most so many lines from the end; null for all.</summary>
    public int? Tail { get; init; }

    /// <summary>Whether <paramref name="entry"/> is asked for.</summary>
    public bool Accepts(LogEntry entry) =>
        (entry.Stderr ? Stderr : Stdout) && (Since is not { } since || entry.Time >= since) && (Until is not { } until || entry.Time <= until);
}

/// <summary>One piece of output as it was written: a line with its end, or a part of one.</summary>
/// <param name="Stderr">Written to stderr rather than stdout.</param>
/// <param name="Time">When it was read of the program.</param>
/// <param name="Text">The bytes, which are valid until the next reading; end in a line feed unless the program wrote none.</param>
public readonly record struct LogEntry(bool Stderr, DateTimeOffset Time, ReadOnlyMemory<byte> Text);
