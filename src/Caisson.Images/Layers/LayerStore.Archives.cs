using Caisson.Errors;
using Caisson.Images.Snapshots;
using Caisson.Images.Store;
using Caisson.Linux;
using Caisson.Oci;

namespace Caisson.Images.Layers;

/// <summary>Archives of layers that were made here: packed when somebody wants to send or save them, and not before.</summary>
public sealed partial class LayerStore : IBlobMaker
{
    private readonly Dictionary<Digest, LayerRecord> _archives = [];
    private bool _hasListedArchives;

    /// <inheritdoc/>
    long? IBlobMaker.TryGetSize(Digest digest) => FindArchive(digest)?.ArchiveBytes;

    /// <inheritdoc/>
    bool IBlobMaker.TryMake(Digest digest)
    {
        if (FindArchive(digest) is not { } record)
        {
            return false;
        }
        try
        {
            using DirectoryDescriptor root = HostFiles.OpenDirectory(PathOf(record.ChainId));
            using BlobWriteStream writer = _blobs.CreateWriter(digest);
            using var buffered = new BufferedStream(writer, 256 * 1024);
            Snapshot.WriteTree(root, buffered, asLayer: true, CancellationToken.None, isStill: true);
            buffered.Flush();
            writer.Commit(record.ArchiveBytes);
            return true;
        }
        catch (CaissonException error) when (error.Kind == ErrorKind.InvalidArgument)
        {
            throw new CaissonException(
                ErrorKind.Internal, $"layer {record.ChainId} has changed on disk since it was built, and cannot be sent or saved; prune the build cache and build again", error);
        }
    }

    /// <summary>Before a layer goes: makes its archive if others need that and it can be made of this layer only.</summary>
    internal void KeepArchive(LayerRecord record)
    {
        if (record.ArchiveBytes is not null && !_blobs.IsStored(record.DiffId))
        {
            _ = ((IBlobMaker)this).TryMake(record.DiffId);
        }
    }

    private LayerRecord? FindArchive(Digest digest)
    {
        lock (_sync)
        {
            if (_archives.TryGetValue(digest, out LayerRecord? known))
            {
                return known;
            }
            if (_hasListedArchives)
            {
                return null;
            }
        }
        LayerRecord[] listed = [.. List().ToArray().Select(Find).OfType<LayerRecord>()];
        lock (_sync)
        {
            _hasListedArchives = true;
            foreach (LayerRecord record in listed)
            {
                NoteArchive(record);
            }
            return _archives.GetValueOrDefault(digest);
        }
    }

    private void NoteArchive(LayerRecord record)
    {
        if (record.ArchiveBytes is not null && _complete.ContainsKey(record.ChainId))
        {
            _archives[record.DiffId] = record;
        }
    }

    private void ForgetArchive(Digest chainId)
    {
        if (_archives.FirstOrDefault(archive => archive.Value.ChainId == chainId) is { Value: { } gone })
        {
            _archives.Remove(gone.DiffId);
            _hasListedArchives = false; // another layer may have the same archive
        }
    }
}
