using System.Net;

using Caisson.Errors;
using Caisson.Oci;

namespace Caisson.Images.Registry;

public sealed partial class RegistryRepository
{
    /// <summary>How long the registry says a blob is.</summary>
    internal Task<long> BlobSizeAsync(Digest digest, CancellationToken cancellation) => RepeatAsync(async () =>
    {
        string subject = $"blob {digest} of {Name}";
        using HttpResponseMessage response = await FollowAsync(HttpMethod.Head, $"blobs/{digest}", PullScope, null, subject, cancellation);
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw await RegistryAnswer.ErrorAsync(response, subject, cancellation);
        }
        return response.Content.Headers.ContentLength
            ?? throw new CaissonException(ErrorKind.InvalidArgument, $"{subject}: the registry does not say how long it is");
    }, cancellation);

    /// <summary>Opens a blob at an offset. What the answer's head says must agree with what was announced.</summary>
    /// <exception cref="RegistryTransientException">Another try may do.</exception>
    /// <exception cref="CaissonException">It is not there, or the registry lies about it.</exception>
    internal async Task<BlobBody> OpenBlobAsync(ContentDescriptor blob, long offset, CancellationToken cancellation)
    {
        string subject = $"blob {blob.Digest} of {Name}";
        HttpResponseMessage response = await FollowAsync(HttpMethod.Get, $"blobs/{blob.Digest}", PullScope, null, subject, cancellation, offset);
        try
        {
            if (response.StatusCode is not (HttpStatusCode.OK or HttpStatusCode.PartialContent))
            {
                throw await RegistryAnswer.ErrorAsync(response, subject, cancellation);
            }
            if (response.Content.Headers.ContentEncoding.Count > 0)
            {
                throw new CaissonException(ErrorKind.InvalidArgument,
                    $"{subject}: the registry encodes it as {string.Join(", ", response.Content.Headers.ContentEncoding)}, which was not asked for");
            }
            bool partial = response.StatusCode == HttpStatusCode.PartialContent;
            if (partial && (offset == 0 || response.Content.Headers.ContentRange is not { From: { } from } range
                || from != offset || range.To != blob.Size - 1 || (range.Length ?? blob.Size) != blob.Size))
            {
                throw new CaissonException(ErrorKind.InvalidArgument,
                    $"{subject}: bytes from {offset} of {blob.Size} were asked for, and the registry sends {response.Content.Headers.ContentRange?.ToString() ?? "others"}");
            }
            long expected = partial ? blob.Size - offset : blob.Size;
            if (response.Content.Headers.ContentLength is { } length && length != expected)
            {
                throw new CaissonException(ErrorKind.InvalidArgument,
                    $"{subject}: the registry sends {length} bytes, and {expected} were announced");
            }
            Stream body = await response.Content.ReadAsStreamAsync(cancellation);
            return new BlobBody(response, body, partial ? 0 : offset, subject);
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }
}

/// <summary>The bytes of a blob as they come.</summary>
/// <param name="response">Owned.</param>
/// <param name="body">Its body.</param>
/// <param name="skipBytes">How many bytes to throw away first, from a registry that knows no ranges.</param>
/// <param name="subject">What to call it in errors.</param>
internal sealed class BlobBody(HttpResponseMessage response, Stream body, long skipBytes, string subject) : IDisposable
{
    public Stream Stream => body;

    public long SkipBytes => skipBytes;

    public string Subject => subject;

    public void Dispose() => response.Dispose();
}
