using Caisson.Images.Store;
using Caisson.Oci;

namespace Caisson.Images;

/// <summary>Statements about images, and lists of images, as builds make them.</summary>
/// <remarks>Source: BuildKit's documentation of its attestation storage.</remarks>
public sealed partial class ImageStore
{
    private const string StatementType = "application/vnd.in-toto+json";

    /// <summary>Keeps statements about an image with it.</summary>
    /// <param name="image">Of this store.</param>
    /// <param name="statements">Documents of in-toto, with the types of what they say.</param>
    /// <returns>The manifest that holds them, as an entry of a list of images.</returns>
    public ContentDescriptor AttachStatements(Image image, IReadOnlyList<(string PredicateType, byte[] Statement)> statements)
    {
        using ContentLeases.Lease lease = _leases.Open();
        ContentDescriptor[] layers =
        [
            .. statements.Select(statement => new ContentDescriptor
            {
                MediaType = StatementType,
                Digest = Put(lease, statement.Statement),
                Size = statement.Statement.Length,
                Annotations = new Dictionary<string, string> { ["in-toto.io/predicate-type"] = statement.PredicateType },
            }),
        ];
        byte[] config = new ImageConfig
        {
            Architecture = "unknown",
            Os = "unknown",
            Config = new ExecutionConfig(),
            RootFs = new RootFs { Type = RootFs.LayersType, DiffIds = [.. layers.Select(layer => layer.Digest)] },
        }.ToBytes();
        byte[] manifest = new ImageManifest
        {
            SchemaVersion = 2,
            MediaType = MediaTypes.ImageManifest,
            Config = new ContentDescriptor { MediaType = MediaTypes.ImageConfig, Digest = Put(lease, config), Size = config.Length },
            Layers = layers,
        }.ToBytes();
        Digest digest = Put(lease, manifest);
        Attach(image.ManifestDigest, digest); // kept from now on, whatever list it comes into
        return new ContentDescriptor
        {
            MediaType = MediaTypes.ImageManifest,
            Digest = digest,
            Size = manifest.Length,
            Platform = new Platform { Os = "unknown", Architecture = "unknown" },
            Annotations = new Dictionary<string, string>
            {
                ["vnd.docker.reference.digest"] = image.ManifestDigest.ToString(),
                ["vnd.docker.reference.type"] = "attestation-manifest",
            },
        };
    }

    /// <summary>Makes a list of images, which is what is pushed when <paramref name="first"/> is.</summary>
    /// <param name="first">The image that has the names here; the others are kept as long as it is.</param>
    /// <param name="images">All, in order.</param>
    /// <param name="statements">Entries that <see cref="AttachStatements"/> made.</param>
    /// <returns>The list.</returns>
    public Digest AttachIndex(Image first, IReadOnlyList<Image> images, IReadOnlyList<ContentDescriptor> statements)
    {
        using ContentLeases.Lease lease = _leases.Open();
        byte[] index = new ImageIndex
        {
            SchemaVersion = 2,
            MediaType = MediaTypes.ImageIndex,
            Manifests =
            [
                .. images.Select(image => new ContentDescriptor
                {
                    MediaType = image.Manifest.MediaType ?? MediaTypes.ImageManifest,
                    Digest = image.ManifestDigest,
                    Size = image.ManifestSize,
                    Platform = new Platform { Os = image.Config.Os, Architecture = image.Config.Architecture, Variant = image.Config.Variant },
                }),
                .. statements,
            ],
        }.ToBytes();
        Digest digest = Put(lease, index);
        foreach (Digest other in images.Where(image => image.ManifestDigest != first.ManifestDigest).Select(image => image.ManifestDigest).Concat(statements.Select(entry => entry.Digest)))
        {
            Attach(first.ManifestDigest, other);
        }
        Attach(first.ManifestDigest, digest);
        Detach(first.ManifestDigest, [digest, .. images.Select(image => image.ManifestDigest), .. statements.Select(entry => entry.Digest)]);
        return digest;
    }

    /// <summary>The same image may have been built before: its list and what was said about it then give way.</summary>
    private void Detach(Digest image, HashSet<Digest> except)
    {
        lock (_names)
        {
            ImageRecord record = _catalog.Find(image) ?? throw new Errors.CaissonException(Errors.ErrorKind.NotFound, $"No such image: {image}");
            HashSet<Digest> gone = [];
            foreach (Digest document in record.Referrers.Where(document => !except.Contains(document)))
            {
                if (TryReadIndex(document) is { } index && index.Manifests.Any(entry => entry.Annotations?.GetValueOrDefault("vnd.docker.reference.type") == "attestation-manifest"))
                {
                    gone.Add(document);
                    gone.UnionWith(index.Manifests.Select(entry => entry.Digest));
                }
            }
            gone.ExceptWith(except);
            if (gone.Count > 0)
            {
                _catalog.Put(record with { Referrers = [.. record.Referrers.Where(document => !gone.Contains(document))] });
            }
        }
    }

    /// <summary>The list that was last made for an image, when all that it lists is here; null for none.</summary>
    private (byte[] Content, ImageIndex Index)? FindWholeIndex(Image image)
    {
        foreach (Digest document in image.Record.Referrers.Reverse())
        {
            if (TryReadIndex(document) is { } index
                && index.Manifests.Any(entry => entry.Digest == image.ManifestDigest)
                && index.Manifests.All(entry => MediaTypes.IsManifest(entry.MediaType) && TryReadArtifact(entry.Digest) is { } manifest
                    && _blobs.Contains(manifest.Config.Digest) && manifest.Layers.All(layer => _blobs.Contains(layer.Digest))))
            {
                return (_blobs.ReadAll(document, ImageIndex.SizeBytesMax), index);
            }
        }
        return null;
    }
}
