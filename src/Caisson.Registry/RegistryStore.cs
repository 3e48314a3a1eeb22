using Caisson.Errors;
using Caisson.Images.Store;
using Caisson.Oci;

namespace Caisson.Registry;

/// <summary>A manifest of a repository.</summary>
/// <param name="Digest">Of <paramref name="Content"/>.</param>
/// <param name="MediaType">As it was stored under.</param>
/// <param name="Content">The bytes, as they were sent.</param>
public sealed record RepositoryManifest(Digest Digest, string MediaType, byte[] Content);

/// <summary>What came of storing a manifest.</summary>
/// <param name="Digest">Its digest.</param>
/// <param name="Subject">What it is about; default when it is about nothing.</param>
/// <param name="Tags">The tags it was given.</param>
public sealed record StoredResult(Digest Digest, Digest Subject, IReadOnlyList<string> Tags);

/// <summary>Repositories of one directory: blobs, which all of them share, and for each its links, manifests and tags.</summary>
/// <remarks>
/// For several threads; one process has the directory at a time. What is acknowledged survives a loss of power: content gets its name
/// when it is on stable storage, then the index is changed in one transaction. A blob is visible in a repository only if that has a link to it.
/// </remarks>
public sealed partial class RegistryStore : IDisposable
{
    private readonly RegistryIndex _index;
    private readonly BlobStore _blobs;
    private readonly ContentLeases _leases = new();
    private readonly TimeProvider _time;
    private readonly string _uploads;
    private readonly FileStream _held;

    private RegistryStore(string directory, TimeProvider time, FileStream held)
    {
        _time = time;
        _held = held;
        _blobs = BlobStore.Open(directory);
        _uploads = Path.Join(directory, "uploads");
        DurableFile.CreateDirectory(_uploads);
        _index = RegistryIndex.Open(Path.Join(directory, "registry.db"));
    }

    /// <summary>Opens the registry in <paramref name="directory"/>, creating what is missing (mode 0700).</summary>
    /// <param name="directory">Of this registry alone.</param>
    /// <param name="time">The clock; null for the system's.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Conflict"/>: another process has it.</exception>
    public static RegistryStore Open(string directory, TimeProvider? time = null)
    {
        string full = Path.GetFullPath(directory);
        DurableFile.CreateDirectory(full);
        FileStream held;
        try
        {
            held = new FileStream(Path.Join(full, "registry.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e is not (DirectoryNotFoundException or FileNotFoundException or PathTooLongException))
        {
            throw new CaissonException(ErrorKind.Conflict, $"another registry serves {full}; stop it, or use another directory", e);
        }
        try
        {
            return new RegistryStore(full, time ?? TimeProvider.System, held);
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>The blobs themselves, for what fetches into them.</summary>
    internal BlobStore Blobs => _blobs;

    /// <summary>Repositories with something in them, in ordinal order, after <paramref name="last"/>.</summary>
    public IReadOnlyList<string> Repositories(string last = "") => _index.Repositories(last);

    /// <summary>Tags of a repository in the standard's order.</summary>
    /// <param name="repository">Its name.</param>
    /// <param name="last">The one they come after; empty for the first.</param>
    /// <param name="count">How many at most.</param>
    public IReadOnlyList<string> Tags(string repository, string last, int count) => _index.Tags(Require(repository), last, count);

    /// <summary>The length of a blob of a repository.</summary>
    /// <exception cref="RegistryRefusal"><see cref="RefusalCode.BlobUnknown"/>.</exception>
    public long BlobSize(string repository, Digest digest)
    {
        if (_index.Find(repository) is not { } id || !_index.HasBlob(id, digest) || _blobs.TryGetSize(digest) is not { } size)
        {
            throw new RegistryRefusal(RefusalCode.BlobUnknown, $"repository {repository} has no blob {digest}");
        }
        _index.Touch(id, digest, Now);
        return size;
    }

    /// <summary>Opens a blob of a repository; the caller disposes the stream, and may read on after the blob is removed.</summary>
    public FileStream OpenBlob(string repository, Digest digest)
    {
        _ = BlobSize(repository, digest);
        try
        {
            return _blobs.OpenRead(digest);
        }
        catch (CaissonException e) when (e.Kind == ErrorKind.NotFound)
        {
            throw new RegistryRefusal(RefusalCode.BlobUnknown, $"repository {repository} has no blob {digest}", e);
        }
    }

    /// <summary>Takes a blob out of a repository; others keep it.</summary>
    public void DeleteBlob(string repository, Digest digest)
    {
        if (_index.Find(repository) is not { } id || !_index.UnlinkBlob(id, digest))
        {
            throw new RegistryRefusal(RefusalCode.BlobUnknown, $"repository {repository} has no blob {digest}");
        }
    }

    /// <summary>The repositories that have a blob.</summary>
    public IReadOnlyList<string> RepositoriesWith(Digest digest) => _index.RepositoriesWith(digest);

    /// <summary>Gives a repository a blob of another one; false when that does not have it.</summary>
    public bool TryMount(string repository, string source, Digest digest)
    {
        using ContentLeases.Lease lease = _leases.Open();
        lease.Hold(digest);
        if (_index.Find(source) is not { } from || !_index.HasBlob(from, digest) || !_blobs.Contains(digest))
        {
            return false;
        }
        _index.LinkBlob(_index.Ensure(repository), digest, Now);
        return true;
    }

    /// <summary>The manifest that a tag or a digest names.</summary>
    /// <exception cref="RegistryRefusal"><see cref="RefusalCode.ManifestUnknown"/>.</exception>
    public RepositoryManifest Manifest(string repository, string name) => TryManifest(repository, name)
        ?? throw new RegistryRefusal(RefusalCode.ManifestUnknown, $"repository {repository} has no manifest {name}");

    /// <summary>As <see cref="Manifest"/>; null when there is none.</summary>
    public RepositoryManifest? TryManifest(string repository, string name)
    {
        StoredManifest? found = _index.Find(repository) is not { } id ? null
            : Digest.TryParse(name, out Digest digest) ? _index.FindManifest(id, digest)
            : _index.FindManifest(id, name);
        return found is null ? null : new RepositoryManifest(found.Digest, found.MediaType, _blobs.ReadAll(found.Digest, ImageManifest.SizeBytesMax));
    }

    /// <summary>Removes a tag, or a manifest with all its tags.</summary>
    public void DeleteManifest(string repository, string name)
    {
        bool was = _index.Find(repository) is { } id
            && (Digest.TryParse(name, out Digest digest) ? _index.DeleteManifest(id, digest) : _index.DeleteTag(id, name));
        if (!was)
        {
            throw new RegistryRefusal(RefusalCode.ManifestUnknown, $"repository {repository} has no manifest {name}");
        }
    }

    /// <summary>Stores a manifest or an index.</summary>
    /// <param name="repository">Which need not exist.</param>
    /// <param name="name">A tag, or the digest of <paramref name="content"/>.</param>
    /// <param name="tags">Further tags, given with a digest.</param>
    /// <param name="mediaType">What the client calls it; null when it does not say.</param>
    /// <param name="content">The bytes, which are kept as they are.</param>
    /// <param name="sparse">True when what it refers to may be missing, to be fetched at need.</param>
    /// <exception cref="RegistryRefusal">Malformed, ambiguous, or something it needs is not there.</exception>
    public StoredResult PutManifest(
        string repository, string name, IReadOnlyList<string> tags, string? mediaType, ReadOnlySpan<byte> content, bool sparse = false)
    {
        Digest digest = Digest.Of(content);
        if (Digest.TryParse(name, out Digest stated))
        {
            using var hash = stated.CreateHash();
            hash.AppendData(content);
            if (!stated.Matches(hash.GetHashAndReset()))
            {
                throw new RegistryRefusal(RefusalCode.DigestInvalid, $"the manifest is {digest} and not {stated}");
            }
            digest = stated;
        }
        else if (!RepositoryName.IsTag(name))
        {
            throw new RegistryRefusal(RefusalCode.ManifestInvalid, $"'{name}' is neither a tag nor a digest");
        }
        else
        {
            tags = [name];
        }
        if (tags.FirstOrDefault(tag => !RepositoryName.IsTag(tag)) is { } wrong)
        {
            throw new RegistryRefusal(RefusalCode.ManifestInvalid, $"'{wrong}' is not a tag");
        }
        ManifestFacts facts = ManifestFacts.Read(content, mediaType);
        long id = _index.Ensure(repository);
        if (!sparse)
        {
            RequireTargets(repository, id, facts);
        }

        using ContentLeases.Lease lease = _leases.Open();
        lease.Hold(digest);
        if (!_blobs.Contains(digest))
        {
            using BlobWriteStream writer = _blobs.CreateWriter(digest, content.Length);
            writer.Write(content);
            writer.Commit(content.Length);
        }
        _index.PutManifest(
            id, new StoredManifest(digest, facts.MediaType, content.Length), facts.Subject, facts.Describe(digest, content.Length),
            facts.Blobs.Concat(facts.Manifests), tags, Now);
        return new StoredResult(digest, facts.Subject, tags);
    }

    /// <summary>The documents that are about <paramref name="subject"/>, and where the next page begins; null at the end.</summary>
    /// <param name="repository">It need not exist.</param>
    /// <param name="subject">It need not exist.</param>
    /// <param name="artifactType">Only of this kind; null for all.</param>
    /// <param name="last">After this digest; empty for the first page.</param>
    public (ImageIndex Page, string? Next) Referrers(string repository, Digest subject, string? artifactType, string last)
    {
        const int PageBytesMax = 2 << 20;

        List<ContentDescriptor> page = [];
        string? next = null;
        long bytes = 0;
        foreach ((string digest, byte[] stored) in _index.Find(repository) is { } id ? _index.Referrers(id, subject, last) : [])
        {
            ContentDescriptor descriptor = ManifestFacts.ReadDescriptor(stored);
            if (artifactType is not null && descriptor.ArtifactType != artifactType)
            {
                continue;
            }
            bytes += stored.Length;
            if (bytes > PageBytesMax && page.Count > 0)
            {
                next = page[^1].Digest.ToString();
                break;
            }
            page.Add(descriptor);
        }
        return (new ImageIndex { SchemaVersion = 2, MediaType = MediaTypes.ImageIndex, Manifests = page }, next);
    }

    /// <summary>Gives a repository a blob that came into <see cref="Blobs"/> by other ways.</summary>
    internal void Link(string repository, Digest digest) => _index.LinkBlob(_index.Ensure(repository), digest, Now);

    /// <summary>Holds content against collection, until disposed.</summary>
    internal ContentLeases.Lease Hold(Digest digest)
    {
        ContentLeases.Lease lease = _leases.Open();
        lease.Hold(digest);
        return lease;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        CloseUploads();
        _index.Dispose();
        _held.Dispose();
    }

    private long Now => _time.GetUtcNow().ToUnixTimeSeconds();

    private long Require(string repository) => _index.Find(repository)
        ?? throw new RegistryRefusal(RefusalCode.NameUnknown, $"there is no repository {repository}");

    private void RequireTargets(string repository, long id, ManifestFacts facts)
    {
        foreach (Digest blob in facts.Blobs)
        {
            if (!_index.HasBlob(id, blob))
            {
                throw new RegistryRefusal(RefusalCode.ManifestBlobUnknown, $"repository {repository} has no blob {blob}, which the manifest refers to");
            }
        }
        foreach (Digest manifest in facts.Manifests)
        {
            if (_index.FindManifest(id, manifest) is null)
            {
                throw new RegistryRefusal(RefusalCode.ManifestBlobUnknown, $"repository {repository} has no manifest {manifest}, which the index lists");
            }
        }
    }
}
