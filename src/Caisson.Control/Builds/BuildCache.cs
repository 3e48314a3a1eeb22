using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

using Caisson.Control.Events;
using Caisson.Control.Json;
using Caisson.Control.State;
using Caisson.Errors;
using Caisson.Images;
using Caisson.Oci;

namespace Caisson.Control.Builds;

/// <summary>What builds have made, by what it was made of. The records are in the state store, the layers in the image store.</summary>
/// <remarks>For several threads.</remarks>
public sealed class BuildCache
{
    /// <summary>Beyond this the records that were not used for the longest time go.</summary>
    private const int RecordsMax = 10_000;

    private readonly ConcurrentDictionary<string, CacheRecord> _records = new();
    private readonly EventLog _events;
    private readonly ImageStore _images;
    private readonly TimeProvider _time;

    internal BuildCache(IStateStore store, EventLog events, ImageStore images, TimeProvider time)
    {
        _events = events;
        _images = images;
        _time = time;
        foreach (StoredRecord stored in store.List(RecordKind.BuildCache))
        {
            _records[stored.Key] = JsonSerializer.Deserialize(stored.Value, ControlJson.Default.CacheRecord)
                ?? throw new CaissonException(ErrorKind.Internal, $"the state store's record of build step {stored.Key} is empty");
        }
        images.KeepAlso(Kept);
    }

    /// <summary>All records, by key.</summary>
    public IReadOnlyDictionary<string, CacheRecord> Records => _records;

    /// <summary>The key of texts, each of which stands for itself.</summary>
    public static string KeyOf(params ReadOnlySpan<string> parts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string part in parts)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(part);
            hash.AppendData(BitConverter.GetBytes(bytes.Length));
            hash.AppendData(bytes);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>What a step made; null when it was never run or its record is gone.</summary>
    public CacheRecord? Find(string key)
    {
        if (!_records.TryGetValue(key, out CacheRecord? record))
        {
            return null;
        }
        DateTimeOffset today = new(_time.GetUtcNow().UtcDateTime.Date, TimeSpan.Zero);
        if (record.Used < today)
        {
            record = record with { Used = today };
            _records[key] = record;
            _events.Commit(Durability.Process, new StateChange().Put(RecordKind.BuildCache, key, record, ControlJson.Default.CacheRecord));
        }
        return record;
    }

    /// <summary>Keeps what steps made; their layers are durable already.</summary>
    public void Add(IReadOnlyCollection<KeyValuePair<string, CacheRecord>> made)
    {
        if (made.Count == 0)
        {
            return;
        }
        var change = new StateChange();
        foreach ((string key, CacheRecord record) in made)
        {
            change.Put(RecordKind.BuildCache, key, record, ControlJson.Default.CacheRecord);
            _records[key] = record;
        }
        foreach ((string key, _) in _records.OrderBy(record => record.Value.Used).Take(_records.Count - RecordsMax).ToArray())
        {
            change.Delete(RecordKind.BuildCache, key);
            _records.TryRemove(key, out _);
        }
        _events.Commit(Durability.Process, change);
    }

    /// <summary>Forgets a record whose layer is gone.</summary>
    public void Forget(string key)
    {
        if (_records.TryRemove(key, out _))
        {
            _events.Commit(Durability.Process, new StateChange().Delete(RecordKind.BuildCache, key));
        }
    }

    /// <summary>Forgets records, and removes the layers that nothing needs then.</summary>
    /// <param name="goes">Which; null for all.</param>
    /// <returns>The keys, and the bytes that were freed.</returns>
    public (IReadOnlyList<string> Keys, long Bytes) Prune(Func<CacheRecord, bool>? goes)
    {
        string[] keys = [.. _records.Where(record => goes?.Invoke(record.Value) ?? true).Select(record => record.Key)];
        var change = new StateChange();
        foreach (string key in keys)
        {
            _records.TryRemove(key, out _);
            change.Delete(RecordKind.BuildCache, key);
        }
        if (keys.Length > 0)
        {
            _events.Commit(Durability.Power, change);
        }
        return (keys, _images.CollectGarbage().Bytes);
    }

    private IEnumerable<Digest> Kept()
    {
        foreach (CacheRecord record in _records.Values)
        {
            if (Digest.TryParse(record.ChainId, out Digest chain))
            {
                yield return chain;
            }
            if (Digest.TryParse(record.DiffId, out Digest blob))
            {
                yield return blob;
            }
        }
    }
}
