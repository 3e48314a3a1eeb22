using Caisson.Images.Store;
using Caisson.Oci;

namespace Caisson.Images.Layers;

/// <summary>Where the archives of layers come from. For several threads.</summary>
internal interface ILayerArchives
{
    /// <summary>Opens an archive at its start; the caller disposes the stream, and reads it from one thread.</summary>
    Stream OpenRead(ContentDescriptor blob);

    /// <summary>Held while one of them is unpacked, so that those that wait for a network keep nobody else from unpacking; null for the store's own.</summary>
    SemaphoreSlim? Workers { get; }

    /// <summary>Ends when all of the archive is in the store and is what its digest says; throws when it is not.</summary>
    Task WholeAsync(ContentDescriptor blob);
}

/// <summary>Archives that are in the store.</summary>
internal sealed class StoredArchives(BlobStore blobs) : ILayerArchives
{
    public SemaphoreSlim? Workers => null;

    public Stream OpenRead(ContentDescriptor blob) => blobs.OpenRead(blob.Digest);

    public Task WholeAsync(ContentDescriptor blob) => Task.CompletedTask;
}
