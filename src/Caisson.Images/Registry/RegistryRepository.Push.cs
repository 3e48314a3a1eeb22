using System.Net;
using System.Net.Http.Headers;

using Caisson.Errors;
using Caisson.Oci;

namespace Caisson.Images.Registry;

/// <summary>How a blob came to be in a repository.</summary>
internal enum BlobArrival
{
    /// <summary>It was sent.</summary>
    Sent,

    /// <summary>It was there.</summary>
    Present,

    /// <summary>The registry took it from another repository of its own.</summary>
    Mounted,
}

public sealed partial class RegistryRepository
{
    /// <summary>Sees to it that the repository has a blob: it is there, or taken from another repository, or sent.</summary>
    /// <param name="blob">What it is.</param>
    /// <param name="open">Opens the content at its start; called again for another try.</param>
    /// <param name="sources">Other repositories of this registry that may have it.</param>
    /// <param name="progress">Told the bytes sent so far.</param>
    /// <param name="cancellation">Ends the work.</param>
    internal async Task<(BlobArrival Arrival, string? Source)> PutBlobAsync(
        ContentDescriptor blob, Func<Stream> open, IReadOnlyList<string> sources, IProgress<long>? progress, CancellationToken cancellation)
    {
        string subject = $"blob {blob.Digest} to {Name}";
        if (await HasBlobAsync(blob, subject, cancellation))
        {
            return (BlobArrival.Present, null);
        }
        Uri? upload = null;
        foreach (string source in sources)
        {
            (bool mounted, upload) = await StartUploadAsync(blob, source, subject, cancellation);
            if (mounted)
            {
                return (BlobArrival.Mounted, source);
            }
        }
        upload ??= (await StartUploadAsync(blob, null, subject, cancellation)).Upload;
        long sent = 0;
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                if (upload is null)
                {
                    (bool mounted, upload) = await StartUploadAsync(blob, null, subject, cancellation);
                    if (mounted)
                    {
                        return (BlobArrival.Mounted, null);
                    }
                    sent = 0;
                }
                if (sent < blob.Size)
                {
                    upload = await SendContentAsync(upload!, blob, open, sent, subject, progress, cancellation);
                }
                await FinishUploadAsync(upload!, blob, subject, cancellation);
                return (BlobArrival.Sent, null);
            }
            catch (RegistryTransientException e) when (attempt < Patience.Retries && !e.IsLasting)
            {
                await DelayAsync(e, attempt, cancellation);
                (upload, sent) = await UploadStateAsync(upload, blob, cancellation);
            }
        }
    }

    /// <summary>Sends a manifest or an index and gives it a name.</summary>
    /// <param name="name">A tag, or the digest of <paramref name="content"/>.</param>
    /// <param name="mediaType">What it is.</param>
    /// <param name="content">The bytes.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <returns>Its digest.</returns>
    public async Task<Digest> PutManifestAsync(string name, string mediaType, byte[] content, CancellationToken cancellation) =>
        (await PutDocumentAsync(name, mediaType, content, cancellation)).Digest;

    /// <summary>Sends the manifest of an artifact that refers to another manifest, and sees to it that it is found there.</summary>
    /// <param name="artifact">With a subject; its content is there.</param>
    /// <param name="content">Its bytes.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <remarks>
    /// A registry that keeps no lists of referrers itself is given one under a tag; two that send at the same moment may lose one of the
    /// entries, as the standard says. Source: distribution-spec, "Pushing Manifests with Subject".
    /// </remarks>
    internal async Task PutReferrerAsync(ImageManifest artifact, byte[] content, CancellationToken cancellation)
    {
        Digest digest = Digest.Of(content);
        string mediaType = artifact.MediaType ?? MediaTypes.ImageManifest;
        if ((await PutDocumentAsync(digest.ToString(), mediaType, content, cancellation)).IsListed)
        {
            return;
        }
        string tag = ReferrersTagOf(artifact.Subject!.Digest);
        IReadOnlyList<ContentDescriptor> listed = await ReferrersByTagAsync(artifact.Subject.Digest, null, cancellation);
        if (listed.Any(each => each.Digest == digest))
        {
            return;
        }
        var entry = new ContentDescriptor
        {
            MediaType = mediaType,
            Digest = digest,
            Size = content.Length,
            ArtifactType = artifact.ArtifactType ?? artifact.Config.MediaType,
            Annotations = artifact.Annotations,
        };
        var index = new ImageIndex { SchemaVersion = 2, MediaType = MediaTypes.ImageIndex, Manifests = [.. listed, entry] };
        await PutManifestAsync(tag, MediaTypes.ImageIndex, index.ToBytes(), cancellation);
    }

    /// <summary>As <see cref="PutManifestAsync"/>; says also whether the registry has understood what the document refers to.</summary>
    private async Task<(Digest Digest, bool IsListed)> PutDocumentAsync(string name, string mediaType, byte[] content, CancellationToken cancellation)
    {
        string subject = $"manifest {name} to {Name}";
        Digest digest = Digest.Of(content);
        return await RepeatAsync(async () =>
        {
            using HttpResponseMessage response = await SendAsync(HttpMethod.Put, origin => At(origin, $"manifests/{name}"), PushScope, request =>
            {
                request.Content = new ByteArrayContent(content);
                request.Content.Headers.ContentType = new MediaTypeHeaderValue(mediaType);
            }, cancellation);
            if (response.StatusCode is not (HttpStatusCode.Created or HttpStatusCode.OK or HttpStatusCode.Accepted))
            {
                throw await RegistryAnswer.ErrorAsync(response, subject, cancellation);
            }
            if (Header(response, "Docker-Content-Digest") is { } text && Digest.TryParse(text, out Digest stated)
                && stated.Algorithm == digest.Algorithm && stated != digest)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"{subject}: the registry has stored {stated}, and {digest} was sent");
            }
            return (digest, Header(response, "OCI-Subject") is not null);
        }, cancellation);
    }

    /// <summary>Sends a small blob.</summary>
    public async Task<ContentDescriptor> PutBlobAsync(string mediaType, byte[] content, CancellationToken cancellation)
    {
        var blob = new ContentDescriptor { MediaType = mediaType, Digest = Digest.Of(content), Size = content.Length };
        await PutBlobAsync(blob, () => new MemoryStream(content, writable: false), [], null, cancellation);
        return blob;
    }

    private Task<bool> HasBlobAsync(ContentDescriptor blob, string subject, CancellationToken cancellation) => RepeatAsync(async () =>
    {
        using HttpResponseMessage response = await FollowAsync(HttpMethod.Head, $"blobs/{blob.Digest}", PushScope, null, subject, cancellation);
        return response.StatusCode switch
        {
            HttpStatusCode.OK => response.Content.Headers.ContentLength is not { } length || length == blob.Size
                ? true
                : throw new CaissonException(ErrorKind.InvalidArgument, $"{subject}: the registry has it with {length} bytes; it has {blob.Size}"),
            HttpStatusCode.NotFound => false,
            _ => throw await RegistryAnswer.ErrorAsync(response, subject, cancellation),
        };
    }, cancellation);

    /// <summary>Asks for an upload, or for the blob of another repository.</summary>
    private Task<(bool Mounted, Uri? Upload)> StartUploadAsync(ContentDescriptor blob, string? source, string subject, CancellationToken cancellation) =>
        RepeatAsync(async () =>
        {
            string scope = source is null ? PushScope : $"{PushScope} repository:{source}:pull";
            string query = source is null ? "" : $"?mount={Uri.EscapeDataString(blob.Digest.ToString())}&from={Uri.EscapeDataString(source)}";
            using HttpResponseMessage response = await SendAsync(
                HttpMethod.Post, origin => At(origin, "blobs/uploads/" + query), scope, request => request.Content = new ByteArrayContent([]), cancellation);
            return response.StatusCode switch
            {
                HttpStatusCode.Created => (true, null),
                HttpStatusCode.Accepted => (false, (Uri?)NextOf(response, subject)),
                _ => throw await RegistryAnswer.ErrorAsync(response, subject, cancellation),
            };
        }, cancellation);

    private async Task<Uri> SendContentAsync(
        Uri upload, ContentDescriptor blob, Func<Stream> open, long offset, string subject, IProgress<long>? progress, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await SendAsync(HttpMethod.Patch, _ => upload, PushScope, request =>
        {
            var content = new BlobContent(open, offset, blob.Size, Patience, progress, cancellation);
            content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
            if (offset > 0)
            {
                // Registries write the range of an upload in their own way: without its unit.
                content.Headers.TryAddWithoutValidation("Content-Range", $"{offset}-{blob.Size - 1}");
            }
            request.Content = content;
        }, cancellation);
        return response.StatusCode is HttpStatusCode.Accepted or HttpStatusCode.NoContent or HttpStatusCode.Created
            ? NextOf(response, subject)
            : throw await RegistryAnswer.ErrorAsync(response, subject, cancellation);
    }

    private async Task FinishUploadAsync(Uri upload, ContentDescriptor blob, string subject, CancellationToken cancellation)
    {
        var builder = new UriBuilder(upload);
        string digest = "digest=" + Uri.EscapeDataString(blob.Digest.ToString());
        builder.Query = builder.Query.Length > 1 ? $"{builder.Query[1..]}&{digest}" : digest;
        using HttpResponseMessage response = await SendAsync(
            HttpMethod.Put, _ => builder.Uri, PushScope, request => request.Content = new ByteArrayContent([]), cancellation);
        if (response.StatusCode is not (HttpStatusCode.Created or HttpStatusCode.NoContent))
        {
            throw await RegistryAnswer.ErrorAsync(response, subject, cancellation);
        }
        if (Header(response, "Docker-Content-Digest") is { } text && Digest.TryParse(text, out Digest stated)
            && stated.Algorithm == blob.Digest.Algorithm && stated != blob.Digest)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{subject}: the registry has stored {stated}");
        }
    }

    /// <summary>How far an upload came before it broke; nothing when it has to begin again.</summary>
    private async Task<(Uri? Upload, long Sent)> UploadStateAsync(Uri? upload, ContentDescriptor blob, CancellationToken cancellation)
    {
        if (upload is null)
        {
            return (null, 0);
        }
        try
        {
            using HttpResponseMessage response = await SendAsync(HttpMethod.Get, _ => upload, PushScope, null, cancellation);
            string? range = response.Content.Headers.TryGetValues("Range", out IEnumerable<string>? own) ? own.FirstOrDefault() : Header(response, "Range");
            if (response.StatusCode == HttpStatusCode.NoContent && range?.StartsWith("0-", StringComparison.Ordinal) == true
                && long.TryParse(range.AsSpan(2), out long last) && last > 0 && last < blob.Size)
            {
                return (NextOf(response, Name), last + 1);
            }
        }
        catch (CaissonException)
        {
            // Then it begins again, and says so if it cannot.
        }
        return (null, 0);
    }

    /// <summary>Where an upload goes on; never at another origin, which would be sent the content.</summary>
    private static Uri NextOf(HttpResponseMessage response, string subject)
    {
        Uri asked = response.RequestMessage!.RequestUri!;
        if (response.Headers.Location is not { } location)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{subject}: the registry does not say where the upload goes on");
        }
        var next = new Uri(asked, location);
        return IsSameOrigin(next, asked)
            ? next
            : throw new CaissonException(ErrorKind.InvalidArgument, $"{subject}: {asked.Authority} sends the upload to {next.Scheme}://{next.Authority}: refused");
    }

    /// <summary>A blob, or the rest of it, as a request's body.</summary>
    private sealed class BlobContent(
        Func<Stream> open, long offset, long size, RegistryPatience patience, IProgress<long>? progress, CancellationToken cancellation) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await using Stream source = open();
            source.Position = offset;
            byte[] buffer = new byte[128 * 1024];
            long sent = offset;
            int read;
            while ((read = await source.ReadAsync(buffer, cancellation)) > 0)
            {
                using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
                deadline.CancelAfter(patience.Stall);
                try
                {
                    await stream.WriteAsync(buffer.AsMemory(0, read), deadline.Token);
                }
                catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
                {
                    throw new IOException($"nothing was taken for {patience.Stall.TotalSeconds:0.###} seconds", e);
                }
                progress?.Report(sent += read);
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = size - offset;
            return true;
        }
    }
}
