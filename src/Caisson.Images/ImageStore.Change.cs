using System.IO.Compression;

using Caisson.Errors;
using Caisson.Images.Layers;
using Caisson.Images.Snapshots;
using Caisson.Images.Store;
using Caisson.Linux;
using Caisson.Oci;

namespace Caisson.Images;

/// <summary>How an image's documents are written.</summary>
public enum ImageFormat
{
    /// <summary>The Open Container Initiative's.</summary>
    Oci,

    /// <summary>Docker's schema 2.</summary>
    Docker,
}

public sealed partial class ImageStore
{
    /// <summary>Makes an image of another's configuration and files, described or packed in another way. Its id stays the same.</summary>
    /// <param name="text">As for <see cref="Resolve"/>.</param>
    /// <param name="name">Its name.</param>
    /// <param name="format">How it is described; null for as it is.</param>
    /// <param name="compression">How its layers are packed; null for as they are.</param>
    /// <param name="cancellation">Ends the work; nothing is kept then.</param>
    /// <exception cref="CaissonException">There is no such image, or a layer of it is damaged.</exception>
    public async Task<Image> ConvertAsync(
        string text, Reference name, ImageFormat? format, LayerCompression? compression, CancellationToken cancellation = default)
    {
        Image image = Resolve(text);
        ImageFormat target = format ?? (image.Manifest.MediaType == MediaTypes.DockerManifest ? ImageFormat.Docker : ImageFormat.Oci);
        using ContentLeases.Lease lease = _leases.Open();
        HoldAll(lease, image);
        List<ContentDescriptor> layers = [];
        foreach (LayerSource layer in image.Layers)
        {
            layers.Add(await BlockingWork.RunAsync(() => Repack(lease, layer, target, compression, cancellation), cancellation));
        }
        var manifest = new ImageManifest
        {
            SchemaVersion = 2,
            MediaType = target == ImageFormat.Docker ? MediaTypes.DockerManifest : MediaTypes.ImageManifest,
            Config = image.Manifest.Config with { MediaType = target == ImageFormat.Docker ? MediaTypes.DockerConfig : MediaTypes.ImageConfig },
            Layers = layers,
            Annotations = target == ImageFormat.Docker ? null : image.Manifest.Annotations,
        };
        return Register(Put(lease, manifest.ToBytes()), manifest.MediaType, [name]);
    }

    /// <summary>Makes an image of another's files in one layer: what upper layers removed or replaced is not in it.</summary>
    /// <param name="text">As for <see cref="Resolve"/>.</param>
    /// <param name="name">Its name.</param>
    /// <param name="cancellation">Ends the work; nothing is kept then.</param>
    public async Task<Image> SquashAsync(string text, Reference name, CancellationToken cancellation = default)
    {
        Image image = Resolve(text);
        using ContentLeases.Lease lease = _leases.Open();
        HoldAll(lease, image);
        await EnsureUnpackedAsync(image, cancellation: cancellation);
        ContentDescriptor layer = await BlockingWork.RunAsync(
            () => Look(image, root =>
            {
                using BlobWriteStream writer = _blobs.CreateWriter(beforePublish: lease.Hold);
                Snapshot.WriteTree(root.Directory, writer, asLayer: false, cancellation);
                Digest digest = writer.Commit();
                return new ContentDescriptor { MediaType = MediaTypes.Layer, Digest = digest, Size = writer.Length };
            }),
            cancellation);
        var history = new HistoryEntry { Created = image.Config.Created, Comment = $"squashed from {image.Id}" };
        ImageConfig config = image.Config with
        {
            RootFs = image.Config.RootFs with { DiffIds = [layer.Digest] },
            History = [.. (image.Config.History ?? []).Select(entry => entry with { EmptyLayer = true }), history],
        };
        return Keep(lease, config, [layer], [name]);
    }

    /// <summary>How the files of one image differ from another's, ordered by path.</summary>
    /// <param name="text">As for <see cref="Resolve"/>.</param>
    /// <param name="other">What it is compared with: what only this has is added.</param>
    /// <param name="cancellation">Ends the work.</param>
    public async Task<IReadOnlyList<FileChange>> DiffAsync(string text, string other, CancellationToken cancellation = default)
    {
        Image before = Resolve(text);
        Image after = Resolve(other);
        await EnsureUnpackedAsync(before, cancellation: cancellation);
        await EnsureUnpackedAsync(after, cancellation: cancellation);
        return await BlockingWork.RunAsync(
            () => Look(before, left => Look(after, right => TreeDiff.Compute(left.Directory, right.Directory, cancellation))), cancellation);
    }

    private ContentDescriptor Repack(
        ContentLeases.Lease lease, LayerSource layer, ImageFormat format, LayerCompression? wanted, CancellationToken cancellation)
    {
        using LayerStream archive = LayerStream.Open(_blobs.OpenRead(layer.Blob.Digest), _limits, $"layer {layer.Blob.Digest}", layer.DiffId);
        LayerCompression compression = wanted ?? archive.Compression;
        if (compression == archive.Compression)
        {
            return layer.Blob with { MediaType = MediaTypeOf(format, compression) };
        }
        using BlobWriteStream writer = _blobs.CreateWriter(beforePublish: lease.Hold);
        Stream? packed = compression switch
        {
            LayerCompression.Gzip => new GZipStream(writer, CompressionLevel.Optimal, leaveOpen: true),
            LayerCompression.Zstd => new ZstdCompressStream(writer, leaveOpen: true),
            _ => null,
        };
        using (packed)
        {
            byte[] buffer = new byte[128 * 1024];
            int read;
            while ((read = archive.Read(buffer)) > 0)
            {
                cancellation.ThrowIfCancellationRequested();
                (packed ?? writer).Write(buffer, 0, read);
            }
        }
        if (archive.GetDiffId() != layer.DiffId)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"layer {layer.Blob.Digest} unpacks to {archive.GetDiffId()}, but the image says {layer.DiffId}");
        }
        return new ContentDescriptor { MediaType = MediaTypeOf(format, compression), Digest = writer.Commit(), Size = writer.Length };
    }

    private static string MediaTypeOf(ImageFormat format, LayerCompression compression) => (format, compression) switch
    {
        (ImageFormat.Docker, LayerCompression.Gzip) => MediaTypes.DockerLayerGzip,
        (ImageFormat.Docker, LayerCompression.Zstd) => MediaTypes.DockerLayerZstd,
        (ImageFormat.Docker, _) => MediaTypes.DockerLayer,
        (_, LayerCompression.Gzip) => MediaTypes.LayerGzip,
        (_, LayerCompression.Zstd) => MediaTypes.LayerZstd,
        _ => MediaTypes.Layer,
    };
}
