using System.Buffers;
using System.Globalization;

using Caisson.Oci;
using Caisson.Registry;
using Caisson.Registry.Access;

using Microsoft.AspNetCore.Http;

namespace Caisson.Api.Registry;

internal sealed partial class RegistryApi
{
    private const int CopyBytes = 128 * 1024;

    private async Task GetManifestAsync(HttpContext context, RegistryPath path)
    {
        RepositoryManifest manifest = upstreams is null ? store.Manifest(path.Repository, path.Name)
            : await upstreams.ManifestAsync(path.Repository, path.Name, context.RequestAborted) ?? store.Manifest(path.Repository, path.Name);
        context.Response.Headers["Docker-Content-Digest"] = manifest.Digest.ToString();
        context.Response.Headers.ETag = $"\"{manifest.Digest}\"";
        await WriteAsync(context, 200, manifest.MediaType, manifest.Content);
    }

    private async Task PutManifestAsync(HttpContext context, RegistryPath path)
    {
        byte[] content = await ReadManifestAsync(context);
        string? type = context.Request.ContentType?.Split(';')[0].Trim();
        StoredResult stored = store.PutManifest(path.Repository, path.Name, [.. context.Request.Query["tag"].OfType<string>()], type, content);
        context.Response.StatusCode = StatusCodes.Status201Created;
        context.Response.Headers.Location = $"/v2/{path.Repository}/manifests/{stored.Digest}";
        context.Response.Headers["Docker-Content-Digest"] = stored.Digest.ToString();
        if (!stored.Subject.IsEmpty)
        {
            context.Response.Headers["OCI-Subject"] = stored.Subject.ToString();
        }
        if (context.Request.Query.ContainsKey("tag"))
        {
            context.Response.Headers["OCI-Tag"] = string.Join(", ", stored.Tags);
        }
    }

    private Task DeleteManifestAsync(HttpContext context, RegistryPath path)
    {
        store.DeleteManifest(path.Repository, path.Name);
        context.Response.StatusCode = StatusCodes.Status202Accepted;
        return Task.CompletedTask;
    }

    private Task DeleteBlobAsync(HttpContext context, RegistryPath path)
    {
        store.DeleteBlob(path.Repository, DigestOf(path));
        context.Response.StatusCode = StatusCodes.Status202Accepted;
        return Task.CompletedTask;
    }

    private async Task GetBlobAsync(HttpContext context, RegistryPath path)
    {
        Digest digest = DigestOf(path);
        FileStream? kept = null;
        try
        {
            kept = store.OpenBlob(path.Repository, digest);
        }
        catch (RegistryRefusal) when (upstreams?.Has(path.Repository) == true)
        {
            // It may be had from the registry behind.
        }
        if (kept is null)
        {
            await GetForeignBlobAsync(context, path, digest);
            return;
        }
        await using (kept)
        {
            long size = kept.Length;
            DescribeBlob(context, digest);
            context.Response.Headers.AcceptRanges = "bytes";
            if (RangeOf(context, digest) is not { } range)
            {
                context.Response.ContentLength = size;
                await CopyAsync(context, kept, size);
                return;
            }
            if (Resolve(range, size) is not { } bytes)
            {
                context.Response.StatusCode = StatusCodes.Status416RangeNotSatisfiable;
                context.Response.Headers.ContentRange = $"bytes */{size}";
                return;
            }
            context.Response.StatusCode = StatusCodes.Status206PartialContent;
            context.Response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes {bytes.First}-{bytes.Last}/{size}");
            context.Response.ContentLength = bytes.Last - bytes.First + 1;
            kept.Position = bytes.First;
            await CopyAsync(context, kept, bytes.Last - bytes.First + 1);
        }
    }

    private async Task GetForeignBlobAsync(HttpContext context, RegistryPath path, Digest digest)
    {
        if (await upstreams!.BlobAsync(path.Repository, digest, context.RequestAborted) is not { } found)
        {
            throw new RegistryRefusal(RefusalCode.BlobUnknown, $"repository {path.Repository} has no blob {digest}");
        }
        await using Stream content = found.Content;
        DescribeBlob(context, digest);
        context.Response.ContentLength = found.Size;
        // What arrives is read on a thread of its own, since reading it blocks.
        await Task.Factory.StartNew(
            () => CopyAsync(context, content, found.Size).GetAwaiter().GetResult(),
            context.RequestAborted, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    private static void DescribeBlob(HttpContext context, Digest digest)
    {
        context.Response.ContentType = "application/octet-stream";
        context.Response.Headers["Docker-Content-Digest"] = digest.ToString();
        context.Response.Headers.ETag = $"\"{digest}\"";
        context.Response.Headers.CacheControl = "private, max-age=31536000, immutable";
    }

    private static async Task CopyAsync(HttpContext context, Stream content, long length)
    {
        if (context.Request.Method == "HEAD")
        {
            return;
        }
        byte[] buffer = ArrayPool<byte>.Shared.Rent(CopyBytes);
        try
        {
            int read;
            while (length > 0 && (read = content.Read(buffer, 0, (int)Math.Min(CopyBytes, length))) > 0)
            {
                await context.Response.Body.WriteAsync(buffer.AsMemory(0, read), context.RequestAborted);
                length -= read;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>The one range that is asked for; null for the whole. Several at once may be ignored (RFC 9110 §14.2).</summary>
    private static string? RangeOf(HttpContext context, Digest digest)
    {
        string? range = context.Request.Headers.Range;
        string? condition = context.Request.Headers.IfRange;
        return range is null || !range.StartsWith("bytes=", StringComparison.Ordinal) || range.Contains(',', StringComparison.Ordinal)
            || (condition is not null && condition != $"\"{digest}\"")
            ? null
            : range["bytes=".Length..];
    }

    private static (long First, long Last)? Resolve(string range, long size)
    {
        int dash = range.IndexOf('-', StringComparison.Ordinal);
        if (dash < 0)
        {
            return null;
        }
        bool hasFirst = long.TryParse(range.AsSpan(0, dash), NumberStyles.None, CultureInfo.InvariantCulture, out long first);
        bool hasLast = long.TryParse(range.AsSpan(dash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out long last);
        if ((!hasFirst && dash > 0) || (!hasLast && dash + 1 < range.Length) || (!hasFirst && !hasLast))
        {
            return null;
        }
        if (!hasFirst)
        {
            return last == 0 || size == 0 ? null : (Math.Max(0, size - last), size - 1);
        }
        last = hasLast ? Math.Min(last, size - 1) : size - 1;
        return first < size && first <= last ? (first, last) : null;
    }

    private async Task StartUploadAsync(HttpContext context, RegistryPath path, RegistryCaller caller)
    {
        if (Query(context, "mount") is { } mount && Digest.TryParse(mount, out Digest wanted))
        {
            // A source that the caller may not read is one that does not have it.
            IEnumerable<string> sources = Query(context, "from") is { } source ? [source] : store.RepositoriesWith(wanted);
            if (sources.Any(each => access.Allows(caller, each, RegistryAction.Pull) && store.TryMount(path.Repository, each, wanted)))
            {
                Created(context, path.Repository, wanted);
                return;
            }
        }
        else if (Query(context, "digest") is { } text)
        {
            Digest digest = Digest.TryParse(text, out Digest parsed) ? parsed : throw new RegistryRefusal(RefusalCode.DigestInvalid, NoDigest);
            string whole = store.StartUpload(path.Repository);
            await store.AppendAsync(path.Repository, whole, 0, context.Request.ContentLength, context.Request.Body, context.RequestAborted);
            store.FinishUpload(path.Repository, whole, digest);
            Created(context, path.Repository, digest);
            return;
        }
        string id = store.StartUpload(path.Repository);
        UploadState(context, path.Repository, id, 0, StatusCodes.Status202Accepted);
    }

    private Task UploadStatusAsync(HttpContext context, RegistryPath path)
    {
        UploadState(context, path.Repository, path.Name, store.UploadLength(path.Repository, path.Name), StatusCodes.Status204NoContent);
        return Task.CompletedTask;
    }

    private async Task AppendAsync(HttpContext context, RegistryPath path)
    {
        long length = await AppendBodyAsync(context, path);
        UploadState(context, path.Repository, path.Name, length, StatusCodes.Status202Accepted);
    }

    private async Task FinishUploadAsync(HttpContext context, RegistryPath path)
    {
        Digest digest = Digest.TryParse(Query(context, "digest"), out Digest parsed)
            ? parsed
            : throw new RegistryRefusal(RefusalCode.DigestInvalid, "an upload is finished with its digest in the query");
        await AppendBodyAsync(context, path);
        store.FinishUpload(path.Repository, path.Name, digest);
        Created(context, path.Repository, digest);
    }

    private Task CancelUploadAsync(HttpContext context, RegistryPath path)
    {
        store.CancelUpload(path.Repository, path.Name);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    private Task<long> AppendBodyAsync(HttpContext context, RegistryPath path)
    {
        long? start = null;
        string? range = context.Request.Headers.ContentRange;
        if (range is not null)
        {
            string bare = range.StartsWith("bytes ", StringComparison.Ordinal) ? range["bytes ".Length..] : range;
            int dash = bare.IndexOf('-', StringComparison.Ordinal);
            int slash = bare.IndexOf('/', StringComparison.Ordinal);
            if (dash <= 0
                || !long.TryParse(bare.AsSpan(0, dash), NumberStyles.None, CultureInfo.InvariantCulture, out long first)
                || !long.TryParse(bare.AsSpan()[(dash + 1)..(slash < 0 ? bare.Length : slash)], NumberStyles.None, CultureInfo.InvariantCulture, out long last)
                || (context.Request.ContentLength is { } length && length != last - first + 1))
            {
                throw new RegistryRefusal(RefusalCode.BlobUploadInvalid, "Content-Range is not FIRST-LAST, or the chunk is of another length");
            }
            start = first;
        }
        return store.AppendAsync(path.Repository, path.Name, start, context.Request.ContentLength, context.Request.Body, context.RequestAborted);
    }

    private static async Task<byte[]> ReadManifestAsync(HttpContext context)
    {
        using var whole = new MemoryStream();
        byte[] buffer = new byte[16 * 1024];
        int read;
        while ((read = await context.Request.Body.ReadAsync(buffer, context.RequestAborted)) > 0)
        {
            if (whole.Length + read > ImageManifest.SizeBytesMax)
            {
                throw new BadHttpRequestException($"a manifest has at most {ImageManifest.SizeBytesMax} bytes", StatusCodes.Status413PayloadTooLarge);
            }
            whole.Write(buffer, 0, read);
        }
        return whole.ToArray();
    }

    private static void Created(HttpContext context, string repository, Digest digest)
    {
        context.Response.StatusCode = StatusCodes.Status201Created;
        context.Response.Headers.Location = $"/v2/{repository}/blobs/{digest}";
        context.Response.Headers["Docker-Content-Digest"] = digest.ToString();
    }

    private static void UploadState(HttpContext context, string repository, string id, long length, int status)
    {
        context.Response.StatusCode = status;
        context.Response.Headers.Location = $"/v2/{repository}/blobs/uploads/{id}";
        context.Response.Headers["Docker-Upload-UUID"] = id;
        // Registries write the range of an upload inclusive, so that nothing looks like one byte.
        context.Response.Headers.Range = string.Create(CultureInfo.InvariantCulture, $"0-{Math.Max(0, length - 1)}");
    }
}
