using Caisson.Errors;
using Caisson.Images.Layers;
using Caisson.Images.Snapshots;
using Caisson.Images.Store;
using Caisson.Oci;

namespace Caisson.Images;

/// <summary>What a check found.</summary>
/// <param name="Problems">What is damaged or missing, each with what it is of.</param>
/// <param name="Repaired">What was done about it; empty unless a repair was asked for.</param>
/// <param name="Images">How many images were followed.</param>
/// <param name="Blobs">How many blobs were hashed.</param>
/// <param name="Layers">How many unpacked layers were looked at.</param>
public sealed record StoreCheck(IReadOnlyList<string> Problems, IReadOnlyList<string> Repaired, int Images, int Blobs, int Layers);

public sealed partial class ImageStore
{
    /// <summary>
    /// Checks everything that is kept: every blob is hashed, and images, layers and containers are followed from one to the other.
    /// May run at any time; work under way is left alone.
    /// </summary>
    /// <param name="repair">
    /// True to remove what is damaged: blobs with other content than their names say, layers without a record, and images of which
    /// something is missing, so that they can be got again. What is whole and in use always stays.
    /// </param>
    /// <param name="cancellation">Ends the work.</param>
    public StoreCheck Check(bool repair = false, CancellationToken cancellation = default)
    {
        List<string> problems = [];
        List<string> repaired = [];
        int images = 0;
        int blobs = 0;
        int layers = 0;
        _leases.Collect(removeUnlessHeld =>
        {
            HashSet<Digest> damaged = [];
            foreach (Digest blob in _blobs.List())
            {
                blobs++;
                if (!_blobs.IsWhole(blob, cancellation))
                {
                    damaged.Add(blob);
                    problems.Add($"blob {blob}: its content is not what its name says");
                }
            }
            HashSet<Digest> broken = CheckLayers(problems, ref layers);
            foreach (ImageRecord record in _catalog.List())
            {
                images++;
                cancellation.ThrowIfCancellationRequested();
                CheckImage(record, damaged, problems, repaired, repair);
            }
            HashSet<Digest> used = [.. _snapshots.List().SelectMany(snapshot => snapshot.Record.Layers)];
            foreach (Snapshot snapshot in _snapshots.List())
            {
                problems.AddRange(snapshot.Record.Layers.Where(layer => !_layers.Contains(layer))
                    .Select(layer => $"container {snapshot.Id}: its layer {layer} is missing; pull or load its image again"));
            }
            if (repair)
            {
                repaired.AddRange(damaged.Where(blob => removeUnlessHeld(blob, _blobs.Delete)).Select(blob => $"removed blob {blob}"));
                repaired.AddRange(broken.Where(layer => !used.Contains(layer) && removeUnlessHeld(layer, _layers.Delete)).Select(layer => $"removed layer {layer}"));
            }
        });
        return new StoreCheck(problems, repaired, images, blobs, layers);
    }

    /// <summary>Layers whose record cannot be read, is another's, or stands on what is not there.</summary>
    private HashSet<Digest> CheckLayers(List<string> problems, ref int count)
    {
        HashSet<Digest> broken = [];
        foreach (Digest layer in _layers.ListDirectories())
        {
            count++;
            string? why = null;
            try
            {
                LayerRecord? record = _layers.Find(layer);
                why = record is null ? "it has no record"
                    : record.ChainId != layer ? $"its record is of {record.ChainId}"
                    : !Directory.Exists(_layers.PathOf(layer)) ? "its files are gone"
                    : record.Parent is { } parent && !_layers.Contains(parent) ? $"the layer below it, {parent}, is missing"
                    : null;
            }
            catch (CaissonException error)
            {
                why = error.Message;
            }
            if (why is not null)
            {
                broken.Add(layer);
                problems.Add($"layer {layer}: {why}");
            }
        }
        return broken;
    }

    private void CheckImage(ImageRecord record, HashSet<Digest> damaged, List<string> problems, List<string> repaired, bool repair)
    {
        string name = record.Names.Count > 0 ? Reference.Parse(record.Names[0]).Familiar : record.Manifest.ToString();
        try
        {
            Image image = _reader.Check(record.Manifest, mediaType: null);
            if (image.Layers.FirstOrDefault(layer => damaged.Contains(layer.Blob.Digest)) is { } layer)
            {
                throw new CaissonException(ErrorKind.Internal, $"layer {layer.Blob.Digest} is damaged");
            }
        }
        catch (CaissonException error)
        {
            problems.Add($"image {name}: {error.Message}");
            if (repair)
            {
                lock (_names)
                {
                    _catalog.Remove(record.Manifest);
                    _reader.Forget(record.Manifest);
                }
                repaired.Add($"forgot image {name}; get it again");
            }
            return;
        }
        Digest[] lost = [.. record.Referrers.Where(document =>
            damaged.Contains(document) || !_blobs.Contains(document) || ContentOf(document).Any(content => damaged.Contains(content) || !_blobs.Contains(content)))];
        problems.AddRange(lost.Select(document => $"image {name}: its signature or index {document} is damaged or incomplete"));
        if (repair && lost.Length > 0)
        {
            lock (_names)
            {
                if (_catalog.Find(record.Manifest) is { } now)
                {
                    _catalog.Put(now with { Referrers = [.. now.Referrers.Except(lost)] });
                }
            }
            repaired.AddRange(lost.Select(document => $"forgot {document} of image {name}"));
        }
    }
}
