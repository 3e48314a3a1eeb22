using System.Text.Json;
using System.Text.Json.Serialization;

using Caisson.Control.State;
using Caisson.Images.Store;
using Caisson.Oci;

namespace Caisson.Control.Images;

/// <summary>The catalog of images in the engine's state store.</summary>
public sealed class StateImageCatalog : IImageCatalog
{
    private readonly Lock _lock = new();
    private readonly IStateStore _store;
    private readonly Dictionary<Digest, ImageRecord> _records = [];
    private readonly Dictionary<string, Digest> _names = [];

    /// <summary>Begins with what <paramref name="store"/> has.</summary>
    public StateImageCatalog(IStateStore store)
    {
        _store = store;
        foreach (StoredRecord stored in store.List(RecordKind.Image))
        {
            if (JsonSerializer.Deserialize(stored.Value, CatalogJson.Default.CatalogEntry) is { } entry)
            {
                Remember(new ImageRecord(Digest.Parse(stored.Key), entry.Names, entry.Added) { Referrers = entry.Referrers ?? [] });
            }
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<ImageRecord> List()
    {
        lock (_lock)
        {
            return [.. _records.Values];
        }
    }

    /// <inheritdoc/>
    public ImageRecord? Find(Digest manifest)
    {
        lock (_lock)
        {
            return _records.GetValueOrDefault(manifest);
        }
    }

    /// <inheritdoc/>
    public ImageRecord? Find(string name)
    {
        lock (_lock)
        {
            return _names.TryGetValue(name, out Digest manifest) ? _records[manifest] : null;
        }
    }

    /// <inheritdoc/>
    public void Put(ImageRecord record)
    {
        lock (_lock)
        {
            ImageRecord ordered = record with { Names = [.. record.Names.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)] };
            List<ImageRecord> changed = [ordered];
            foreach (ImageRecord other in _records.Values)
            {
                if (other.Manifest != record.Manifest && other.Names.Any(name => ordered.Names.Contains(name)))
                {
                    changed.Add(other with { Names = [.. other.Names.Except(ordered.Names)] });
                }
            }
            var change = new StateChange();
            foreach (ImageRecord each in changed)
            {
                change.Put(RecordKind.Image, each.Manifest.ToString(), new CatalogEntry(each.Names, each.Added, each.Referrers.Count > 0 ? each.Referrers : null), CatalogJson.Default.CatalogEntry);
            }
            _store.Commit(Durability.Power, change);
            foreach (ImageRecord each in changed)
            {
                Forget(each.Manifest);
            }
            foreach (ImageRecord each in changed)
            {
                Remember(each);
            }
        }
    }

    /// <inheritdoc/>
    public bool Remove(Digest manifest)
    {
        lock (_lock)
        {
            if (!_records.ContainsKey(manifest))
            {
                return false;
            }
            _store.Commit(Durability.Power, new StateChange().Delete(RecordKind.Image, manifest.ToString()));
            Forget(manifest);
            return true;
        }
    }

    private void Remember(ImageRecord record)
    {
        _records[record.Manifest] = record;
        foreach (string name in record.Names)
        {
            _names[name] = record.Manifest;
        }
    }

    private void Forget(Digest manifest)
    {
        if (_records.Remove(manifest, out ImageRecord? old))
        {
            foreach (string name in old.Names)
            {
                _names.Remove(name);
            }
        }
    }
}

/// <summary>An image as the state store keeps it; its manifest is the key.</summary>
internal sealed record CatalogEntry(IReadOnlyList<string> Names, DateTimeOffset Added, IReadOnlyList<Digest>? Referrers = null);

[JsonSerializable(typeof(CatalogEntry))]
internal sealed partial class CatalogJson : JsonSerializerContext;
