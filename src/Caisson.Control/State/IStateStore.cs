namespace Caisson.Control.State;

/// <summary>Where the engine keeps what must outlive it. Reads happen at start only: the engine's memory is the working copy.</summary>
/// <remarks>Safe for concurrent use; commits are serialized.</remarks>
public interface IStateStore : IDisposable
{
    /// <summary>All records of <paramref name="kind"/>, ordered by key.</summary>
    IReadOnlyList<StoredRecord> List(string kind);

    /// <summary>One record's bytes; null when it is not there.</summary>
    byte[]? Find(string kind, string key);

    /// <summary>Makes <paramref name="change"/> true as a whole before it returns.</summary>
    /// <returns>The sequence number of the last event appended, of this change or an earlier one; 0 before the first.</returns>
    /// <exception cref="Caisson.Errors.CaissonException">Nothing of the change was stored.</exception>
    long Commit(Durability durability, StateChange change);

    /// <summary>The newest events, oldest first, at most <paramref name="limit"/>.</summary>
    IReadOnlyList<StoredEvent> Events(int limit);
}

/// <summary>A record as stored.</summary>
/// <param name="Key">Unique within its kind.</param>
/// <param name="Value">JSON in UTF-8.</param>
public readonly record struct StoredRecord(string Key, byte[] Value);

/// <summary>An event as stored.</summary>
/// <param name="Sequence">Grows by one for each event, from 1, over the life of the store.</param>
/// <param name="Value">JSON in UTF-8.</param>
public readonly record struct StoredEvent(long Sequence, byte[] Value);
