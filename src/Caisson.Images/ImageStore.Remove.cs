using Caisson.Errors;
using Caisson.Images.Layers;
using Caisson.Images.Snapshots;
using Caisson.Images.Store;
using Caisson.Oci;

namespace Caisson.Images;

/// <summary>What removing an image did.</summary>
/// <param name="Untagged">Names that are gone, as people write them.</param>
/// <param name="Deleted">Ids of images that are gone, and chain ids of layers that went with them.</param>
public sealed record ImageRemoval(IReadOnlyList<string> Untagged, IReadOnlyList<Digest> Deleted);

/// <summary>What a collection removed.</summary>
/// <param name="Blobs">How many blobs.</param>
/// <param name="Layers">Chain ids of unpacked layers.</param>
/// <param name="Bytes">How much room blobs and layers took.</param>
public sealed record CollectedGarbage(int Blobs, IReadOnlyList<Digest> Layers, long Bytes);

/// <summary>How much room images take.</summary>
/// <param name="Bytes">Of unpacked layers, and of archives that are kept.</param>
/// <param name="Entries">Files, directories and links of unpacked layers, and archives.</param>
public readonly record struct ImageUsage(long Bytes, long Entries);

public sealed partial class ImageStore
{
    /// <summary>How much room all images take together.</summary>
    public ImageUsage Measure()
    {
        long bytes = 0;
        long entries = 0;
        foreach (Digest layer in _layers.List())
        {
            bytes += _layers.Find(layer)?.Contents.FileBytes ?? 0;
            entries += _layers.Find(layer)?.Contents.Entries ?? 0;
        }
        foreach (Digest blob in _blobs.List())
        {
            bytes += _blobs.TryGetSize(blob) ?? 0;
            entries++;
        }
        return new ImageUsage(bytes, entries);
    }

    /// <summary>
    /// Removes a name; the image goes with its last tag, or when it is given by id. Content that nothing else needs goes too.
    /// </summary>
    /// <param name="text">As for <see cref="Resolve"/>.</param>
    /// <param name="force">
    /// True to remove an image with several names by id, or one that stopped containers stand on: their layers stay.
    /// </param>
    /// <param name="isRunning">Tells of a container id whether it runs; such an image is never removed. Null: none does.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>; <see cref="ErrorKind.Conflict"/>: in use.</exception>
    public ImageRemoval Remove(string text, bool force = false, Func<string, bool>? isRunning = null)
    {
        List<string> untagged = [];
        List<Digest> deleted = [];
        lock (_names)
        {
            ImageRecord record = FindRecord(text)
                ?? throw new CaissonException(ErrorKind.NotFound, $"No such image: {DisplayName(text)}");
            string? name = NameMeant(text, record);
            string[] left = name is null ? [] : [.. record.Names.Where(other => other != name)];
            if (left.Any(other => Reference.Parse(other).Tag is not null))
            {
                _catalog.Put(record with { Names = left });
                return new ImageRemoval([Reference.Parse(name!).Familiar], []);
            }
            if (name is null && !force && record.Names.Select(other => Reference.Parse(other).Name).Distinct().Count() > 1)
            {
                throw new CaissonException(ErrorKind.Conflict,
                    $"image {text} has names in several repositories ({string.Join(", ", record.Names.Select(other => Reference.Parse(other).Familiar))}); remove the names, or force it");
            }
            CheckUnused(record, text, force, isRunning);
            untagged.AddRange(record.Names.Select(other => Reference.Parse(other).Familiar));
            deleted.Add(IdOf(record));
            _catalog.Remove(record.Manifest);
        }
        deleted.AddRange(CollectGarbage().Layers);
        return new ImageRemoval(untagged, deleted);
    }

    /// <summary>Removes blobs and layers that no image, container or work under way needs. May run at any time.</summary>
    public CollectedGarbage CollectGarbage()
    {
        ReleaseGivenUp();
        int blobs = 0;
        long bytes = 0;
        List<Digest> layers = [];
        _leases.Collect(removeUnlessHeld =>
        {
            HashSet<Digest> needed = Needed();
            foreach (Digest layer in _layers.List().Where(layer => !needed.Contains(layer)))
            {
                LayerRecord? record = _layers.Find(layer);
                long size = record?.Contents.FileBytes ?? 0;
                if (RemoveLayer(layer, record, needed, removeUnlessHeld))
                {
                    layers.Add(layer);
                    bytes += size;
                }
            }
            foreach (Digest blob in _blobs.List().Where(blob => !needed.Contains(blob)))
            {
                long size = _blobs.TryGetSize(blob) ?? 0;
                if (removeUnlessHeld(blob, _blobs.Delete))
                {
                    blobs++;
                    bytes += size;
                }
            }
        });
        return new CollectedGarbage(blobs, layers, bytes);
    }

    /// <summary>A layer's archive may be what others look for, and be nowhere but in the layer.</summary>
    private bool RemoveLayer(Digest layer, LayerRecord? record, HashSet<Digest> needed, RemoveUnlessHeld removeUnlessHeld)
    {
        if (record?.ArchiveBytes is null)
        {
            return removeUnlessHeld(layer, _layers.Delete);
        }
        if (needed.Contains(record.DiffId))
        {
            _layers.KeepArchive(record);
        }
        return removeUnlessHeld(record.DiffId, _ => removeUnlessHeld(layer, _layers.Delete));
    }

    /// <summary>Says of content that no image and no container refers to that it is to stay: chain ids of layers, digests of blobs.</summary>
    /// <param name="keeper">Asked at every collection, on any thread.</param>
    public void KeepAlso(Func<IEnumerable<Digest>> keeper) => _keepers = [.. _keepers, keeper];

    /// <summary>Everything that images and containers refer to: manifests, configurations, layers packed and unpacked.</summary>
    private HashSet<Digest> Needed()
    {
        HashSet<Digest> needed = [];
        foreach (ImageRecord record in _catalog.List())
        {
            Add(record);
        }
        foreach (Snapshot snapshot in _snapshots.List())
        {
            needed.UnionWith(snapshot.Record.Layers);
            Add(new ImageRecord(snapshot.Record.Manifest, [], default));
        }
        foreach (Func<IEnumerable<Digest>> keeper in _keepers)
        {
            needed.UnionWith(keeper());
        }
        return needed;

        void Add(ImageRecord record)
        {
            needed.Add(record.Manifest);
            foreach (Digest referrer in record.Referrers)
            {
                needed.Add(referrer);
                needed.UnionWith(ContentOf(referrer));
            }
            try
            {
                Image image = _reader.Read(record);
                needed.Add(image.Id);
                foreach (LayerSource layer in image.Layers)
                {
                    needed.Add(layer.Blob.Digest);
                    needed.Add(layer.ChainId);
                }
            }
            catch (CaissonException)
            {
                // Damaged: what it referred to cannot be known any more, and List says so.
            }
        }
    }

    /// <summary>The name in <paramref name="record"/> that the user wrote; null when an id was written.</summary>
    private static string? NameMeant(string text, ImageRecord record)
    {
        if (Digest.TryParse(text, out _) || !Reference.TryParse(text, out Reference? reference))
        {
            return null;
        }
        string full = reference.WithDefaultTag().ToString();
        if (record.Names.Contains(full))
        {
            return full;
        }
        return reference.Digest is null ? null : record.Names.FirstOrDefault(name => Reference.Parse(name).Name == reference.Name);
    }

    private void CheckUnused(ImageRecord record, string text, bool force, Func<string, bool>? isRunning)
    {
        string[] users = [.. _snapshots.List().Where(snapshot => snapshot.Record.Manifest == record.Manifest).Select(snapshot => snapshot.Id)];
        if (users.FirstOrDefault(id => isRunning?.Invoke(id) ?? false) is { } running)
        {
            throw new CaissonException(ErrorKind.Conflict, $"image {text} cannot be removed: container {Short(running)} runs on it");
        }
        if (users.Length > 0 && !force)
        {
            throw new CaissonException(ErrorKind.Conflict,
                $"image {text} is used by container {string.Join(", ", users.Select(Short))}; remove the container first, or force it");
        }
    }

    private Digest IdOf(ImageRecord record)
    {
        try
        {
            return _reader.Read(record).Id;
        }
        catch (CaissonException)
        {
            // A damaged image can be removed; its manifest is what is left to call it by.
            return record.Manifest;
        }
    }

    private static string Short(string id) => id.Length > 12 ? id[..12] : id;
}
