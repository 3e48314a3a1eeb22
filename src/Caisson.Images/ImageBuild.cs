using System.Collections.Concurrent;
using System.Security.Cryptography;

using Caisson.Errors;
using Caisson.Images.Layers;
using Caisson.Images.Snapshots;
using Caisson.Images.Store;
using Caisson.Linux;
using Caisson.Oci;

namespace Caisson.Images;

/// <summary>A layer that a build made: its uncompressed archive.</summary>
/// <param name="DiffId">The archive's digest, which is its blob's, too.</param>
/// <param name="SizeBytes">The archive's length.</param>
/// <param name="ChainId">The layer with all below it.</param>
public sealed record BuiltLayer(Digest DiffId, long SizeBytes, Digest ChainId);

/// <summary>Makes the layers of an image one on the other, and the image of them at the end.</summary>
/// <remarks>
/// What is made can be used at once; a crash before <see cref="Commit"/> or <see cref="Seal"/> takes it away. An upper directory
/// becomes its layer by a rename: it is never packed and unpacked again, and hashed only; an archive is made when somebody wants to send it. Nothing is flushed to the disk before <see cref="Seal"/>, which does it
/// once for all. For several threads.
/// </remarks>
public sealed partial class ImageBuild : IDisposable
{
    private readonly ImageStore _store;
    private readonly BlobStore _blobs;
    private readonly LayerStore _layers;
    private readonly SnapshotStore _snapshots;
    private readonly ContentLeases.Lease _lease;
    private readonly string _empty;
    private readonly ConcurrentDictionary<string, Snapshot> _begun = new();
    private readonly ConcurrentDictionary<Digest, UnpublishedBlob> _unpublished = new();

    internal ImageBuild(ImageStore store, BlobStore blobs, LayerStore layers, SnapshotStore snapshots, ContentLeases.Lease lease, string empty)
    {
        _store = store;
        _blobs = blobs;
        _layers = layers;
        _snapshots = snapshots;
        _lease = lease;
        _empty = empty;
    }

    /// <summary>The chain id of a layer on others.</summary>
    /// <param name="below">The layers below, lowest first.</param>
    /// <param name="diffId">The layer.</param>
    public static Digest ChainId(IReadOnlyList<LayerSource> below, Digest diffId) => below.Count == 0
        ? diffId
        : Digest.Of(System.Text.Encoding.ASCII.GetBytes($"{below[^1].ChainId} {diffId}"));

    /// <summary>The layers of an image, unpacked and held.</summary>
    public async Task<IReadOnlyList<LayerSource>> UseAsync(Image image, CancellationToken cancellation)
    {
        _lease.Hold(image.ManifestDigest);
        _lease.Hold(image.Id);
        foreach (LayerSource layer in image.Layers)
        {
            _lease.Hold(layer.Blob.Digest);
            _lease.Hold(layer.ChainId);
        }
        await _layers.EnsureAsync(image.Layers, null, cancellation);
        return image.Layers;
    }

    /// <summary>Puts a layer that an earlier build made on others; null when it is not here any more.</summary>
    public async Task<IReadOnlyList<LayerSource>?> TryUseAsync(IReadOnlyList<LayerSource> below, Digest diffId, long sizeBytes, CancellationToken cancellation)
    {
        LayerSource layer = Source(below, diffId, sizeBytes);
        _lease.Hold(layer.ChainId);
        _lease.Hold(diffId);
        IReadOnlyList<LayerSource> chain = [.. below, layer];
        if (_layers.Contains(layer.ChainId))
        {
            return chain;
        }
        if (!_blobs.Contains(diffId))
        {
            return null;
        }
        await _layers.EnsureAsync(chain, null, cancellation);
        return chain;
    }

    /// <summary>A writable root on layers, to be finished or abandoned.</summary>
    /// <param name="id">Generated; never a name that a user gave.</param>
    /// <param name="below">Lowest first; none for an empty root.</param>
    public Snapshot Begin(string id, IReadOnlyList<LayerSource> below)
    {
        // No image has these digests: they stand for the one that is being made.
        Digest top = below.Count > 0 ? below[^1].ChainId : Digest.Of([]);
        return _begun[id] = _snapshots.CreateUnrecorded(id, new SnapshotRecord(top, top, [.. below.Select(layer => layer.ChainId)]));
    }

    /// <summary>Removes a root that <see cref="Begin"/> made and everything in it.</summary>
    public void Abandon(string id)
    {
        _begun.TryRemove(id, out _);
        _ = _snapshots.Remove(id);
    }

    /// <summary>Makes a layer of what was written to a root; the root is gone then.</summary>
    /// <param name="id">As for <see cref="Begin"/>; nothing may have it mounted.</param>
    /// <param name="below">What the layer is put on.</param>
    /// <param name="latest">Times of files after this become this; null leaves them.</param>
    /// <param name="cancellation">Ends the work.</param>
    public IReadOnlyList<LayerSource> Finish(string id, IReadOnlyList<LayerSource> below, DateTimeOffset? latest, CancellationToken cancellation)
    {
        Snapshot snapshot = _begun.GetValueOrDefault(id) ?? throw new CaissonException(ErrorKind.Internal, $"the root {id} of a build step is gone");
        if (latest is { } moment)
        {
            using DirectoryDescriptor upper = HostFiles.OpenDirectory(snapshot.UpperDirectory);
            LimitTimes(upper, FileTime.From(moment), 0);
        }
        (Digest diffId, long size) = Pack(snapshot.UpperDirectory, keepBlob: false, cancellation);
        LayerSource layer = Source(below, diffId, size);
        _lease.Hold(layer.ChainId);
        _lease.Hold(diffId);
        if (_layers.Find(layer.ChainId) is { ArchiveBytes: null } && !_blobs.Contains(diffId))
        {
            // The same layer was unpacked of another's archive: its files may not give these bytes again.
            _ = Pack(snapshot.UpperDirectory, keepBlob: true, cancellation);
        }
        _layers.Adopt(snapshot.UpperDirectory, new LayerRecord
        {
            ChainId = layer.ChainId,
            DiffId = diffId,
            Parent = below.Count > 0 ? below[^1].ChainId : null,
            ArchiveBytes = size,
            Contents = new LayerContents { Entries = 0, FileBytes = size },
        });
        Abandon(id);
        return [.. below, layer];
    }

    /// <summary>Layers as one read-only tree, mounted nowhere; the caller disposes it.</summary>
    /// <param name="layers">Lowest first.</param>
    /// <param name="owners">Through whose map owners are shown; null for none.</param>
    public MountTree OpenView(IReadOnlyList<LayerSource> layers, UserNamespace? owners = null)
    {
        IReadOnlyList<string> stack = _snapshots.Stack([.. layers.Select(layer => layer.ChainId)]);
        return Snapshot.Stack(stack.Count > 0 ? stack : [_empty], null, owners, MountAttributes.ReadOnly);
    }

    /// <summary>Makes everything durable.</summary>
    public void Seal() => _layers.Seal(_unpublished.IsEmpty ? null : () =>
    {
        foreach (Digest digest in _unpublished.Keys)
        {
            if (_unpublished.TryRemove(digest, out UnpublishedBlob? blob))
            {
                _blobs.Publish(blob);
            }
        }
    });

    /// <summary>Makes an image of layers; everything is durable then.</summary>
    /// <param name="config">Its configuration, which names the layers.</param>
    /// <param name="layers">The layers, lowest first.</param>
    /// <param name="names">Its names.</param>
    public Image Commit(ImageConfig config, IReadOnlyList<LayerSource> layers, IReadOnlyList<Reference> names)
    {
        foreach (LayerSource layer in layers.Where(layer => !_unpublished.ContainsKey(layer.Blob.Digest) && !_blobs.Contains(layer.Blob.Digest)))
        {
            (Digest digest, _) = Pack(_layers.PathOf(layer.ChainId), keepBlob: true, CancellationToken.None);
            if (digest != layer.Blob.Digest)
            {
                throw new CaissonException(ErrorKind.Internal, $"layer {layer.ChainId} has changed since it was made: it was {layer.Blob.Digest} and is {digest}; prune the build cache");
            }
        }
        Seal();
        return _store.Keep(_lease, config, [.. layers.Select(layer => layer.Blob)], names);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (UnpublishedBlob blob in _unpublished.Values)
        {
            BlobStore.GiveUp(blob);
        }
        _unpublished.Clear();
        _lease.Dispose();
    }

    private static LayerSource Source(IReadOnlyList<LayerSource> below, Digest diffId, long size) =>
        new(new ContentDescriptor { MediaType = MediaTypes.Layer, Digest = diffId, Size = size }, diffId, ChainId(below, diffId));

    private (Digest Digest, long SizeBytes) Pack(string directory, bool keepBlob, CancellationToken cancellation)
    {
        using DirectoryDescriptor root = HostFiles.OpenDirectory(directory);
        if (keepBlob)
        {
            using BlobWriteStream writer = _blobs.CreateWriter(beforePublish: _lease.Hold);
            using var buffered = new BufferedStream(writer, 256 * 1024);
            Snapshot.WriteTree(root, buffered, asLayer: true, cancellation, isStill: true);
            buffered.Flush();
            UnpublishedBlob blob = writer.CommitLater();
            if (!_unpublished.TryAdd(blob.Digest, blob))
            {
                BlobStore.GiveUp(blob);
            }
            return (blob.Digest, writer.Length);
        }
        using var hash = new HashingStream();
        using var gathered = new BufferedStream(hash, 256 * 1024);
        Snapshot.WriteTree(root, gathered, asLayer: true, cancellation, isStill: true);
        gathered.Flush();
        return (hash.Digest(), hash.Length);
    }

    /// <summary>A build's result must not depend on when it ran.</summary>
    private static void LimitTimes(DirectoryDescriptor directory, FileTime latest, int depth)
    {
        if (depth > 512)
        {
            throw new CaissonException(ErrorKind.ResourceExhausted, "a build step has made more than 512 directories within each other");
        }
        foreach (DirectoryEntry entry in directory.Enumerate())
        {
            using FileDescriptor? file = directory.TryOpenPath(entry.Name);
            if (file is null)
            {
                continue;
            }
            FileStatus status = file.Status;
            if (status.Kind == FileKind.Directory)
            {
                using DirectoryDescriptor? below = LiveTree.TryEnter(directory, entry.Name);
                if (below is not null)
                {
                    LimitTimes(below, latest, depth + 1);
                }
            }
            if (status.ModifiedTime.Seconds > latest.Seconds)
            {
                file.ChangeTimes(null, latest);
            }
        }
    }

    /// <summary>Counts and hashes.</summary>
    private sealed class HashingStream : Stream
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private long _length;

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => _length;

        public override long Position { get => _length; set => throw new NotSupportedException(); }

        public Digest Digest() => Oci.Digest.FromSha256(_hash.GetHashAndReset());

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            _hash.AppendData(buffer);
            _length += buffer.Length;
        }

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            _hash.Dispose();
            base.Dispose(disposing);
        }
    }
}
