using System.Collections.Concurrent;

using Caisson.Errors;
using Caisson.Images.Layers;
using Caisson.Images.Store;
using Caisson.Oci;

namespace Caisson.Images;

/// <summary>Reads the documents of images from the store, checks them against each other and remembers them.</summary>
internal sealed class ImageReader
{
    private readonly BlobStore _blobs;
    private readonly LayerStore _layers;
    private readonly ConcurrentDictionary<Digest, Image> _known = new();

    public ImageReader(BlobStore blobs, LayerStore layers)
    {
        _blobs = blobs;
        _layers = layers;
    }

    /// <summary>The image that <paramref name="record"/> keeps.</summary>
    /// <exception cref="CaissonException">A document is missing, damaged or refused.</exception>
    public Image Read(ImageRecord record)
    {
        Image image = _known.GetOrAdd(record.Manifest, ReadDocuments);
        return image with { Record = record, UnpackedBytes = UnpackedBytes(image) };
    }

    /// <summary>Forgets what was read of an image.</summary>
    public void Forget(Digest manifest) => _known.TryRemove(manifest, out _);

    /// <summary>Checks that an image can be kept: its documents agree and all of its content is there.</summary>
    public Image Check(Digest manifest, string? mediaType)
    {
        Image image = Examine(manifest, mediaType);
        foreach (ContentDescriptor layer in image.Manifest.Layers)
        {
            long size = _blobs.TryGetSize(layer.Digest)
                ?? throw new CaissonException(ErrorKind.NotFound, $"layer {layer.Digest} of image {manifest} is missing");
            if (size != layer.Size)
            {
                throw Invalid(manifest, $"states {layer.Size} bytes for layer {layer.Digest}, which has {size}");
            }
        }
        return image;
    }

    /// <summary>Checks that the documents of an image agree; its layers need not be there.</summary>
    public Image Examine(Digest manifest, string? mediaType)
    {
        Image image = ReadDocuments(manifest);
        return mediaType is null || image.Manifest.MediaType is not { } own || own == mediaType
            ? image
            : throw Invalid(manifest, $"was announced as '{mediaType}' but calls itself '{own}'");
    }

    private Image ReadDocuments(Digest digest)
    {
        byte[] manifestBytes = _blobs.ReadAll(digest, ImageManifest.SizeBytesMax);
        ImageManifest manifest = ImageManifest.Parse(manifestBytes, mediaType: null, $"manifest {digest}");
        if (!MediaTypes.IsConfig(manifest.Config.MediaType))
        {
            throw Invalid(digest, $"is an artifact with a configuration of type '{manifest.Config.MediaType}', no image that runs");
        }
        byte[] configBytes = _blobs.ReadAll(manifest.Config.Digest, ImageConfig.SizeBytesMax);
        if (configBytes.Length != manifest.Config.Size)
        {
            throw Invalid(digest, $"states {manifest.Config.Size} bytes for its configuration, which has {configBytes.Length}");
        }
        ImageConfig config = ImageConfig.Parse(configBytes, $"configuration {manifest.Config.Digest}");
        if (config.Os != "linux")
        {
            throw Invalid(digest, $"is for {config.Os}/{config.Architecture}; only linux runs here");
        }
        IReadOnlyList<Digest> diffIds = config.RootFs.DiffIds;
        if (diffIds.Count != manifest.Layers.Count)
        {
            throw Invalid(digest, $"has {manifest.Layers.Count} layers, but its configuration lists {diffIds.Count}");
        }
        if (manifest.Layers.FirstOrDefault(layer => !MediaTypes.IsLayer(layer.MediaType)) is { } strange)
        {
            throw Invalid(digest, $"has a layer of type '{strange.MediaType}', which is not supported");
        }
        IReadOnlyList<Digest> chain = ImageConfig.ChainIds(diffIds);
        return new Image
        {
            Record = new ImageRecord(digest, [], default),
            ManifestSize = manifestBytes.Length,
            Manifest = manifest,
            Config = config,
            Layers = [.. manifest.Layers.Select((layer, i) => new LayerSource(layer, diffIds[i], chain[i]))],
        };
    }

    private long? UnpackedBytes(Image image)
    {
        long sum = 0;
        foreach (LayerSource layer in image.Layers)
        {
            if (_layers.Find(layer.ChainId) is not { } record)
            {
                return null;
            }
            sum += record.Contents.FileBytes;
        }
        return sum;
    }

    private static CaissonException Invalid(Digest manifest, string why) =>
        new(ErrorKind.InvalidArgument, $"image {manifest} {why}");
}
