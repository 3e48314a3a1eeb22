using Caisson.Errors;
using Caisson.Images.Registry;
using Caisson.Images.Store;
using Caisson.Oci;
using Caisson.Trust;

namespace Caisson.Images;

public sealed partial class ImageStore
{
    private const int ReferrersMax = 64;
    private const long ReferrerBytesMax = 32 << 20;

    /// <summary>How long a pull looks for signatures that nobody has asked for.</summary>
    private static readonly TimeSpan _referrerPatience = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Fetches what a registry has about an image that was found, and asks the trust policy. What a registry lists is bounded in
    /// number and size, kept only when it is about this image, and verified by nobody but the policy.
    /// </summary>
    /// <returns>Digests of documents that are in the store: signatures, and the index that the image was chosen from.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.PermissionDenied"/>: the policy refuses the image.</exception>
    private async Task<IReadOnlyList<Digest>> AdmitAsync(
        FoundImage found, IReadOnlyList<RegistryRepository> places, ContentLeases.Lease lease, IProgress<ImageProgress>? progress, CancellationToken cancellation)
    {
        bool isAsked = Trust.AsksForSignature(found.Name);
        if (!isAsked)
        {
            Trust.RequireIncoming(found.Name, found.Manifest.Digest, []); // it decides without them, so nothing needs to be fetched before
        }
        lease.Hold(found.Manifest.Digest);
        Store(found.Manifest);
        var arriving = new ArrivingReferrers(this, lease);
        List<Digest> subjects = [found.Manifest.Digest];
        if (found.Found.Digest != found.Manifest.Digest && arriving.TryKeepIndex(found.Found, found.Manifest.Digest))
        {
            subjects.Add(found.Found.Digest);
        }
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        if (!isAsked)
        {
            patience.CancelAfter(_referrerPatience);
        }
        // A mirror need not have the signatures of what it mirrors; its registry is asked, too, where they matter.
        foreach (RegistryRepository place in isAsked && found.Repository != places[^1] ? [found.Repository, places[^1]] : (RegistryRepository[])[found.Repository])
        {
            await Task.WhenAll(subjects.SelectMany(subject => new[]
            {
                arriving.TakeTaggedAsync(place, subject, patience.Token),
                arriving.TakeListedAsync(place, subject, patience.Token),
            }));
            cancellation.ThrowIfCancellationRequested();
            if (arriving.HasSignature)
            {
                break;
            }
        }
        string missed = string.Join("; ", arriving.Failures.Distinct());
        try
        {
            Trust.RequireIncoming(found.Name, found.Manifest.Digest, [.. arriving.Documents, .. _catalog.Find(found.Manifest.Digest)?.Referrers ?? []]);
        }
        catch (CaissonException e) when (e.Kind == ErrorKind.PermissionDenied && missed.Length > 0)
        {
            throw new CaissonException(e.Kind, $"{e.Message}; not everything could be looked at: {missed}", e);
        }
        if (missed.Length > 0)
        {
            progress?.Report(new ImageProgress(ImageStage.Note, default, 0, 0, $"Not all signatures of {found.Name.Familiar} were fetched: {missed}"));
        }
        return arriving.Documents;
    }

    /// <summary>Sends what is about an image and kept with it, so that it is there before the image gets its tag.</summary>
    private async Task SendReferrersAsync(RegistryRepository repository, Image image, Digest named, ContentLeases.Lease lease, CancellationToken cancellation)
    {
        List<ContentDescriptor> signatures = [];
        List<byte[]> manifests = [];
        foreach (Digest document in image.Record.Referrers)
        {
            lease.Hold(document);
            if (TryReadArtifact(document) is not { } artifact)
            {
                continue; // an index: it lists images of other platforms, which are not here
            }
            foreach (Digest content in ContentOf(document))
            {
                lease.Hold(content);
            }
            bool isSubject = artifact.Subject?.Digest == image.ManifestDigest || artifact.Subject?.Digest == named;
            ContentDescriptor[] own = [.. artifact.Layers.Where(layer => layer.MediaType == SimpleSigning.MediaType && IsAbout(layer, image.ManifestDigest))];
            if (!isSubject && own.Length == 0)
            {
                continue; // about an index that is not sent
            }
            foreach (ContentDescriptor blob in artifact.Layers.Append(artifact.Config).DistinctBy(blob => blob.Digest))
            {
                await repository.PutBlobAsync(blob, () => _blobs.OpenRead(blob.Digest), [], null, cancellation);
            }
            byte[] bytes = _blobs.ReadAll(document, ImageManifest.SizeBytesMax);
            if (isSubject)
            {
                await repository.PutReferrerAsync(artifact, bytes, cancellation);
            }
            if (own.Length > 0)
            {
                signatures.AddRange(own);
                manifests.Add(bytes);
            }
        }
        if (signatures.Count > 0)
        {
            await SendTaggedAsync(repository, image, signatures, manifests, cancellation);
        }
    }

    /// <summary>Sends signatures of cosign's kind under the tag that stands for them, beside those that are there.</summary>
    private async Task SendTaggedAsync(
        RegistryRepository repository, Image image, IReadOnlyList<ContentDescriptor> layers, IReadOnlyList<byte[]> manifests, CancellationToken cancellation)
    {
        string tag = SimpleSigning.TagOf(image.ManifestDigest);
        ContentDescriptor[] there = [];
        if (await repository.TryGetManifestAsync(tag, cancellation) is { } document)
        {
            there = [.. ImageManifest.Parse(document.Content, document.MediaType, $"signatures {tag} of {repository.Name}").Layers];
        }
        ContentDescriptor[] ours = [.. layers.DistinctBy(SignatureKey)];
        ContentDescriptor[] all = [.. there.Concat(ours).DistinctBy(SignatureKey)];
        if (all.Length == there.Length)
        {
            return;
        }
        byte[]? content = manifests.FirstOrDefault(each => ImageManifest.Parse(each, null, tag).Layers.Select(SignatureKey).ToHashSet().SetEquals(all.Select(SignatureKey)));
        if (content is null)
        {
            ContentDescriptor config = await repository.PutBlobAsync(MediaTypes.ImageConfig, SignatureConfig(all), cancellation);
            content = SignatureManifest(config, all, SubjectOf(image)).ToBytes();
        }
        await repository.PutManifestAsync(tag, MediaTypes.ImageManifest, content, cancellation);
    }

    private static (Digest Payload, string? Signature) SignatureKey(ContentDescriptor layer) =>
        (layer.Digest, layer.Annotations?.GetValueOrDefault(SimpleSigning.SignatureAnnotation));

    /// <summary>True when the document that a signature signs names the manifest; whether it is signed is another question.</summary>
    private bool IsAbout(ContentDescriptor payload, Digest manifest)
    {
        try
        {
            return SimpleSigning.TryParse(_blobs.ReadAll(payload.Digest, SignatureBytesMax), out _) is { } claim && claim.Manifests.Contains(manifest);
        }
        catch (CaissonException)
        {
            return false; // damaged: it signs nothing
        }
    }

    /// <summary>Documents about one image as they come from registries that nobody trusts.</summary>
    private sealed class ArrivingReferrers(ImageStore store, ContentLeases.Lease lease)
    {
        private readonly Lock _sync = new();
        private readonly List<Digest> _documents = [];
        private readonly HashSet<Digest> _seen = [];
        private readonly List<string> _failures = [];
        private long _bytesLeft = ReferrerBytesMax;

        /// <summary>What has come and is in the store.</summary>
        public IReadOnlyList<Digest> Documents
        {
            get
            {
                lock (_sync)
                {
                    return [.. _documents];
                }
            }
        }

        /// <summary>What could not be fetched, and why.</summary>
        public IReadOnlyList<string> Failures => _failures;

        public bool HasSignature => store.ReadSignatures(Documents).Count > 0;

        /// <summary>Keeps the index that the image was chosen from; false when it lists the image only by way of another index.</summary>
        public bool TryKeepIndex(RegistryDocument index, Digest manifest)
        {
            if (ImageIndex.Parse(index.Content, index.MediaType, $"index {index.Digest}").Manifests.All(entry => entry.Digest != manifest))
            {
                return false;
            }
            lease.Hold(index.Digest);
            store.Store(index);
            _documents.Add(index.Digest);
            return true;
        }

        /// <summary>Takes cosign's signatures of <paramref name="subject"/> by their tag.</summary>
        public Task TakeTaggedAsync(RegistryRepository place, Digest subject, CancellationToken cancellation) => ReportingAsync(place, async () =>
        {
            if (await place.TryGetManifestAsync(SimpleSigning.TagOf(subject), cancellation) is { } document)
            {
                ImageManifest artifact = ImageManifest.Parse(document.Content, document.MediaType, $"signatures of {subject}");
                if (artifact.Layers.Any(layer => layer.MediaType == SimpleSigning.MediaType))
                {
                    await TakeAsync(place, document, artifact, subject, cancellation);
                }
            }
        });

        /// <summary>Takes what the registry lists as referring to <paramref name="subject"/>, signatures first.</summary>
        public Task TakeListedAsync(RegistryRepository place, Digest subject, CancellationToken cancellation) => ReportingAsync(place, async () =>
        {
            IReadOnlyList<ContentDescriptor> listed = await place.ReferrersAsync(subject, null, cancellation);
            ContentDescriptor[] wanted = [.. listed
                .Where(each => MediaTypes.IsManifest(each.MediaType) && each.Size <= ImageManifest.SizeBytesMax)
                .DistinctBy(each => each.Digest)
                .OrderBy(each => each.ArtifactType == SimpleSigning.ArtifactType || SigstoreBundle.IsBundle(each.ArtifactType) ? 0 : 1)];
            foreach (ContentDescriptor each in wanted.Take(ReferrersMax))
            {
                await ReportingAsync(place, async () =>
                {
                    RegistryDocument document = await place.GetManifestAsync(each.Digest.ToString(), cancellation);
                    ImageManifest artifact = ImageManifest.Parse(document.Content, each.MediaType, $"referrer {each.Digest} of {subject}");
                    if (artifact.Subject?.Digest != subject)
                    {
                        throw new CaissonException(ErrorKind.InvalidArgument, $"{each.Digest} is listed as referring to {subject}, and does not");
                    }
                    await TakeAsync(place, document with { MediaType = each.MediaType }, artifact, subject, cancellation);
                });
            }
            if (wanted.Length > ReferrersMax)
            {
                throw new CaissonException(ErrorKind.ResourceExhausted, $"{place.Name} lists {wanted.Length} documents about {subject}; {ReferrersMax} are taken");
            }
        });

        private async Task TakeAsync(RegistryRepository place, RegistryDocument document, ImageManifest artifact, Digest subject, CancellationToken cancellation)
        {
            if (artifact.Subject is { } about && about.Digest != subject)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"{document.Digest} of {place.Name} is about {about.Digest}, not about {subject}");
            }
            ContentDescriptor[] content = [.. artifact.Layers.Append(artifact.Config).DistinctBy(blob => blob.Digest)];
            if (content.FirstOrDefault(blob => blob.Size is < 0 or > SignatureBytesMax) is { } large)
            {
                throw new CaissonException(ErrorKind.ResourceExhausted,
                    $"{document.Digest} of {place.Name} has content of {large.Size} bytes; at most {SignatureBytesMax} are taken");
            }
            lock (_sync)
            {
                long size = document.Content.Length + content.Sum(blob => blob.Size);
                if (!_seen.Add(document.Digest))
                {
                    return;
                }
                if (size > _bytesLeft)
                {
                    throw new CaissonException(ErrorKind.ResourceExhausted,
                        $"what {place.Name} has about {subject} is more than {ReferrerBytesMax} bytes, which is the most that is taken");
                }
                _bytesLeft -= size;
            }
            foreach (ContentDescriptor blob in content)
            {
                lease.Hold(blob.Digest);
                if (!store._blobs.Contains(blob.Digest))
                {
                    byte[] bytes = await place.ReadBlobAsync(blob, SignatureBytesMax, cancellation);
                    store.Store(new RegistryDocument(blob.Digest, blob.MediaType, bytes));
                }
            }
            lease.Hold(document.Digest);
            store.Store(document);
            lock (_sync)
            {
                _documents.Add(document.Digest);
            }
        }

        /// <summary>Whether what is missing matters is for the policy to say.</summary>
        private async Task ReportingAsync(RegistryRepository place, Func<Task> take)
        {
            try
            {
                await take();
            }
            catch (Exception e) when (e is CaissonException or OperationCanceledException)
            {
                lock (_sync)
                {
                    _failures.Add(e is CaissonException ? e.Message : $"{place.Name} takes too long to say what it has about the image");
                }
            }
        }
    }
}
