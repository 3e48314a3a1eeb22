using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

using Caisson.Errors;
using Caisson.Oci;
using Caisson.Registry;
using Caisson.Registry.Access;

using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Caisson.Api.Registry;

/// <summary>The registry's API: reads requests, asks the store, writes answers. Source: distribution-spec 1.1.</summary>
internal sealed partial class RegistryApi(RegistryStore store, RegistryAccess access, PullThrough? upstreams, Action<string> log)
    : IHttpApplication<HttpContext>
{
    private const string NoDigest = "the path does not end with a digest: sha256: with 64 or sha512: with 128 lower-case hex digits";

    /// <summary>Whether clients reach it by https.</summary>
    public bool IsEncrypted { get; init; }

    public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

    public void DisposeContext(HttpContext context, Exception? exception)
    {
    }

    public async Task ProcessRequestAsync(HttpContext context)
    {
        context.Response.Headers["Docker-Distribution-Api-Version"] = "registry/2.0";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        try
        {
            await DispatchAsync(context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client went away; there is nobody to tell.
        }
#pragma warning disable CA1031 // the edge: whatever happens, one client gets an answer and the others are served
        catch (Exception error)
#pragma warning restore CA1031
        {
            await FailAsync(context, error);
        }
    }

    private async Task DispatchAsync(HttpContext context)
    {
        if (context.Request.Path.Value is "/token" && access is { Tokens.Realm: null, Passwords: not null })
        {
            await TokenAsync(context);
            return;
        }
        if (RegistryPath.Parse(context.Request.Path.Value ?? "/") is not { } path)
        {
            throw new RegistryRefusal(RefusalCode.NameUnknown, "there is no such page; the registry's API is below /v2/");
        }
        RegistryCaller caller = access.Identify(context.Request.Headers.Authorization);
        string method = context.Request.Method;
        if (path.Repository.Length > 0)
        {
            path.CheckName();
            if (Query(context, "ns") is { } domain && upstreams?.LocalName(path.Repository, domain) is { } local)
            {
                path = path with { Repository = local };
            }
            RegistryAction action = method switch
            {
                "GET" or "HEAD" when path.Resource is not (RegistryResource.Upload or RegistryResource.Uploads) => RegistryAction.Pull,
                "DELETE" when path.Resource is not RegistryResource.Upload => RegistryAction.Delete,
                _ => RegistryAction.Push,
            };
            Require(caller, path.Repository, action);
            if (action != RegistryAction.Pull && upstreams?.Has(path.Repository) == true)
            {
                throw new RegistryRefusal(RefusalCode.Unsupported, $"{path.Repository} belongs to another registry, which this one only fetches from");
            }
        }
        else if (access.KnowsUsers && caller is { User: null, Token: null } && !access.Rights.Allows(null, "", RegistryAction.Pull))
        {
            throw new RegistryRefusal(RefusalCode.Unauthorized, "log in first");
        }

        await ((path.Resource, method) switch
        {
            (RegistryResource.Base, "GET" or "HEAD") => WriteAsync(context, 200, "application/json", "{}"u8.ToArray()),
            (RegistryResource.Catalog, "GET") => CatalogAsync(context, caller),
            (RegistryResource.Tags, "GET") => TagsAsync(context, path),
            (RegistryResource.Manifest, "GET" or "HEAD") => GetManifestAsync(context, path),
            (RegistryResource.Manifest, "PUT") => PutManifestAsync(context, path),
            (RegistryResource.Manifest, "DELETE") => DeleteManifestAsync(context, path),
            (RegistryResource.Blob, "GET" or "HEAD") => GetBlobAsync(context, path),
            (RegistryResource.Blob, "DELETE") => DeleteBlobAsync(context, path),
            (RegistryResource.Uploads, "POST") => StartUploadAsync(context, path, caller),
            (RegistryResource.Upload, "GET" or "HEAD") => UploadStatusAsync(context, path),
            (RegistryResource.Upload, "PATCH") => AppendAsync(context, path),
            (RegistryResource.Upload, "PUT") => FinishUploadAsync(context, path),
            (RegistryResource.Upload, "DELETE") => CancelUploadAsync(context, path),
            (RegistryResource.Referrers, "GET") => ReferrersAsync(context, path),
            _ => throw new RegistryRefusal(RefusalCode.Unsupported, $"{method} is not done here"),
        });
    }

    private void Require(RegistryCaller caller, string repository, RegistryAction action)
    {
        if (access.Allows(caller, repository, action))
        {
            return;
        }
        string what = $"{action.ToString().ToLowerInvariant()} of {repository}";
        // A token that says too little is mended by a better one; a user whom the rights name is not.
        throw access.KnowsUsers && (caller.User is null || caller.Token is not null)
            ? new RegistryRefusal(RefusalCode.Unauthorized, $"{what} needs somebody who may: log in")
            : new RegistryRefusal(RefusalCode.Denied, $"{caller.User ?? "nobody in particular"} may not: {what}");
    }

    private Task CatalogAsync(HttpContext context, RegistryCaller caller)
    {
        int count = Count(context, 1000);
        string[] found = [.. store.Repositories(Query(context, "last") ?? "").Where(name => access.Allows(caller, name, RegistryAction.Pull)).Take(count + 1)];
        if (found.Length > count)
        {
            found = found[..count];
            Link(context, count == 0 ? null : $"/v2/_catalog?n={count}&last={Uri.EscapeDataString(found[^1])}");
        }
        return JsonAsync(context, new CatalogBody(found), RegistryBodyJson.Default.CatalogBody);
    }

    private Task TagsAsync(HttpContext context, RegistryPath path)
    {
        int count = Count(context, 10_000);
        string[] found = [.. store.Tags(path.Repository, Query(context, "last") ?? "", count + 1)];
        if (found.Length > count)
        {
            found = found[..count];
            Link(context, count == 0 ? null : $"/v2/{path.Repository}/tags/list?n={count}&last={Uri.EscapeDataString(found[^1])}");
        }
        return JsonAsync(context, new TagsBody(path.Repository, found), RegistryBodyJson.Default.TagsBody);
    }

    private async Task ReferrersAsync(HttpContext context, RegistryPath path)
    {
        Digest subject = DigestOf(path);
        string? type = Query(context, "artifactType");
        string last = Query(context, "last") ?? "";
        (ImageIndex page, string? next) = store.Referrers(path.Repository, subject, type, last);
        if (upstreams is not null && last.Length == 0)
        {
            IReadOnlyList<ContentDescriptor> behind = await upstreams.ReferrersAsync(path.Repository, subject, type, context.RequestAborted);
            page = page with { Manifests = [.. page.Manifests.Concat(behind).DistinctBy(each => each.Digest)] };
        }
        if (type is not null)
        {
            context.Response.Headers["OCI-Filters-Applied"] = "artifactType";
        }
        if (next is not null)
        {
            string filter = type is null ? "" : "&artifactType=" + Uri.EscapeDataString(type);
            Link(context, $"/v2/{path.Repository}/referrers/{subject}?last={Uri.EscapeDataString(next)}{filter}");
        }
        await WriteAsync(context, 200, MediaTypes.ImageIndex, page.ToBytes());
    }

    /// <summary>A token for whoever shows a password. Source: distribution's "Token Authentication Specification".</summary>
    private async Task TokenAsync(HttpContext context)
    {
        if (context.Request.Method != "GET")
        {
            throw new RegistryRefusal(RefusalCode.Unsupported, "tokens are asked for by GET");
        }
        RegistryCaller caller = access.Identify(context.Request.Headers.Authorization);
        (string token, int seconds) = access.Tokens!.Issue(caller.User ?? "", access.Grant(caller, context.Request.Query["scope"].OfType<string>()));
        await JsonAsync(context, new TokenBody(token, token, seconds), RegistryBodyJson.Default.TokenBody);
    }

    private static Digest DigestOf(RegistryPath path) => Digest.TryParse(path.Name, out Digest digest)
        ? digest
        : throw new RegistryRefusal(RefusalCode.DigestInvalid, NoDigest);

    private static string? Query(HttpContext context, string name) =>
        context.Request.Query.TryGetValue(name, out var values) && values.Count > 0 && values[0] is { Length: > 0 } value ? value : null;

    /// <summary>How many entries of a list are asked for; never more than <paramref name="max"/>.</summary>
    private static int Count(HttpContext context, int max) => Query(context, "n") is not { } text
        ? max
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int count)
            ? Math.Min(count, max)
            : throw new RegistryRefusal(RefusalCode.SizeInvalid, "n is not a number that can be");

    private static void Link(HttpContext context, string? next)
    {
        if (next is not null)
        {
            context.Response.Headers.Link = $"<{next}>; rel=\"next\"";
        }
    }

    private static Task JsonAsync<T>(HttpContext context, T value, JsonTypeInfo<T> type, int status = 200) =>
        WriteAsync(context, status, "application/json", JsonSerializer.SerializeToUtf8Bytes(value, type));

    private static async Task WriteAsync(HttpContext context, int status, string type, byte[] body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        context.Response.ContentLength = body.Length;
        if (context.Request.Method != "HEAD")
        {
            await context.Response.Body.WriteAsync(body, context.RequestAborted);
        }
    }

    private async Task FailAsync(HttpContext context, Exception error)
    {
        (int status, string word, string message) = error switch
        {
            RegistryRefusal refusal => (RefusalStatus.Of(refusal.Code).Status, RefusalStatus.Of(refusal.Code).Word, refusal.Message),
            BadHttpRequestException bad => (bad.StatusCode, "UNSUPPORTED", bad.Message),
            CaissonException { Kind: ErrorKind.ResourceExhausted } full => (507, "UNKNOWN", full.Message),
            CaissonException { Kind: ErrorKind.Unavailable } down => (502, "UNKNOWN", down.Message),
            CaissonException { Kind: ErrorKind.InvalidArgument } lie => (502, "UNKNOWN", lie.Message),
            _ => (500, "UNKNOWN", "a fault of the registry; its log says more"),
        };
        if (status >= 500)
        {
            log($"{context.Request.Method} {context.Request.Path}: {(error is CaissonException ? error.Message : error.ToString())}");
        }
        if (context.Response.HasStarted)
        {
            // The head is sent: cutting the connection is the only way left to say that this is not all.
            context.Abort();
            return;
        }
        try
        {
            context.Response.Clear();
            context.Response.Headers["Docker-Distribution-Api-Version"] = "registry/2.0";
            if (status == 401)
            {
                context.Response.Headers.WWWAuthenticate = Challenge(context);
            }
            await JsonAsync(context, new RefusalsBody([new RefusalBody(word, message)]), RegistryBodyJson.Default.RefusalsBody, status);
        }
        catch (Exception late) when (late is OperationCanceledException or IOException)
        {
            // The client went away while it was told.
        }
    }

    private string Challenge(HttpContext context)
    {
        if (access.Tokens is not { } tokens || context.Request.Path.Value is "/token")
        {
            return "Basic realm=\"caisson\"";
        }
        string realm = tokens.Realm ?? $"{(IsEncrypted ? "https" : "http")}://{context.Request.Host.Value?.Replace("\"", "", StringComparison.Ordinal)}/token";
        string scope = RegistryPath.Parse(context.Request.Path.Value ?? "/") is { Repository.Length: > 0 } path && RepositoryName.IsValid(path.Repository)
            ? $",scope=\"repository:{path.Repository}:{(context.Request.Method is "GET" or "HEAD" ? "pull" : context.Request.Method == "DELETE" ? "delete" : "pull,push")}\""
            : "";
        return $"Bearer realm=\"{realm}\",service=\"{tokens.Service}\"{scope}";
    }
}
