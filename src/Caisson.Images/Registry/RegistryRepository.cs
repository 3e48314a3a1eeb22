using System.Net;
using System.Net.Http.Headers;

using Caisson.Errors;
using Caisson.Oci;

namespace Caisson.Images.Registry;

/// <summary>A manifest, an index or another document as a registry gave it; its digest is computed, never believed.</summary>
/// <param name="Digest">Of <paramref name="Content"/>.</param>
/// <param name="MediaType">What the registry called it; null when it did not say.</param>
/// <param name="Content">The bytes.</param>
public sealed record RegistryDocument(Digest Digest, string? MediaType, byte[] Content);

/// <summary>One repository of one registry, asked on behalf of one user.</summary>
/// <remarks>
/// For several threads. Failures that may pass are tried again as the settings say. Redirections are followed to at most a few hosts, never
/// to one without encryption from one with, and credentials stay at the registry's own origin. Source: distribution-spec 1.1.
/// </remarks>
public sealed partial class RegistryRepository
{
    private const int RedirectsMax = 5;
    private const int ReferrersMax = 1000;

    private readonly RegistryHttp _http;
    private readonly RegistryPlace _place;
    private readonly RegistryAuthority _authority;

    internal RegistryRepository(RegistryHttp http, RegistryPlace place, RegistryCredentials? credentials)
    {
        _http = http;
        _place = place;
        _authority = new RegistryAuthority(http, place, credentials?.For(place.Domain));
    }

    /// <summary>Registry and repository, for people.</summary>
    public string Name => $"{_place.Host}/{_place.Repository}";

    /// <summary>True when this is a mirror of the registry that was meant.</summary>
    public bool IsMirror => _place.MirrorOf is not null;

    internal RegistryPatience Patience => _http.Settings.Patience;

    private string PullScope => $"repository:{_place.Repository}:pull";

    private string PushScope => $"repository:{_place.Repository}:pull,push";

    /// <summary>A manifest or an index.</summary>
    /// <param name="name">A tag or a digest; with a digest, the content is what it names.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.NotFound"/>; <see cref="ErrorKind.PermissionDenied"/>; <see cref="ErrorKind.InvalidArgument"/>: the registry lies about it.
    /// </exception>
    public async Task<RegistryDocument> GetManifestAsync(string name, CancellationToken cancellation)
    {
        string subject = $"manifest {name} of {Name}";
        return await RepeatAsync(async () =>
        {
            using HttpResponseMessage response = await FollowAsync(HttpMethod.Get, $"manifests/{name}", PullScope, AcceptManifests, subject, cancellation);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                throw await RegistryAnswer.ErrorAsync(response, subject, cancellation);
            }
            byte[] content = await RegistryAnswer.ReadAsync(response, ImageManifest.SizeBytesMax, subject, Patience, cancellation);
            return Check(name, response, content, subject);
        }, cancellation);
    }

    /// <summary>As <see cref="GetManifestAsync"/>; null when there is none of this name.</summary>
    public async Task<RegistryDocument?> TryGetManifestAsync(string name, CancellationToken cancellation)
    {
        try
        {
            return await GetManifestAsync(name, cancellation);
        }
        catch (CaissonException e) when (e.Kind == ErrorKind.NotFound)
        {
            return null;
        }
    }

    /// <summary>What the registry says a manifest or an index is, without fetching it; null when it has none.</summary>
    public async Task<ContentDescriptor?> FindManifestAsync(string name, CancellationToken cancellation)
    {
        string subject = $"manifest {name} of {Name}";
        return await RepeatAsync(async () =>
        {
            using HttpResponseMessage response = await FollowAsync(HttpMethod.Head, $"manifests/{name}", PullScope, AcceptManifests, subject, cancellation);
            if (response.StatusCode == HttpStatusCode.NotFound)
            {
                return null;
            }
            if (response.StatusCode != HttpStatusCode.OK)
            {
                throw await RegistryAnswer.ErrorAsync(response, subject, cancellation);
            }
            return Header(response, "Docker-Content-Digest") is { } text && Digest.TryParse(text, out Digest digest)
                ? new ContentDescriptor { MediaType = MediaTypeOf(response) ?? "", Digest = digest, Size = response.Content.Headers.ContentLength ?? 0 }
                : null;
        }, cancellation);
    }

    /// <summary>A small blob whole, its digest and length verified.</summary>
    public async Task<byte[]> ReadBlobAsync(ContentDescriptor blob, int bytesMax, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(blob);
        string subject = $"blob {blob.Digest} of {Name}";
        if (blob.Size > bytesMax)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{subject} has {blob.Size} bytes; at most {bytesMax} are read");
        }
        return await RepeatAsync(async () =>
        {
            using HttpResponseMessage response = await FollowAsync(HttpMethod.Get, $"blobs/{blob.Digest}", PullScope, null, subject, cancellation);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                throw await RegistryAnswer.ErrorAsync(response, subject, cancellation);
            }
            byte[] content = await RegistryAnswer.ReadAsync(response, bytesMax, subject, Patience, cancellation);
            using var hash = blob.Digest.CreateHash();
            hash.AppendData(content);
            return content.Length == blob.Size && blob.Digest.Matches(hash.GetHashAndReset())
                ? content
                : throw new CaissonException(ErrorKind.InvalidArgument, $"{subject}: the registry sent other content than its digest and length say");
        }, cancellation);
    }

    /// <summary>The documents that refer to <paramref name="subject"/>: signatures, lists of packages, attestations.</summary>
    /// <param name="subject">The digest of a manifest or an index, which need not be there.</param>
    /// <param name="artifactType">Which kind of documents; null for all.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <remarks>
    /// A registry is not read on after a thousand of them. One without the interface is asked for the tag that stands in for it. Source: distribution-spec, "Listing Referrers".
    /// </remarks>
    public async Task<IReadOnlyList<ContentDescriptor>> ReferrersAsync(Digest subject, string? artifactType, CancellationToken cancellation)
    {
        string what = $"referrers of {subject} in {Name}";
        string path = $"referrers/{subject}" + (artifactType is null ? "" : "?artifactType=" + Uri.EscapeDataString(artifactType));
        List<ContentDescriptor> found = [];
        for (int page = 0; page < 100; page++)
        {
            (byte[]? content, string? next) = await RepeatAsync(async () =>
            {
                using HttpResponseMessage response = await FollowAsync(HttpMethod.Get, path, PullScope, [MediaTypes.ImageIndex], what, cancellation);
                if (response.StatusCode == HttpStatusCode.NotFound)
                {
                    return (null, null);
                }
                if (response.StatusCode != HttpStatusCode.OK)
                {
                    throw await RegistryAnswer.ErrorAsync(response, what, cancellation);
                }
                return ((byte[]?)await RegistryAnswer.ReadAsync(response, ImageIndex.SizeBytesMax, what, Patience, cancellation), NextPage(response));
            }, cancellation);
            if (content is null)
            {
                return await ReferrersByTagAsync(subject, artifactType, cancellation);
            }
            found.AddRange(ImageIndex.Parse(content, MediaTypes.ImageIndex, what).Manifests);
            if (next is null || found.Count >= ReferrersMax)
            {
                break;
            }
            path = next;
        }
        return [.. found.Where(each => artifactType is null || each.ArtifactType == artifactType)];
    }

    /// <summary>The tags there are, in the registry's order.</summary>
    public async Task<IReadOnlyList<string>> TagsAsync(CancellationToken cancellation)
    {
        string what = $"tags of {Name}";
        List<string> tags = [];
        string? path = "tags/list";
        for (int page = 0; path is not null && page < 1000; page++)
        {
            string current = path;
            (byte[] content, path) = await RepeatAsync(async () =>
            {
                using HttpResponseMessage response = await FollowAsync(HttpMethod.Get, current, PullScope, null, what, cancellation);
                return response.StatusCode == HttpStatusCode.OK
                    ? (await RegistryAnswer.ReadAsync(response, ImageIndex.SizeBytesMax, what, Patience, cancellation), NextPage(response))
                    : throw await RegistryAnswer.ErrorAsync(response, what, cancellation);
            }, cancellation);
            tags.AddRange(RegistryJson.ReadTags(content, what));
        }
        return tags;
    }

    /// <summary>True when the registry lets the user in at all.</summary>
    internal async Task CheckAccessAsync(CancellationToken cancellation)
    {
        using HttpResponseMessage response = await RepeatAsync(() => SendAsync(HttpMethod.Get, origin => new Uri(origin, "v2/"), "", null, cancellation), cancellation);
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw await RegistryAnswer.ErrorAsync(response, $"log in to {_place.Domain}", cancellation);
        }
    }

    /// <summary>Runs <paramref name="work"/> again after failures that may pass.</summary>
    internal async Task<T> RepeatAsync<T>(Func<Task<T>> work, CancellationToken cancellation)
    {
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                return await work();
            }
            catch (RegistryTransientException e) when (attempt < Patience.Retries && !e.IsLasting)
            {
                await DelayAsync(e, attempt, cancellation);
            }
        }
    }

    /// <summary>Waits before another try, as long as the registry asks for.</summary>
    internal async Task DelayAsync(RegistryTransientException failure, int attempt, CancellationToken cancellation)
    {
        TimeSpan delay = failure.RetryAfter ?? (Patience.FirstDelay * (1 << Math.Min(attempt, 6)));
        if (delay > Patience.LongestDelay)
        {
            throw new CaissonException(
                ErrorKind.ResourceExhausted, $"{failure.Message}; {_place.Host} asks to be left alone for {delay.TotalSeconds:0} seconds", failure);
        }
        await Task.Delay(delay, cancellation);
    }

    private static readonly string[] AcceptManifests =
        [MediaTypes.ImageManifest, MediaTypes.ImageIndex, MediaTypes.DockerManifest, MediaTypes.DockerManifestList];

    private async Task<IReadOnlyList<ContentDescriptor>> ReferrersByTagAsync(Digest subject, string? artifactType, CancellationToken cancellation)
    {
        ImageIndex? index = await TryGetManifestAsync(ReferrersTagOf(subject), cancellation) is { } document
            ? ImageIndex.Parse(document.Content, document.MediaType, $"referrers of {subject} in {Name}")
            : null;
        return [.. (index?.Manifests ?? []).Where(each => artifactType is null || each.ArtifactType == artifactType)];
    }

    /// <summary>The tag of the list of referrers, where a registry does not keep one itself. Source: distribution-spec, "Referrers Tag Schema".</summary>
    private static string ReferrersTagOf(Digest subject) => $"{subject.Algorithm}-{subject.Hex}";

    private static RegistryDocument Check(string name, HttpResponseMessage response, byte[] content, string subject)
    {
        Digest digest = Digest.Of(content);
        if (Digest.TryParse(name, out Digest asked))
        {
            using var hash = asked.CreateHash();
            hash.AppendData(content);
            if (!asked.Matches(hash.GetHashAndReset()))
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"{subject}: the registry sent other content, {digest}");
            }
            digest = asked;
        }
        if (Header(response, "Docker-Content-Digest") is { } text && Digest.TryParse(text, out Digest stated)
            && stated.Algorithm == digest.Algorithm && stated != digest)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{subject}: the registry calls it {stated}, but it is {digest}");
        }
        return new RegistryDocument(digest, MediaTypeOf(response), content);
    }

    private static string? MediaTypeOf(HttpResponseMessage response) =>
        response.Content.Headers.ContentType?.MediaType is { } type && type is not ("application/json" or "application/octet-stream" or "text/plain")
            ? type
            : null;

    private static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out IEnumerable<string>? values) ? values.FirstOrDefault() : null;

    /// <summary>The path of the next page of a list, below the repository; null at the end. Source: RFC 8288.</summary>
    private string? NextPage(HttpResponseMessage response)
    {
        string prefix = $"/v2/{_place.Repository}/";
        string? link = Header(response, "Link");
        int end = link?.IndexOf('>', StringComparison.Ordinal) ?? -1;
        if (link is null || !link.StartsWith('<') || end < 0 || !link[end..].Contains("next", StringComparison.Ordinal))
        {
            return null;
        }
        var next = new Uri(response.RequestMessage!.RequestUri!, link[1..end]);
        return next.PathAndQuery.StartsWith(prefix, StringComparison.Ordinal) ? next.PathAndQuery[prefix.Length..] : null;
    }

    private Uri At(Uri origin, string path)
    {
        string query = _place.MirrorOf is { } domain ? (path.Contains('?', StringComparison.Ordinal) ? "&" : "?") + "ns=" + Uri.EscapeDataString(domain) : "";
        return new Uri(origin, $"v2/{_place.Repository}/{path}{query}");
    }

    /// <summary>Asks below the repository and goes where the registry sends us; the answer has no redirecting status.</summary>
    private async Task<HttpResponseMessage> FollowAsync(
        HttpMethod method, string path, string scope, string[]? accept, string subject, CancellationToken cancellation, long offset = 0)
    {
        void Prepare(HttpRequestMessage request)
        {
            foreach (string type in accept ?? [])
            {
                request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(type));
            }
            if (offset > 0)
            {
                request.Headers.Range = new RangeHeaderValue(offset, null);
            }
        }

        Uri home = await _http.OriginAsync(_place, cancellation);
        HttpResponseMessage response = await SendAsync(method, origin => At(origin, path), scope, Prepare, cancellation);
        HashSet<string> seen = [];
        bool foreign = false;
        for (int hops = 0; (int)response.StatusCode is 301 or 302 or 303 or 307 or 308; hops++)
        {
            Uri from = response.RequestMessage!.RequestUri!;
            Uri? location = response.Headers.Location;
            response.Dispose();
            Uri target = location is null
                ? throw new CaissonException(ErrorKind.InvalidArgument, $"{subject}: {from.Authority} redirects without saying where to")
                : new Uri(from, location);
            if (hops == RedirectsMax || !seen.Add(target.AbsoluteUri))
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"{subject}: {from.Authority} redirects in a circle, or too often");
            }
            if (target.Scheme is not ("https" or "http") || target.UserInfo.Length > 0 || (target.Scheme == "http" && from.Scheme == "https"))
            {
                throw new CaissonException(ErrorKind.InvalidArgument,
                    $"{subject}: {from.Authority} redirects to {target.Scheme}://{target.Authority}, which is refused: it must be https");
            }
            if (IsSameOrigin(target, home))
            {
                foreign = false;
                response = await SendAsync(method, _ => target, scope, Prepare, cancellation);
                continue;
            }
            foreign = true;
            using var request = new HttpRequestMessage(method, target);
            Prepare(request);
            response = await _http.SendForeignAsync(_place, request, cancellation);
        }
        if (foreign && (int)response.StatusCode is >= 400 and < 500 and not 416)
        {
            // A signed address that is no longer good: the registry makes a new one.
            string authority = response.RequestMessage!.RequestUri!.Authority;
            int status = (int)response.StatusCode;
            response.Dispose();
            throw new RegistryTransientException($"{subject}: {authority}, where the registry sends us, answers {status}");
        }
        return response;
    }

    /// <summary>Asks the registry itself, once, or twice when it wants to know who asks.</summary>
    private async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, Func<Uri, Uri> target, string scope, Action<HttpRequestMessage>? prepare, CancellationToken cancellation)
    {
        Uri origin = await _http.OriginAsync(_place, cancellation);
        AuthenticationHeaderValue? shown = _authority.Known(scope);
        for (int attempt = 0; ; attempt++)
        {
            using var request = new HttpRequestMessage(method, target(origin));
            prepare?.Invoke(request);
            request.Headers.Authorization = shown;
            HttpResponseMessage response = await _http.SendAsync(_place, request, cancellation);
            if (response.StatusCode == HttpStatusCode.Unauthorized && attempt == 0
                && await AnswerAsync(origin, response, scope, shown, cancellation) is { } better)
            {
                response.Dispose();
                shown = better;
                continue;
            }
            return response;
        }
    }

    private async Task<AuthenticationHeaderValue?> AnswerAsync(
        Uri origin, HttpResponseMessage response, string scope, AuthenticationHeaderValue? shown, CancellationToken cancellation)
    {
        try
        {
            return await _authority.AnswerAsync(origin, response, scope, shown, cancellation);
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    private static bool IsSameOrigin(Uri one, Uri other) =>
        Uri.Compare(one, other, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) == 0;
}
