using Caisson.Errors;
using Caisson.Images.Layers;
using Caisson.Images.Layers.Tar;
using Caisson.Images.Registry;
using Caisson.Images.Snapshots;
using Caisson.Images.Store;
using Caisson.Images.Trust;
using Caisson.Linux;
using Caisson.Oci;

namespace Caisson.Images;

/// <summary>Images of one root directory: their content, their unpacked layers, and containers' root filesystems over them.</summary>
/// <remarks>
/// For several threads. Everything it keeps survives <c>kill -9</c>; only one process may have the directory open at a time.
/// Names are kept in full and understood as Docker does.
/// </remarks>
public sealed partial class ImageStore : IDisposable
{
    private readonly Lock _names = new();
    private readonly IImageCatalog _catalog;
    private readonly TarLimits _limits;
    private readonly TimeProvider _time;
    private readonly ContentLeases _leases = new();
    private readonly BlobStore _blobs;
    private readonly LayerStore _layers;
    private readonly SnapshotStore _snapshots;
    private readonly ImageReader _reader;
    private readonly string _empty;
    private volatile IReadOnlyList<Func<IEnumerable<Digest>>> _keepers = [];

    private ImageStore(string root, IImageCatalog catalog, TarLimits limits, TimeProvider time, RegistrySettings registries)
    {
        _catalog = catalog;
        _limits = limits;
        _time = time;
        _blobs = BlobStore.Open(root);
        _layers = LayerStore.Open(root, _blobs, limits);
        _blobs.Maker = _layers;
        _snapshots = SnapshotStore.Open(root, _layers);
        _reader = new ImageReader(_blobs, _layers);
        _empty = Path.Join(root, "empty");
        _http = new RegistryHttp(registries);
        _downloads = new BlobDownloads(_blobs);
        Trust = new ImageTrust(this, [Path.Join(root, ImageTrust.PolicyFileName), ImageTrust.SystemPolicyPath]);
    }

    /// <summary>Opens the store below <paramref name="root"/>, creating what is missing and removing what a crash left.</summary>
    /// <param name="root">A directory; created with mode 0700.</param>
    /// <param name="catalog">Which images are kept; stays the caller's.</param>
    /// <param name="limits">What archives may ask for; null for <see cref="TarLimits.Default"/>.</param>
    /// <param name="time">The clock; null for the system's.</param>
    /// <param name="registries">How registries are reached; null for nothing special.</param>
    public static ImageStore Open(
        string root, IImageCatalog catalog, TarLimits? limits = null, TimeProvider? time = null, RegistrySettings? registries = null)
    {
        string full = Path.GetFullPath(root);
        DurableFile.CreateDurableDirectory(full);
        return new ImageStore(full, catalog, limits ?? TarLimits.Default, time ?? TimeProvider.System, registries ?? RegistrySettings.None);
    }

    /// <summary>The content store, for what pulls and pushes. Content that no image refers to goes with the next collection.</summary>
    public BlobStore Blobs => _blobs;

    /// <summary>Which images may be used.</summary>
    public ImageTrust Trust { get; }

    /// <summary>The root filesystems of containers.</summary>
    public SnapshotStore Snapshots => _snapshots;

    /// <summary>All images, newest first.</summary>
    /// <param name="problems">Told of images whose documents are missing or damaged; such are left out.</param>
    public IReadOnlyList<Image> List(ICollection<Problem>? problems = null)
    {
        List<Image> images = [];
        foreach (ImageRecord record in _catalog.List())
        {
            try
            {
                images.Add(_reader.Read(record));
            }
            catch (CaissonException e)
            {
                problems?.Add(new Problem($"/images/{record.Manifest}", e.Message));
            }
        }
        images.Sort((a, b) => (b.Config.Created ?? b.Record.Added).CompareTo(a.Config.Created ?? a.Record.Added));
        return images;
    }

    /// <summary>The image that <paramref name="text"/> means: a name, a name with a digest, an id, or the start of an id.</summary>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.NotFound"/>: none; <see cref="ErrorKind.InvalidArgument"/>: malformed, or the start of several ids.
    /// </exception>
    public Image Resolve(string text) => TryResolve(text)
        ?? throw new CaissonException(ErrorKind.NotFound, $"No such image: {DisplayName(text)}");

    /// <summary>As <see cref="Resolve"/>; null when there is none.</summary>
    public Image? TryResolve(string text) => FindRecord(text) is { } record ? _reader.Read(record) : null;

    /// <summary>The image of a manifest, also when containers alone keep it; null when its documents are gone.</summary>
    /// <param name="manifest">The digest of its manifest.</param>
    public Image? TryFind(Digest manifest)
    {
        ImageRecord record = _catalog.Find(manifest) ?? new ImageRecord(manifest, [], default);
        return _blobs.Contains(manifest) ? _reader.Read(record) : null;
    }

    /// <summary>Lets <paramref name="look"/> read the files of an unpacked image, without running anything of it.</summary>
    /// <param name="image">Unpacked by <see cref="EnsureUnpackedAsync"/>.</param>
    /// <param name="look">Given the root for as long as it works.</param>
    public T Look<T>(Image image, Func<RootDirectory, T> look)
    {
        using ContentLeases.Lease lease = _leases.Open();
        HoldAll(lease, image);
        using MountTree view = _snapshots.OpenView([.. image.Layers.Select(layer => layer.ChainId)]);
        using RootDirectory root = RootDirectory.From(view);
        return look(root);
    }

    /// <summary>What layers are together, as a detached mount that cannot be written; the caller disposes it.</summary>
    /// <param name="layers">Chain ids of unpacked layers, lowest first, which somebody keeps (<see cref="KeepAlso"/>).</param>
    /// <param name="owners">A user namespace through whose map the files' owners are shown; null for none.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: one is not there.</exception>
    public MountTree OpenLayers(IReadOnlyList<Digest> layers, UserNamespace? owners = null) => _snapshots.OpenView(layers, owners);

    /// <summary>Unpacks the layers of an image that are not unpacked yet.</summary>
    /// <param name="image">Resolved from this store.</param>
    /// <param name="progress">Told stages and bytes; called from several threads.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    /// <exception cref="CaissonException">A layer is missing, is not what the image says, or is refused.</exception>
    public async Task EnsureUnpackedAsync(
        Image image, IProgress<ImageProgress>? progress = null, CancellationToken cancellation = default)
    {
        using ContentLeases.Lease lease = _leases.Open();
        HoldAll(lease, image);
        await _layers.EnsureAsync(image.Layers, progress, cancellation);
    }

    /// <summary>Makes a container's root filesystem over an unpacked image.</summary>
    /// <param name="containerId">Generated by the engine; never a name that a user gave.</param>
    /// <param name="image">Unpacked by <see cref="EnsureUnpackedAsync"/>.</param>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.AlreadyExists"/>; <see cref="ErrorKind.FailedPrecondition"/>: not unpacked.
    /// </exception>
    public Snapshot CreateSnapshot(string containerId, Image image)
    {
        using ContentLeases.Lease lease = _leases.Open();
        HoldAll(lease, image);
        return _snapshots.Create(containerId, image.ToSnapshotRecord());
    }

    /// <summary>Begins to make an image step by step; what it uses and makes is held until it is disposed.</summary>
    public ImageBuild BeginBuild() => new(this, _blobs, _layers, _snapshots, _leases.Open(), _empty);

    /// <summary>Removes a container's root filesystem; false when it has none. Its mount must be gone.</summary>
    public bool RemoveSnapshot(string containerId) => _snapshots.Remove(containerId);

    /// <summary>Keeps an image whose documents and layers are in <see cref="Blobs"/>, under <paramref name="names"/>.</summary>
    /// <param name="manifest">The digest of its manifest.</param>
    /// <param name="mediaType">What the manifest was announced as; null when it was not.</param>
    /// <param name="names">References with a tag or a digest; taken from images that had them. None for a dangling image.</param>
    /// <param name="referrers">Documents about it that come with it, as for <see cref="Attach"/>; null for none.</param>
    /// <exception cref="CaissonException">Something is missing, or the documents contradict each other.</exception>
    public Image Register(Digest manifest, string? mediaType, IEnumerable<Reference> names, IReadOnlyCollection<Digest>? referrers = null)
    {
        _reader.Check(manifest, mediaType);
        foreach (Digest referrer in referrers ?? [])
        {
            CheckReferrer(manifest, referrer);
        }
        string[] added = [.. names.Select(name => name.WithDefaultTag().ToString())];
        lock (_names)
        {
            ImageRecord record = _catalog.Find(manifest) ?? new ImageRecord(manifest, [], _time.GetUtcNow());
            _catalog.Put(record with
            {
                Names = [.. record.Names.Union(added).Order(StringComparer.Ordinal)],
                Referrers = [.. WithoutReplaced(record.Referrers, referrers ?? []).Union(referrers ?? [])],
            });
        }
        return _reader.Read(_catalog.Find(manifest)!);
    }

    /// <summary>Gives an image one more name, which is taken from the image that had it.</summary>
    /// <param name="image">As for <see cref="Resolve"/>.</param>
    /// <param name="name">The new name; <c>:latest</c> unless it has a tag. A digest cannot be given.</param>
    public Image Tag(string image, string name)
    {
        Reference reference = Reference.Parse(name);
        if (reference.Digest is not null)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"cannot tag with '{name}': a digest is not given but computed");
        }
        lock (_names)
        {
            ImageRecord record = FindRecord(image)
                ?? throw new CaissonException(ErrorKind.NotFound, $"No such image: {DisplayName(image)}");
            _catalog.Put(record with { Names = [.. record.Names.Append(reference.WithDefaultTag().ToString())] });
            return _reader.Read(_catalog.Find(record.Manifest)!);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _http.Dispose();
        _layers.Dispose();
    }

    private static void HoldAll(ContentLeases.Lease lease, Image image)
    {
        lease.Hold(image.ManifestDigest);
        lease.Hold(image.Id);
        foreach (LayerSource layer in image.Layers)
        {
            lease.Hold(layer.Blob.Digest);
            lease.Hold(layer.ChainId);
        }
    }

    private ImageRecord? FindRecord(string text)
    {
        if (Digest.TryParse(text, out Digest digest))
        {
            return _catalog.Find(digest) ?? FindById(digest.Hex);
        }
        if (Reference.TryParse(text, out Reference? reference) && FindByName(reference) is { } named)
        {
            return named;
        }
        if (text.Length is > 0 and <= 64 && text.All(char.IsAsciiHexDigitLower))
        {
            return FindById(text);
        }
        _ = reference ?? Reference.Parse(text);
        return null;
    }

    private ImageRecord? FindByName(Reference reference)
    {
        if (reference.Digest is not { } digest)
        {
            return _catalog.Find(reference.WithDefaultTag().ToString());
        }
        // A digest names a manifest, or the list of platforms that the image was chosen from.
        return _catalog.Find(digest) is { } record && record.Names.Any(name => Reference.Parse(name).Name == reference.Name)
            ? record
            : _catalog.Find(reference.WithDigest(digest).ToString());
    }

    /// <summary>By the start of the image id. Several manifests may share a configuration; the one with names is meant.</summary>
    private ImageRecord? FindById(string prefix)
    {
        Image[] found = [.. List().Where(image => image.Id.Hex.StartsWith(prefix, StringComparison.Ordinal))];
        return found.DistinctBy(image => image.Id).Count() > 1
            ? throw new CaissonException(ErrorKind.InvalidArgument, $"'{prefix}' is the start of several image ids; give more of it")
            : found.OrderByDescending(image => image.Record.Names.Count).FirstOrDefault()?.Record;
    }

    private static string DisplayName(string text) =>
        Reference.TryParse(text, out Reference? reference) ? reference.WithDefaultTag().Familiar : text;
}
