using Caisson.Errors;
using Caisson.Images.Layers;
using Caisson.Images.Registry;
using Caisson.Images.Store;
using Caisson.Oci;

namespace Caisson.Images;

/// <summary>How an image is fetched.</summary>
public sealed record PullOptions
{
    /// <summary>Which of an image's platforms; null for this machine's.</summary>
    public Platform? Platform { get; init; }

    /// <summary>Who asks; null for anybody.</summary>
    public RegistryCredentials? Credentials { get; init; }

    /// <summary>Asked before anything but documents is fetched, of what the trust policy allows; refuses by throwing. Null: that is taken.</summary>
    public Func<FoundImage, CancellationToken, Task>? Admit { get; init; }
}

/// <summary>An image that was found in a registry and is not fetched yet.</summary>
/// <param name="Name">What was asked for.</param>
/// <param name="Found">What the name means there: a manifest, or an index.</param>
/// <param name="Manifest">The manifest for the platform; the same as <paramref name="Found"/> where there is no index.</param>
/// <param name="Repository">Where it was found.</param>
public sealed record FoundImage(Reference Name, RegistryDocument Found, RegistryDocument Manifest, RegistryRepository Repository);

/// <summary>An image that was fetched.</summary>
/// <param name="Image">As it is kept now.</param>
/// <param name="Digest">What the name means in the registry: the digest of an index, or of the manifest.</param>
/// <param name="IsNew">False when the store had all of it under this name.</param>
public sealed record PulledImage(Image Image, Digest Digest, bool IsNew);

/// <summary>An image that was sent.</summary>
/// <param name="Name">With the tag it was given there.</param>
/// <param name="Manifest">Its manifest.</param>
public sealed record PushedImage(Reference Name, ContentDescriptor Manifest);

public sealed partial class ImageStore
{
    private const int LayersAtOnce = 4;
    private const int IndexDepthMax = 3;
    private const int GivenUpMax = 8;

    private static readonly TimeSpan _givenUpKept = TimeSpan.FromMinutes(10);

    private readonly Queue<(DateTimeOffset Until, ContentLeases.Lease Lease)> _givenUp = [];

    private readonly RegistryHttp _http;
    private readonly BlobDownloads _downloads;

    internal BlobDownloads Downloads => _downloads;

    /// <summary>Fetches an image and its signatures from its registry or a mirror of it, and unpacks its layers while they arrive.</summary>
    /// <param name="reference">With a tag or a digest; <c>latest</c> without either.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told stages and bytes; called from several threads.</param>
    /// <param name="cancellation">
    /// Ends the work. What others wait for goes on; layers that came whole stay until the first collection after ten minutes, for another try.
    /// </param>
    /// <exception cref="CaissonException">
    /// It is not there, may not be had, is not what the registry says, or is refused by the trust policy; nothing is kept.
    /// </exception>
    public async Task<PulledImage> PullAsync(
        Reference reference, PullOptions options, IProgress<ImageProgress>? progress = null, CancellationToken cancellation = default)
    {
        reference = reference.WithDefaultTag();
        ContentLeases.Lease lease = _leases.Open();
        try
        {
            (FoundImage found, IReadOnlyList<RegistryRepository> places) = await FindAsync(reference, options, cancellation);
            IReadOnlyList<Digest> referrers = await AdmitAsync(found, places, lease, progress, cancellation);
            await (options.Admit?.Invoke(found, cancellation) ?? Task.CompletedTask);
            PulledImage pulled = await FetchAsync(found, referrers, places, options, lease, progress, cancellation);
            lease.Dispose();
            return pulled;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            KeepGivenUp(lease);
            throw;
        }
        catch (Exception)
        {
            lease.Dispose();
            CollectGarbage();
            throw;
        }
    }

    /// <summary>Keeps the whole layers of a pull that was given up, so that the next try goes on there.</summary>
    private void KeepGivenUp(ContentLeases.Lease lease)
    {
        lock (_givenUp)
        {
            _givenUp.Enqueue((_time.GetUtcNow() + _givenUpKept, lease));
        }
        CollectGarbage();
    }

    /// <summary>Lets go of what nobody has come back for; of the oldest, too, when there are many.</summary>
    private void ReleaseGivenUp()
    {
        lock (_givenUp)
        {
            while (_givenUp.TryPeek(out (DateTimeOffset Until, ContentLeases.Lease Lease) oldest)
                && (oldest.Until <= _time.GetUtcNow() || _givenUp.Count > GivenUpMax))
            {
                _givenUp.Dequeue().Lease.Dispose();
            }
        }
    }

    /// <summary>Sends an image and what is kept about it, its signatures, to its registry.</summary>
    /// <param name="reference">A name with a tag that an image of this store has.</param>
    /// <param name="credentials">Who sends it; null for anybody.</param>
    /// <param name="progress">Told stages and bytes; called from several threads.</param>
    /// <param name="cancellation">Ends the work.</param>
    public async Task<PushedImage> PushAsync(
        Reference reference, RegistryCredentials? credentials, IProgress<ImageProgress>? progress = null, CancellationToken cancellation = default)
    {
        reference = reference.WithDefaultTag();
        Image image = TryResolve(reference.ToString())
            ?? throw new CaissonException(ErrorKind.NotFound, $"An image does not exist locally with the tag: {reference.FamiliarName}");
        if (reference.Tag is null)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"cannot push {reference.Familiar}: an image is sent under a tag");
        }
        using ContentLeases.Lease lease = _leases.Open();
        HoldAll(lease, image);
        RegistryPlace place = _http.Settings.PlacesOf(reference, mirrors: false)[^1];
        var repository = new RegistryRepository(_http, place, credentials);
        string[] sources = [.. SourcesOf(image, reference, place.Repository)];

        using var slots = new SemaphoreSlim(LayersAtOnce);
        ContentDescriptor[] layers = [.. image.Manifest.Layers.DistinctBy(layer => layer.Digest)];
        foreach (ContentDescriptor layer in layers)
        {
            progress?.Report(new ImageProgress(ImageStage.Preparing, layer.Digest, 0, layer.Size));
        }
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task[] sending = [.. layers.Append(image.Manifest.Config).Select(blob => SendAsync(repository, blob, sources, slots, progress, stop))];
        try
        {
            await Task.WhenAll(sending);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested
            && sending.FirstOrDefault(task => task.IsFaulted) is { } failed)
        {
            await failed; // the others were only stopped because of it
        }
        byte[] manifest = _blobs.ReadAll(image.ManifestDigest, ImageManifest.SizeBytesMax);
        string mediaType = image.Manifest.MediaType ?? MediaTypes.ImageManifest;
        var descriptor = new ContentDescriptor { MediaType = mediaType, Digest = image.ManifestDigest, Size = manifest.Length };
        (ContentDescriptor named, byte[] document) = await PutPartsAsync(repository, image, descriptor, manifest, cancellation);
        if (image.Record.Referrers.Count > 0)
        {
            // The tag comes last, so that nobody meets it without its signatures.
            await repository.PutManifestAsync(image.ManifestDigest.ToString(), descriptor.MediaType, manifest, cancellation);
            await SendReferrersAsync(repository, image, named.Digest, lease, cancellation);
        }
        await repository.PutManifestAsync(reference.Tag, named.MediaType, document, cancellation);
        Register(image.ManifestDigest, null, [reference.WithDigest(named.Digest)]);
        return new PushedImage(reference, named);
    }

    /// <summary>What a name of an image stands for in a registry: one that was built into a list of images goes there with all of the list.</summary>
    private async Task<(ContentDescriptor Named, byte[] Document)> PutPartsAsync(
        RegistryRepository repository, Image image, ContentDescriptor descriptor, byte[] manifest, CancellationToken cancellation)
    {
        if (FindWholeIndex(image) is not { } whole)
        {
            return (descriptor, manifest);
        }
        foreach (ContentDescriptor entry in whole.Index.Manifests)
        {
            byte[] content = _blobs.ReadAll(entry.Digest, ImageManifest.SizeBytesMax);
            if (entry.Digest != image.ManifestDigest)
            {
                ImageManifest other = ImageManifest.Parse(content, entry.MediaType, $"manifest {entry.Digest}");
                foreach (ContentDescriptor blob in other.Layers.Append(other.Config).DistinctBy(blob => blob.Digest))
                {
                    _ = await repository.PutBlobAsync(blob, () => _blobs.OpenRead(blob.Digest), [], null, cancellation);
                }
            }
            await repository.PutManifestAsync(entry.Digest.ToString(), entry.MediaType, content, cancellation);
        }
        string mediaType = whole.Index.MediaType ?? MediaTypes.ImageIndex;
        return (new ContentDescriptor { MediaType = mediaType, Digest = Digest.Of(whole.Content), Size = whole.Content.Length }, whole.Content);
    }

    /// <summary>The repository that <paramref name="reference"/> is in, for whoever wants other documents of it than an image.</summary>
    /// <param name="reference">Registry and repository; the rest does not matter.</param>
    /// <param name="credentials">Who asks; null for anybody.</param>
    public RegistryRepository OpenRepository(Reference reference, RegistryCredentials? credentials) =>
        new(_http, _http.Settings.PlacesOf(reference, mirrors: false)[^1], credentials);

    /// <summary>Sees whether a registry lets a user in.</summary>
    /// <param name="domain">The registry, as references have it.</param>
    /// <param name="credentials">The user.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.PermissionDenied"/>: it does not.</exception>
    public Task LogInAsync(string domain, RegistryCredentials credentials, CancellationToken cancellation = default) =>
        OpenRepository(Reference.Parse($"{domain}/x"), credentials).CheckAccessAsync(cancellation);

    /// <summary>What an image is in its registry, without fetching it: its descriptor and its platforms.</summary>
    public async Task<(ContentDescriptor Descriptor, IReadOnlyList<Platform> Platforms)> DescribeAsync(
        Reference reference, RegistryCredentials? credentials, CancellationToken cancellation = default)
    {
        reference = reference.WithDefaultTag();
        RegistryRepository repository = OpenRepository(reference, credentials);
        RegistryDocument document = await repository.GetManifestAsync(reference.Digest?.ToString() ?? reference.Tag!, cancellation);
        string mediaType = TypeOf(document);
        var descriptor = new ContentDescriptor { MediaType = mediaType, Digest = document.Digest, Size = document.Content.Length };
        string subject = $"{reference.Familiar} ({document.Digest})";
        if (MediaTypes.IsIndex(mediaType))
        {
            return (descriptor, [.. ImageIndex.Parse(document.Content, mediaType, subject).Manifests
                .Select(each => each.Platform).OfType<Platform>().Where(platform => platform.Os != "unknown")]);
        }
        ImageManifest manifest = ImageManifest.Parse(document.Content, mediaType, subject);
        if (!MediaTypes.IsConfig(manifest.Config.MediaType))
        {
            return (descriptor, []);
        }
        ImageConfig config = ImageConfig.Parse(
            await repository.ReadBlobAsync(manifest.Config, ImageConfig.SizeBytesMax, cancellation), $"configuration {manifest.Config.Digest}");
        return (descriptor, [new Platform { Os = config.Os, Architecture = config.Architecture, Variant = config.Variant }]);
    }

    private async Task<(FoundImage Found, IReadOnlyList<RegistryRepository> Places)> FindAsync(
        Reference reference, PullOptions options, CancellationToken cancellation)
    {
        RegistryRepository[] places = [.. _http.Settings.PlacesOf(reference, mirrors: true)
            .Select(place => new RegistryRepository(_http, place, options.Credentials))];
        string name = reference.Digest?.ToString() ?? reference.Tag!;
        Platform platform = options.Platform ?? HostPlatform;
        for (int i = 0; ; i++)
        {
            try
            {
                RegistryDocument found = await places[i].GetManifestAsync(name, cancellation);
                RegistryDocument manifest = await ManifestForAsync(places[i], found, platform, $"{reference.Familiar}", cancellation);
                return (new FoundImage(reference, found, manifest, places[i]), places[i..]);
            }
            catch (CaissonException) when (i + 1 < places.Length)
            {
                // Mirrors may lack it, or be down, or lie: the next is asked, and the registry itself in the end.
            }
            catch (CaissonException e) when (e.Kind is ErrorKind.PermissionDenied)
            {
                throw new CaissonException(ErrorKind.NotFound, // registries do not say which of the two it is, and docker's clients look for this
                    $"pull access denied for {reference.FamiliarName}, repository does not exist or may require 'caisson login': {e.Message}", e);
            }
            catch (CaissonException e) when (e.Kind is ErrorKind.NotFound)
            {
                throw new CaissonException(ErrorKind.NotFound, $"manifest for {reference.Familiar} not found: {e.Message}", e);
            }
        }
    }

    private static async Task<RegistryDocument> ManifestForAsync(
        RegistryRepository place, RegistryDocument document, Platform platform, string subject, CancellationToken cancellation)
    {
        for (int depth = 0; MediaTypes.IsIndex(TypeOf(document)); depth++)
        {
            ImageIndex index = ImageIndex.Parse(document.Content, document.MediaType, $"{subject} ({document.Digest})");
            ContentDescriptor chosen = index.Choose(platform)
                ?? throw new CaissonException(ErrorKind.NotFound,
                    $"no matching manifest for {platform} in the manifest list entries of {subject}; it has {string.Join(", ", index.Manifests.Select(each => each.Platform).OfType<Platform>().Where(each => each.Os != "unknown").Distinct())}");
            if (depth == IndexDepthMax)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"{subject}: lists of images within lists, more than {IndexDepthMax} deep");
            }
            RegistryDocument next = await place.GetManifestAsync(chosen.Digest.ToString(), cancellation);
            if (next.Content.Length != chosen.Size)
            {
                throw new CaissonException(ErrorKind.InvalidArgument,
                    $"{subject}: manifest {chosen.Digest} has {next.Content.Length} bytes instead of the stated {chosen.Size}");
            }
            if (next.MediaType is { } told && told != chosen.MediaType)
            {
                throw new CaissonException(ErrorKind.InvalidArgument,
                    $"{subject}: manifest {chosen.Digest} was announced as '{chosen.MediaType}', and the registry calls it '{told}'");
            }
            document = next with { MediaType = chosen.MediaType };
        }
        return document;
    }

    /// <summary>What the registry called the document, or what it calls itself.</summary>
    private static string TypeOf(RegistryDocument document)
    {
        string? type = document.MediaType ?? RegistryJson.ReadMediaType(document.Content, $"manifest {document.Digest}");
        if (type is "application/vnd.docker.distribution.manifest.v1+json" or "application/vnd.docker.distribution.manifest.v1+prettyjws")
        {
            throw new CaissonException(ErrorKind.Unimplemented,
                $"manifest {document.Digest} is of Docker's schema 1, which nothing makes any more and which names no verified content; push the image again");
        }
        return MediaTypes.IsIndex(type) || MediaTypes.IsManifest(type)
            ? type!
            : throw new CaissonException(ErrorKind.InvalidArgument, $"manifest {document.Digest} is of type '{type ?? "unknown"}', which is no image");
    }

    private async Task<PulledImage> FetchAsync(
        FoundImage found,
        IReadOnlyList<Digest> referrers,
        IReadOnlyList<RegistryRepository> places,
        PullOptions options,
        ContentLeases.Lease lease,
        IProgress<ImageProgress>? progress,
        CancellationToken cancellation)
    {
        RegistryDocument document = found.Manifest;
        string mediaType = TypeOf(document);
        ImageManifest manifest = ImageManifest.Parse(document.Content, mediaType, $"manifest {document.Digest}");
        RefuseForeign(manifest, found.Name);
        using var slots = new SemaphoreSlim(LayersAtOnce);
        using var arriving = new ArrivingArchives(_blobs, _downloads, places, progress);

        lease.Hold(manifest.Config.Digest);
        if (manifest.Config.Size > ImageConfig.SizeBytesMax)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{found.Name.Familiar}: its configuration is stated to have {manifest.Config.Size} bytes; at most {ImageConfig.SizeBytesMax} are read");
        }
        arriving.Want(manifest.Config, tell: false);
        await arriving.WholeAsync(manifest.Config).WaitAsync(cancellation);
        Image image = _reader.Examine(document.Digest, mediaType);
        CheckPlatform(image, found, options.Platform);
        HoldAll(lease, image);
        bool isKept = _catalog.Find(found.Name.ToString())?.Manifest == document.Digest;
        foreach (LayerSource layer in image.Layers.DistinctBy(layer => layer.Blob.Digest))
        {
            arriving.Want(layer.Blob, tell: true);
        }
        bool isNew = arriving.Count > 1;
        await _layers.EnsureAsync(image.Layers, arriving, progress, cancellation);
        // Layers that were unpacked already, of archives that were not kept.
        await arriving.AllWholeAsync().WaitAsync(cancellation);

        Reference[] names = found.Name.Digest is { } asked
            ? [found.Name.WithDigest(asked)]
            : [found.Name, found.Name.WithDigest(found.Found.Digest)];
        return new PulledImage(Register(document.Digest, mediaType, names, referrers), found.Found.Digest, isNew || !isKept);
    }

    private void Store(RegistryDocument document)
    {
        if (_blobs.Contains(document.Digest))
        {
            return;
        }
        using BlobWriteStream writer = _blobs.CreateWriter(document.Digest, document.Content.Length);
        writer.Write(document.Content);
        writer.Commit(document.Content.Length);
    }

    private static void RefuseForeign(ImageManifest manifest, Reference name)
    {
        if (!MediaTypes.IsConfig(manifest.Config.MediaType))
        {
            throw new CaissonException(ErrorKind.InvalidArgument,
                $"{name.Familiar} is an artifact of type '{manifest.ArtifactType ?? manifest.Config.MediaType}', no image that runs");
        }
        foreach (ContentDescriptor layer in manifest.Layers)
        {
            if (layer.MediaType.Contains("foreign", StringComparison.Ordinal) || layer.MediaType.Contains("nondistributable", StringComparison.Ordinal))
            {
                throw new CaissonException(ErrorKind.InvalidArgument,
                    $"{name.Familiar} has a foreign layer ({layer.MediaType}), whose content is to come from elsewhere than its registry: refused");
            }
            if (!MediaTypes.IsLayer(layer.MediaType))
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"{name.Familiar} has a layer of type '{layer.MediaType}', which is not supported");
            }
        }
    }

    private static void CheckPlatform(Image image, FoundImage found, Platform? wanted)
    {
        if (wanted is not null && (image.Config.Os != wanted.Os || image.Config.Architecture != wanted.Architecture))
        {
            throw new CaissonException(ErrorKind.NotFound,
                $"image with reference {found.Name.Familiar} was found but does not match the specified platform: wanted {wanted}, actual: {image.Config.Os}/{image.Config.Architecture}");
        }
    }

    /// <summary>Other repositories of the same registry whose images share layers with this one, as our names say.</summary>
    private IEnumerable<string> SourcesOf(Image image, Reference target, string repository)
    {
        HashSet<Digest> layers = [.. image.Manifest.Layers.Select(layer => layer.Digest)];
        return List().Where(other => other.Manifest.Layers.Any(layer => layers.Contains(layer.Digest)))
            .SelectMany(other => other.Record.Names)
            .Select(Reference.Parse)
            .Where(name => name.Domain == target.Domain && name.Digest is not null)
            .Select(name => _http.Settings.PlacesOf(name, mirrors: false)[^1].Repository)
            .Where(name => name != repository)
            .Distinct()
            .Take(3);
    }

    private async Task SendAsync(
        RegistryRepository repository,
        ContentDescriptor blob,
        IReadOnlyList<string> sources,
        SemaphoreSlim slots,
        IProgress<ImageProgress>? progress,
        CancellationTokenSource stop)
    {
        bool isConfig = MediaTypes.IsConfig(blob.MediaType);
        try
        {
            await slots.WaitAsync(stop.Token);
            try
            {
                IProgress<long>? bytes = progress is null || isConfig
                    ? null
                    : new Told<long>(sent => progress.Report(new ImageProgress(ImageStage.Sending, blob.Digest, sent, blob.Size)));
                (BlobArrival arrival, string? source) = await repository.PutBlobAsync(
                    blob, () => _blobs.OpenRead(blob.Digest), isConfig ? [] : sources, bytes, stop.Token);
                if (!isConfig)
                {
                    progress?.Report(arrival switch
                    {
                        BlobArrival.Present => new ImageProgress(ImageStage.Present, blob.Digest, 0, blob.Size),
                        BlobArrival.Mounted => new ImageProgress(ImageStage.Mounted, blob.Digest, 0, blob.Size, source),
                        _ => new ImageProgress(ImageStage.Sent, blob.Digest, 0, blob.Size),
                    });
                }
            }
            finally
            {
                slots.Release();
            }
        }
        catch (Exception) when (!stop.IsCancellationRequested)
        {
            await stop.CancelAsync();
            throw;
        }
    }

    /// <summary>Progress without a synchronization context: called where it is reported.</summary>
    private sealed class Told<T>(Action<T> report) : IProgress<T>
    {
        public void Report(T value) => report(value);
    }

    /// <summary>The archives of one pull, some of them on their way.</summary>
    private sealed class ArrivingArchives(
        BlobStore blobs, BlobDownloads downloads, IReadOnlyList<RegistryRepository> places, IProgress<ImageProgress>? progress) : ILayerArchives, IDisposable
    {
        private readonly Dictionary<Digest, BlobDownloads.Share> _shares = [];
        private readonly SemaphoreSlim _slots = new(LayersAtOnce);

        public SemaphoreSlim? Workers { get; } = new(Math.Max(2, Environment.ProcessorCount));

        /// <summary>How many blobs the store did not have.</summary>
        public int Count => _shares.Count;

        /// <summary>Begins to fetch what the store lacks.</summary>
        public void Want(ContentDescriptor blob, bool tell)
        {
            if (_shares.ContainsKey(blob.Digest))
            {
                return;
            }
            if (tell)
            {
                progress?.Report(new ImageProgress(ImageStage.Waiting, blob.Digest, 0, blob.Size));
            }
            if (downloads.Join(blob, places, _slots, tell ? progress : null) is { } share)
            {
                _shares.Add(blob.Digest, share);
            }
        }

        public Stream OpenRead(ContentDescriptor blob) =>
            _shares.TryGetValue(blob.Digest, out BlobDownloads.Share? share) ? share.Download.OpenRead() : blobs.OpenRead(blob.Digest);

        public Task WholeAsync(ContentDescriptor blob) =>
            _shares.TryGetValue(blob.Digest, out BlobDownloads.Share? share) ? share.Download.Whole : Task.CompletedTask;

        public Task AllWholeAsync() => Task.WhenAll(_shares.Values.Select(share => share.Download.Whole));

        /// <summary>Lets go. What waits for workers or slots may outlive this, so neither is disposed: they hold nothing.</summary>
        public void Dispose()
        {
            foreach (BlobDownloads.Share share in _shares.Values)
            {
                share.Dispose();
            }
        }
    }
}
