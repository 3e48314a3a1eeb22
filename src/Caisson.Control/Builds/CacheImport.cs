using Caisson.Errors;
using Caisson.Images;
using Caisson.Images.Registry;
using Caisson.Linux;
using Caisson.Oci;

namespace Caisson.Control.Builds;

/// <summary>Results of builds elsewhere, by step. Layers come when a step of this build is found, each checked against its digest.</summary>
/// <remarks>Whoever writes such a cache says what steps have made: it is asked only where the user names it.</remarks>
internal sealed class CacheImport
{
    private readonly Dictionary<string, (CacheRecord Record, ContentDescriptor? Layer)> _records = [];
    private readonly RegistryRepository? _repository;
    private readonly string? _directory;

    private CacheImport(CacheDocument document, RegistryRepository? repository, string? directory)
    {
        _repository = repository;
        _directory = directory;
        foreach (CacheDocument.Record record in document.Records)
        {
            CacheDocument.Layer? layer = record.Results is [var result, ..] ? document.Layers[result.Layer] : null;
            // A compressed layer is not one of ours, nor is its step.
            if (record.Digest.Algorithm != "sha256" || (layer is not null && layer.Annotations?.DiffId != layer.Blob.ToString()))
            {
                continue;
            }
            DateTimeOffset created = record.CreatedAt ?? DateTimeOffset.UnixEpoch;
            _records[record.Digest.Hex] = (new CacheRecord
            {
                Key = record.Key is { Length: 64 } key && key.All(char.IsAsciiHexDigitLower) ? key : record.Digest.Hex,
                DiffId = layer?.Blob.ToString() ?? "",
                SizeBytes = layer?.Annotations?.Size ?? 0,
                Created = created,
                Used = created,
                Description = record.Description is { Length: <= 200 } description ? description : "",
            }, layer is null ? null : new ContentDescriptor { MediaType = MediaTypes.Layer, Digest = layer.Blob, Size = layer.Annotations!.Size });
        }
    }

    /// <summary>Reads what is kept at an address; layers stay where they are.</summary>
    /// <exception cref="CaissonException">There is nothing, or it cannot be read.</exception>
    public static async Task<CacheImport> OpenAsync(ImageStore images, CacheAddress address, RegistryCredentials? credentials, CancellationToken cancellation)
    {
        if (address.Reference is { } reference)
        {
            RegistryRepository repository = images.OpenRepository(reference, credentials);
            RegistryDocument found = await repository.GetManifestAsync(reference.Digest?.ToString() ?? reference.Tag!, cancellation);
            ContentDescriptor described = ConfigOf(found.Content, found.MediaType, address.Text);
            return new CacheImport(CacheDocument.Parse(await repository.ReadBlobAsync(described, CacheDocument.SizeBytesMax, cancellation), address.Text), repository, null);
        }
        using RootDirectory root = RootDirectory.Open(address.Directory!);
        ImageIndex index = ImageIndex.Parse(root.ReadFile(ImageLayout.IndexFileName, ImageIndex.SizeBytesMax), null, address.Text);
        ContentDescriptor manifest = index.Manifests is [.., var last] ? last : throw new CaissonException(ErrorKind.NotFound, $"cache '{address.Text}' is empty");
        ContentDescriptor config = ConfigOf(Read(root, manifest, ImageManifest.SizeBytesMax), manifest.MediaType, address.Text);
        return new CacheImport(CacheDocument.Parse(Read(root, config, CacheDocument.SizeBytesMax), address.Text), null, address.Directory);
    }

    /// <summary>What a step has made elsewhere; null when it was not found there.</summary>
    public CacheRecord? Find(string key) => _records.TryGetValue(key, out var found) ? found.Record : null;

    /// <summary>Brings the layer of a step here, held by the build.</summary>
    public async Task FetchAsync(ImageBuild build, string key, CancellationToken cancellation)
    {
        if (_records[key].Layer is not { } layer || build.HasArchive(layer.Digest))
        {
            return;
        }
        if (_repository is not null)
        {
            await build.ReceiveAsync(_repository, layer, cancellation);
            return;
        }
        using RootDirectory root = RootDirectory.Open(_directory!);
        using var content = new FileStream(root.OpenFile(ImageLayout.BlobPath(layer.Digest)).ToFileHandle(), FileAccess.Read, 128 * 1024);
        await build.TakeAsync(content, layer, cancellation);
    }

    /// <summary>A manifest whose configuration is the cache, or an index that lists it beside the layers, as it once was.</summary>
    private static ContentDescriptor ConfigOf(byte[] content, string? mediaType, string subject)
    {
        ContentDescriptor? config = MediaTypes.IsIndex(mediaType)
            ? ImageIndex.Parse(content, mediaType, subject).Manifests.FirstOrDefault(entry => entry.MediaType == CacheDocument.MediaType)
            : ImageManifest.Parse(content, mediaType, subject).Config;
        return config?.MediaType == CacheDocument.MediaType && config.Size <= CacheDocument.SizeBytesMax ? config
            : throw new CaissonException(ErrorKind.InvalidArgument, $"cache '{subject}': what is there is no cache of builds");
    }

    private static byte[] Read(RootDirectory root, ContentDescriptor blob, int bytesMax)
    {
        byte[] content = root.ReadFile(ImageLayout.BlobPath(blob.Digest), bytesMax);
        using var hash = blob.Digest.CreateHash();
        hash.AppendData(content);
        return blob.Digest.Matches(hash.GetHashAndReset()) ? content
            : throw new CaissonException(ErrorKind.InvalidArgument, $"the file of {blob.Digest} has other content than its name says");
    }
}
