using Caisson.Errors;
using Caisson.Images.Registry;
using Caisson.Images.Store;
using Caisson.Oci;

namespace Caisson.Registry;

/// <summary>A registry that stands behind this one for the repositories below a name.</summary>
/// <param name="Prefix">Such as <c>docker.io</c>; empty for all names that no other has.</param>
/// <param name="Domain">The registry, as references have it.</param>
/// <param name="Credentials">Who asks there; null for anybody.</param>
public sealed record UpstreamRegistry(string Prefix, string Domain, RegistryCredentials? Credentials)
{
    /// <summary>Reads <c>DOMAIN</c> or <c>PREFIX=DOMAIN</c>.</summary>
    public static UpstreamRegistry Parse(string text)
    {
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        (string prefix, string domain) = equals < 0 ? (text, text) : (text[..equals].Trim('/'), text[(equals + 1)..]);
        return Reference.TryParse($"{domain}/x", out Reference? reference) && reference.Domain == domain
            ? new UpstreamRegistry(prefix.Replace(':', '_'), domain, null)
            : throw new CaissonException(ErrorKind.InvalidArgument, $"'{text}' is no upstream; write HOST, or PREFIX=HOST, such as docker.io or hub=docker.io");
    }
}

/// <summary>Fetches from registries behind this one what is asked for and not here, and keeps it.</summary>
/// <remarks>For several threads; a blob is fetched once, however many ask. What is here is served when its registry cannot be reached.</remarks>
public sealed class PullThrough : IDisposable
{
    private const int ReferrersMax = 1000;

    private readonly RegistryStore _store;
    private readonly IReadOnlyList<UpstreamRegistry> _upstreams;
    private readonly RegistryHttp _http;
    private readonly BlobDownloads _downloads;

    /// <summary>Stands before <paramref name="upstreams"/>.</summary>
    /// <param name="store">Keeps what was fetched.</param>
    /// <param name="upstreams">The longest prefix that fits is taken.</param>
    /// <param name="settings">How registries are reached.</param>
    public PullThrough(RegistryStore store, IReadOnlyList<UpstreamRegistry> upstreams, RegistrySettings settings)
    {
        _store = store;
        _upstreams = [.. upstreams.OrderByDescending(each => each.Prefix.Length)];
        _http = new RegistryHttp(settings);
        _downloads = new BlobDownloads(store.Blobs);
    }

    /// <summary>The name a repository has here, when a client names its registry beside it, as mirrors are asked. Null: as it is.</summary>
    public string? LocalName(string repository, string? domain) =>
        domain is not null && _upstreams.FirstOrDefault(each => each.Domain == domain) is { } upstream
            ? upstream.Prefix.Length == 0 ? repository : $"{upstream.Prefix}/{repository}"
            : null;

    /// <summary>Whether a repository is one of another registry, which nobody may write to here.</summary>
    public bool Has(string repository) => Find(repository) is not null;

    /// <summary>A manifest as its registry has it now, or as it is kept when that cannot be asked; null when it is none of ours.</summary>
    public async Task<RepositoryManifest?> ManifestAsync(string repository, string name, CancellationToken cancellation)
    {
        if (Find(repository) is not { } found)
        {
            return null;
        }
        RepositoryManifest? kept = _store.TryManifest(repository, name);
        if (kept is not null && Digest.TryParse(name, out _))
        {
            return kept;
        }
        try
        {
            if (kept is not null && await found.FindManifestAsync(name, cancellation) is { } current && current.Digest == kept.Digest)
            {
                return kept;
            }
            RegistryDocument document = await found.GetManifestAsync(name, cancellation);
            _store.PutManifest(repository, name, [], document.MediaType, document.Content, sparse: true);
            return _store.Manifest(repository, name);
        }
        catch (CaissonException e) when (kept is not null && e.Kind is ErrorKind.Unavailable or ErrorKind.ResourceExhausted)
        {
            return kept!;
        }
        catch (CaissonException e) when (e.Kind is ErrorKind.NotFound or ErrorKind.PermissionDenied)
        {
            throw new RegistryRefusal(RefusalCode.ManifestUnknown, e.Message, e);
        }
    }

    /// <summary>What the registry behind lists as referring to a document; nothing when the repository is none of ours, or it cannot be asked.</summary>
    public async Task<IReadOnlyList<ContentDescriptor>> ReferrersAsync(
        string repository, Digest subject, string? artifactType, CancellationToken cancellation)
    {
        if (Find(repository) is not { } found)
        {
            return [];
        }
        try
        {
            return [.. (await found.ReferrersAsync(subject, artifactType, cancellation)).Take(ReferrersMax)];
        }
        catch (CaissonException e) when (e.Kind is ErrorKind.Unavailable or ErrorKind.ResourceExhausted or ErrorKind.PermissionDenied)
        {
            return []; // what is kept is the answer then
        }
    }

    /// <summary>Opens a blob that is not kept, while it arrives; null when it is none of ours. The caller disposes the stream, which blocks.</summary>
    public async Task<(Stream Content, long Size)?> BlobAsync(string repository, Digest digest, CancellationToken cancellation)
    {
        if (Find(repository) is not { } found)
        {
            return null;
        }
        long size;
        try
        {
            size = await found.BlobSizeAsync(digest, cancellation);
        }
        catch (CaissonException e) when (e.Kind is ErrorKind.NotFound or ErrorKind.PermissionDenied)
        {
            throw new RegistryRefusal(RefusalCode.BlobUnknown, e.Message, e);
        }
        ContentLeases.Lease lease = _store.Hold(digest);
        var blob = new ContentDescriptor { MediaType = "application/octet-stream", Digest = digest, Size = size };
        BlobDownloads.Share? share = _downloads.Join(blob, [found], new SemaphoreSlim(1), null);
        if (share is null)
        {
            _store.Link(repository, digest);
            lease.Dispose();
            return (_store.OpenBlob(repository, digest), size);
        }
        Stream content = share.Download.OpenRead();
        _ = KeepAsync(repository, digest, share, lease);
        return (content, size);
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    /// <summary>Sees the download through, also when the client that asked has gone.</summary>
    private async Task KeepAsync(string repository, Digest digest, BlobDownloads.Share share, ContentLeases.Lease lease)
    {
        using (lease)
        using (share)
        {
            try
            {
                await share.Download.Whole;
                _store.Link(repository, digest);
            }
            catch (Exception e) when (e is CaissonException or IOException or OperationCanceledException)
            {
                // Whoever reads it is told.
            }
        }
    }

    private RegistryRepository? Find(string repository)
    {
        foreach (UpstreamRegistry upstream in _upstreams)
        {
            string? path = upstream.Prefix.Length == 0 ? repository
                : repository.StartsWith(upstream.Prefix + "/", StringComparison.Ordinal) ? repository[(upstream.Prefix.Length + 1)..]
                : null;
            if (path is not null && Reference.TryParse($"{upstream.Domain}/{path}", out Reference? reference))
            {
                return new RegistryRepository(_http, _http.Settings.PlacesOf(reference, mirrors: false)[^1], upstream.Credentials);
            }
        }
        return null;
    }
}
