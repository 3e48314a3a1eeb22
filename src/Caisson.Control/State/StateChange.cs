using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Caisson.Control.State;

/// <summary>A set of changes that become visible together or not at all.</summary>
public sealed class StateChange
{
    internal readonly record struct Write(string Kind, string Key, byte[]? Value);

    internal List<Write> Writes { get; } = [];

    internal List<byte[]> Events { get; } = [];

    /// <summary>Stores <paramref name="value"/>, replacing what was there.</summary>
    public StateChange Put<T>(string kind, string key, T value, JsonTypeInfo<T> type)
    {
        Writes.Add(new(kind, key, JsonSerializer.SerializeToUtf8Bytes(value, type)));
        return this;
    }

    /// <summary>Stores bytes as they are.</summary>
    public StateChange Put(string kind, string key, byte[] value)
    {
        Writes.Add(new(kind, key, value));
        return this;
    }

    /// <summary>Removes a record; one that is not there is no error.</summary>
    public StateChange Delete(string kind, string key)
    {
        Writes.Add(new(kind, key, null));
        return this;
    }

    /// <summary>Appends to the event log; its sequence number is in the answer of <see cref="IStateStore.Commit"/>.</summary>
    public StateChange Append(byte[] entry)
    {
        Events.Add(entry);
        return this;
    }
}
