using Caisson.Images.Registry;
using Caisson.Oci;

namespace Caisson.Images;

/// <summary>Layers that come from elsewhere, and go there.</summary>
public sealed partial class ImageBuild
{
    private const int LayersAtOnce = 4;

    /// <summary>Whether the archive of a layer is here, or can be made.</summary>
    public bool HasArchive(Digest diffId) => _blobs.Contains(diffId);

    /// <summary>The archive of a layer; the caller disposes the stream.</summary>
    public Stream OpenArchive(Digest diffId) => _blobs.OpenRead(diffId);

    /// <summary>The chain id of the layer below another; null for the lowest, and for one that is not unpacked.</summary>
    public Digest? ParentOf(Digest chainId) => _layers.Find(chainId)?.Parent;

    /// <summary>Fetches a blob, verified, unless it is here.</summary>
    public async Task ReceiveAsync(RegistryRepository repository, ContentDescriptor blob, CancellationToken cancellation)
    {
        _lease.Hold(blob.Digest);
        using var slots = new SemaphoreSlim(LayersAtOnce);
        using BlobDownloads.Share? share = _store.Downloads.Join(blob, [repository], slots, null);
        if (share is not null)
        {
            await share.Download.Whole.WaitAsync(cancellation);
        }
    }

    /// <summary>Takes a blob from a stream, verified.</summary>
    public async Task TakeAsync(Stream content, ContentDescriptor blob, CancellationToken cancellation)
    {
        _lease.Hold(blob.Digest);
        _ = await _blobs.IngestAsync(content, blob.Digest, blob.Size, cancellation: cancellation);
    }

    /// <summary>Sends the archive of a layer, unless it is there.</summary>
    public async Task SendAsync(RegistryRepository repository, ContentDescriptor layer, CancellationToken cancellation) =>
        _ = await repository.PutBlobAsync(layer, () => _blobs.OpenRead(layer.Digest), [], null, cancellation);
}
