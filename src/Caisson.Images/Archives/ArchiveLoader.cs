using System.Text.Json;

using Caisson.Errors;
using Caisson.Images.Store;
using Caisson.Oci;

namespace Caisson.Images.Archives;

/// <summary>Finds the images in an archive's members and makes their content blobs of the store.</summary>
/// <remarks>
/// An OCI layout is read by its <c>index.json</c>; otherwise what <c>docker save</c> wrote by its <c>manifest.json</c>, for
/// which manifests are made. Source: image-spec image-layout.md; moby image spec v1.2.
/// </remarks>
internal sealed class ArchiveLoader
{
    private const int DocumentBytesMax = 4 << 20;
    private const int ImagesMax = 1000;

    private readonly IArchiveMembers _members;
    private readonly BlobStore _blobs;
    private readonly ContentLeases.Lease _lease;
    private readonly string? _repository;
    private readonly Platform _platform;

    /// <param name="members">What is in the archive.</param>
    /// <param name="blobs">Receives the content.</param>
    /// <param name="lease">Holds it.</param>
    /// <param name="repository">For layouts that name only tags: which repository; null to leave such images without a name.</param>
    /// <param name="platform">Which image of several platforms is taken.</param>
    public ArchiveLoader(IArchiveMembers members, BlobStore blobs, ContentLeases.Lease lease, string? repository, Platform platform)
    {
        _members = members;
        _blobs = blobs;
        _lease = lease;
        _repository = repository;
        _platform = platform;
    }

    /// <summary>The manifests of all images, now blobs, and their names.</summary>
    public IReadOnlyList<(Digest Manifest, List<Reference> Names)> Load()
    {
        if (_members.TryRead(ImageLayout.FileName, DocumentBytesMax) is { } marker)
        {
            ImageLayout.Parse(marker, "the archive's oci-layout");
            return LoadLayout();
        }
        byte[] manifest = _members.TryRead("manifest.json", DocumentBytesMax)
            ?? throw new CaissonException(ErrorKind.InvalidArgument,
                "the archive is no image: it has neither oci-layout nor manifest.json; a root filesystem is taken in with import");
        return LoadDocker(manifest);
    }

    private List<(Digest, List<Reference>)> LoadLayout()
    {
        byte[] content = _members.TryRead(ImageLayout.IndexFileName, ImageIndex.SizeBytesMax)
            ?? throw Invalid("the image layout has no index.json");
        ImageIndex index = ImageIndex.Parse(content, mediaType: null, "the archive's index.json");
        if (index.Manifests.Count > ImagesMax)
        {
            throw Invalid($"index.json lists {index.Manifests.Count} images; at most {ImagesMax} are taken");
        }
        Dictionary<Digest, List<Reference>> images = [];
        foreach (ContentDescriptor descriptor in index.Manifests)
        {
            if (SelectManifest(descriptor) is not { } manifest)
            {
                continue;
            }
            List<Reference> names = images.TryGetValue(manifest.Digest, out List<Reference>? known) ? known : images[manifest.Digest] = [];
            if (NameOf(descriptor) is { } name && !names.Contains(name))
            {
                names.Add(name);
            }
            StoreContent(manifest);
        }
        return images.Count > 0
            ? [.. images.Select(image => (image.Key, image.Value))]
            : throw Invalid($"the image layout has no image for {_platform}");
    }

    /// <summary>The manifest itself, or the one for our platform in an index of platforms; null for what is no image.</summary>
    private ContentDescriptor? SelectManifest(ContentDescriptor descriptor)
    {
        if (MediaTypes.IsManifest(descriptor.MediaType))
        {
            return descriptor.Platform is null or { Os: "linux" } && descriptor.ArtifactType is null ? descriptor : null;
        }
        if (!MediaTypes.IsIndex(descriptor.MediaType))
        {
            return null;
        }
        byte[] content = _members.TryRead(ImageLayout.BlobPath(descriptor.Digest), ImageIndex.SizeBytesMax)
            ?? throw Invalid($"the image layout lacks the index {descriptor.Digest}");
        CheckDigest(content, descriptor);
        ImageIndex platforms = ImageIndex.Parse(content, descriptor.MediaType, $"index {descriptor.Digest}");
        return platforms.Choose(_platform) is { } chosen && MediaTypes.IsManifest(chosen.MediaType) ? chosen : null;
    }

    private void StoreContent(ContentDescriptor descriptor)
    {
        StoreBlob(descriptor);
        byte[] content = _blobs.ReadAll(descriptor.Digest, ImageManifest.SizeBytesMax);
        ImageManifest manifest = ImageManifest.Parse(content, descriptor.MediaType, $"manifest {descriptor.Digest}");
        StoreBlob(manifest.Config);
        foreach (ContentDescriptor layer in manifest.Layers)
        {
            StoreBlob(layer);
        }
    }

    private void StoreBlob(ContentDescriptor descriptor)
    {
        _lease.Hold(descriptor.Digest);
        if (_blobs.TryGetSize(descriptor.Digest) == descriptor.Size)
        {
            return;
        }
        var stored = _members.TryStore(ImageLayout.BlobPath(descriptor.Digest), descriptor.Digest)
            ?? throw Invalid($"the image layout lacks the blob {descriptor.Digest}");
        if (stored.SizeBytes != descriptor.Size)
        {
            throw Invalid($"blob {descriptor.Digest} has {stored.SizeBytes} bytes instead of the stated {descriptor.Size}");
        }
    }

    private Reference? NameOf(ContentDescriptor descriptor)
    {
        string? full = descriptor.Annotations?.GetValueOrDefault(ImageLayout.ImageNameAnnotation);
        if (full is not null && Reference.TryParse(full, out Reference? named))
        {
            return named.WithDefaultTag();
        }
        string? tag = descriptor.Annotations?.GetValueOrDefault(ImageLayout.RefNameAnnotation);
        if (tag is null)
        {
            return _repository is null ? null : Reference.Parse(_repository).WithDefaultTag();
        }
        if (tag.AsSpan().ContainsAny('/', ':') && Reference.TryParse(tag, out named))
        {
            return named.WithDefaultTag();
        }
        return _repository is not null && Reference.TryParse($"{Reference.Parse(_repository).FamiliarName}:{tag}", out named) ? named : null;
    }

    private List<(Digest, List<Reference>)> LoadDocker(byte[] content)
    {
        IReadOnlyList<DockerManifestEntry> entries;
        try
        {
            entries = JsonSerializer.Deserialize(content, DockerManifestJson.Relaxed.IReadOnlyListDockerManifestEntry) ?? [];
        }
        catch (JsonException e)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"the archive's manifest.json is not what docker save writes: {e.Message}", e);
        }
        if (entries.Count is 0 or > ImagesMax)
        {
            throw Invalid($"manifest.json lists {entries.Count} images; 1 to {ImagesMax} are taken");
        }
        return [.. entries.Select(entry => (BuildManifest(entry), entry.RepoTags?.Select(Reference.Parse).ToList() ?? []))];
    }

    /// <summary>Docker's archive has no manifest: its configuration and layers are brought under a new one.</summary>
    private Digest BuildManifest(DockerManifestEntry entry)
    {
        var config = _members.TryStore(entry.Config, default) ?? throw Invalid($"the archive lacks '{entry.Config}'");
        List<ContentDescriptor> layers = [];
        foreach (string member in entry.Layers)
        {
            var layer = _members.TryStore(member, default) ?? throw Invalid($"the archive lacks '{member}'");
            layers.Add(new ContentDescriptor { MediaType = MediaTypeOf(layer.Digest), Digest = layer.Digest, Size = layer.SizeBytes });
        }
        byte[] manifest = new ImageManifest
        {
            SchemaVersion = 2,
            MediaType = MediaTypes.ImageManifest,
            Config = new ContentDescriptor { MediaType = MediaTypes.ImageConfig, Digest = config.Digest, Size = config.SizeBytes },
            Layers = layers,
        }.ToBytes();
        _lease.Hold(Digest.Of(manifest));
        return _blobs.Put(manifest);
    }

    private string MediaTypeOf(Digest layer)
    {
        using FileStream blob = _blobs.OpenRead(layer);
        return LayerMediaType.Of(blob, $"layer {layer}");
    }

    private static void CheckDigest(byte[] content, ContentDescriptor descriptor)
    {
        using var hash = descriptor.Digest.CreateHash();
        hash.AppendData(content);
        if (content.Length != descriptor.Size || !descriptor.Digest.Matches(hash.GetHashAndReset()))
        {
            throw Invalid($"the blob {descriptor.Digest} is not what it is named");
        }
    }

    private static CaissonException Invalid(string why) => new(ErrorKind.InvalidArgument, why);
}
