using Caisson.Errors;
using Caisson.Images.Store;
using Caisson.Oci;
using Caisson.Trust;

namespace Caisson.Images;

public sealed partial class ImageStore
{
    private const int SignatureBytesMax = 8 << 20;
    private const int SignaturesMax = 1000;
    private const string EmptyConfig = "application/vnd.oci.empty.v1+json";

    /// <summary>Keeps a document that is about an image as long as the image.</summary>
    /// <param name="image">The digest of the image's manifest.</param>
    /// <param name="document">The manifest of an artifact, or an index that lists the image; it and its content are in the store.</param>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.NotFound"/>: the image, the document or its content is not here; <see cref="ErrorKind.InvalidArgument"/>: it is about another.
    /// </exception>
    public void Attach(Digest image, Digest document)
    {
        CheckReferrer(image, document);
        lock (_names)
        {
            ImageRecord record = _catalog.Find(image) ?? throw new CaissonException(ErrorKind.NotFound, $"No such image: {image}");
            if (!record.Referrers.Contains(document))
            {
                _catalog.Put(record with { Referrers = [.. record.Referrers, document] });
            }
        }
    }

    /// <summary>Keeps a signature with an image, in the form in which registries keep it.</summary>
    /// <param name="image">Resolved from this store.</param>
    /// <param name="signature">Any but <see cref="ImageSignature.Other"/>; it need not be verified.</param>
    /// <returns>The manifest that holds the signature: of cosign's kind all of the image's, under <see cref="SimpleSigning.TagOf"/> in a registry.</returns>
    public Digest AddSignature(Image image, ImageSignature signature)
    {
        using ContentLeases.Lease lease = _leases.Open();
        lock (_names)
        {
            ImageRecord record = _catalog.Find(image.ManifestDigest) ?? throw new CaissonException(ErrorKind.NotFound, $"No such image: {image.ManifestDigest}");
            ContentDescriptor subject = SubjectOf(image);
            Digest? replaced = null;
            Digest added = signature switch
            {
                ImageSignature.Cosign cosign => PutCosign(lease, record, subject, cosign, out replaced),
                ImageSignature.Bundle bundle => PutBundle(lease, subject, bundle),
                _ => throw new CaissonException(ErrorKind.InvalidArgument, "a signature of this kind cannot be kept"),
            };
            _catalog.Put(record with { Referrers = [.. record.Referrers.Where(other => other != replaced && other != added), added] });
            return added;
        }
    }

    /// <summary>The signatures that are kept with an image, none of them verified.</summary>
    public IReadOnlyList<ImageSignature> Signatures(Image image) => ReadSignatures(image.Record.Referrers);

    /// <summary>The signatures in documents of the store, none of them verified. What is no signature is passed over.</summary>
    /// <param name="documents">Digests of manifests; indexes may be among them.</param>
    public IReadOnlyList<ImageSignature> ReadSignatures(IEnumerable<Digest> documents)
    {
        List<ImageSignature> signatures = [];
        foreach (Digest document in documents)
        {
            if (TryReadArtifact(document) is not { } artifact)
            {
                continue;
            }
            foreach (ContentDescriptor layer in artifact.Layers)
            {
                if (signatures.Count >= SignaturesMax)
                {
                    return signatures;
                }
                if (ReadSignature(artifact, layer) is { } signature)
                {
                    signatures.Add(signature);
                }
            }
        }
        return signatures;
    }

    /// <summary>The digests that a signature may be of so that it is one of the image: its manifest's, and those of indexes that list it.</summary>
    internal IEnumerable<Digest> Identities(Image image) => Identities(image.ManifestDigest, image.Record.Referrers);

    /// <summary>As the other form, for an image that is not kept yet.</summary>
    internal IEnumerable<Digest> Identities(Digest manifest, IEnumerable<Digest> referrers) =>
        referrers.Where(document => TryReadIndex(document)?.Manifests.Any(entry => entry.Digest == manifest) is true).Prepend(manifest);

    /// <summary>What a document about an image refers to itself.</summary>
    private IEnumerable<Digest> ContentOf(Digest document) => TryReadArtifact(document) is { } artifact
        ? artifact.Layers.Select(layer => layer.Digest).Append(artifact.Config.Digest)
        : [];

    /// <summary>Documents whose signatures are all in a newer one: that of cosign's kind grows with every signature.</summary>
    private IEnumerable<Digest> WithoutReplaced(IReadOnlyList<Digest> documents, IReadOnlyCollection<Digest> newer)
    {
        HashSet<(Digest, string?)> known = [.. newer.SelectMany(SignaturesOf)];
        return documents.Where(document => newer.Contains(document)
            || SignaturesOf(document) is not { Count: > 0 } own || !known.IsSupersetOf(own));

        List<(Digest, string?)> SignaturesOf(Digest document) => TryReadArtifact(document) is { } artifact
            && artifact.Layers.All(layer => layer.MediaType == SimpleSigning.MediaType)
                ? [.. artifact.Layers.Select(SignatureKey)]
                : [];
    }

    private void CheckReferrer(Digest image, Digest document)
    {
        if (!_blobs.Contains(document))
        {
            throw new CaissonException(ErrorKind.NotFound, $"content {document} is not in the store");
        }
        if (TryReadIndex(document) is { } index)
        {
            if (index.Manifests.All(entry => entry.Digest != image))
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"index {document} does not list image {image}");
            }
            return;
        }
        ImageManifest artifact = TryReadArtifact(document)
            ?? throw new CaissonException(ErrorKind.InvalidArgument, $"content {document} is neither a manifest nor an index");
        if (artifact.Subject is { } subject && subject.Digest != image && TryReadIndex(subject.Digest) is null)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"artifact {document} is about {subject.Digest}, not about image {image}");
        }
        if (artifact.Layers.FirstOrDefault(layer => !_blobs.Contains(layer.Digest)) is { } missing)
        {
            throw new CaissonException(ErrorKind.NotFound, $"content {missing.Digest} of artifact {document} is not in the store");
        }
    }

    private ImageSignature? ReadSignature(ImageManifest artifact, ContentDescriptor layer)
    {
        try
        {
            if (layer.MediaType == SimpleSigning.MediaType)
            {
                return layer.Annotations?.GetValueOrDefault(SimpleSigning.SignatureAnnotation) is { } text
                    ? new ImageSignature.Cosign(_blobs.ReadAll(layer.Digest, SignatureBytesMax), Convert.FromBase64String(text))
                    : null;
            }
            if (SigstoreBundle.IsBundle(layer.MediaType) || SigstoreBundle.IsBundle(artifact.ArtifactType))
            {
                return new ImageSignature.Bundle(_blobs.ReadAll(layer.Digest, SignatureBytesMax));
            }
            return layer.MediaType is "application/jose+json" or "application/cose" ? new ImageSignature.Other($"notation ({layer.MediaType})") : null;
        }
        catch (Exception error) when (error is CaissonException or FormatException)
        {
            return new ImageSignature.Other($"damaged: {error.Message}");
        }
    }

    private ImageManifest? TryReadArtifact(Digest document)
    {
        try
        {
            return ImageManifest.Parse(_blobs.ReadAll(document, ImageManifest.SizeBytesMax), mediaType: null, $"manifest {document}");
        }
        catch (CaissonException)
        {
            return null; // no manifest: what is damaged signs nothing
        }
    }

    private ImageIndex? TryReadIndex(Digest document)
    {
        try
        {
            return ImageIndex.Parse(_blobs.ReadAll(document, ImageIndex.SizeBytesMax), mediaType: null, $"index {document}");
        }
        catch (CaissonException)
        {
            return null; // no index, or not here
        }
    }

    /// <summary>One manifest holds all of cosign's signatures of an image, one in each layer.</summary>
    private Digest PutCosign(ContentLeases.Lease lease, ImageRecord record, ContentDescriptor subject, ImageSignature.Cosign signature, out Digest? replaced)
    {
        replaced = record.Referrers.Cast<Digest?>().FirstOrDefault(document =>
            TryReadArtifact(document!.Value)?.Layers.Any(layer => layer.MediaType == SimpleSigning.MediaType) is true);
        var layer = new ContentDescriptor
        {
            MediaType = SimpleSigning.MediaType,
            Digest = Put(lease, signature.Payload),
            Size = signature.Payload.Length,
            Annotations = new Dictionary<string, string> { [SimpleSigning.SignatureAnnotation] = Convert.ToBase64String(signature.Signature) },
        };
        IReadOnlyList<ContentDescriptor> before = replaced is { } known ? TryReadArtifact(known)!.Layers : [];
        ContentDescriptor[] layers = [.. before, layer];
        byte[] config = SignatureConfig(layers);
        return PutArtifact(lease, SignatureManifest(
            new ContentDescriptor { MediaType = MediaTypes.ImageConfig, Digest = Put(lease, config), Size = config.Length }, layers, subject));
    }

    private byte[] SignatureConfig(IReadOnlyList<ContentDescriptor> layers) => new ImageConfig
    {
        Created = _time.GetUtcNow(),
        Architecture = "",
        Os = "",
        RootFs = new RootFs { Type = RootFs.LayersType, DiffIds = [.. layers.Select(each => each.Digest)] },
    }.ToBytes();

    private static ImageManifest SignatureManifest(ContentDescriptor config, IReadOnlyList<ContentDescriptor> layers, ContentDescriptor subject) => new()
    {
        SchemaVersion = 2,
        MediaType = MediaTypes.ImageManifest,
        ArtifactType = SimpleSigning.ArtifactType,
        Config = config,
        Layers = layers,
        Subject = subject,
    };

    private static ContentDescriptor SubjectOf(Image image) => new()
    {
        MediaType = image.Manifest.MediaType ?? MediaTypes.ImageManifest,
        Digest = image.ManifestDigest,
        Size = image.ManifestSize,
    };

    private Digest PutBundle(ContentLeases.Lease lease, ContentDescriptor subject, ImageSignature.Bundle bundle)
    {
        byte[] config = "{}"u8.ToArray();
        return PutArtifact(lease, new ImageManifest
        {
            SchemaVersion = 2,
            MediaType = MediaTypes.ImageManifest,
            ArtifactType = SigstoreBundle.MediaType,
            Config = new ContentDescriptor { MediaType = EmptyConfig, Digest = Put(lease, config), Size = config.Length },
            Layers = [new ContentDescriptor { MediaType = SigstoreBundle.MediaType, Digest = Put(lease, bundle.Document), Size = bundle.Document.Length }],
            Subject = subject,
            Annotations = new Dictionary<string, string>
            {
                ["dev.sigstore.bundle.content"] = "dsse-envelope",
                ["dev.sigstore.bundle.predicateType"] = SigstoreBundle.SignPredicate,
            },
        });
    }

    private Digest PutArtifact(ContentLeases.Lease lease, ImageManifest manifest) => Put(lease, manifest.ToBytes());
}
