using Caisson.Api.Http;
using Caisson.Api.Transport;
using Caisson.Control;
using Caisson.Control.Access;
using Caisson.Errors;

using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Caisson.Api.Docker;

/// <summary>The Docker Engine API, 1.24 to 1.51: version negotiation, the error shape and the way to the handlers.</summary>
internal sealed class DockerApi(Router router, AccessControl access, Action<string> log, EngineRest? rest = null) : IHttpApplication<HttpContext>
{
    private static readonly string ServerName = $"Caisson/{ProductVersion.Text} (linux)";

    public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

    public void DisposeContext(HttpContext context, Exception? exception)
    {
    }

    public async Task ProcessRequestAsync(HttpContext context)
    {
        IHeaderDictionary headers = context.Response.Headers;
        headers["Api-Version"] = ApiVersion.Max.ToString();
        headers["Docker-Experimental"] = "false";
        headers["Ostype"] = "linux";
        headers.Server = ServerName;
        rest?.Note();
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
        finally
        {
            context.Features.Get<Guard>()?.Note(context, context.Response.StatusCode);
            rest?.Note();
        }
    }

    private async Task DispatchAsync(HttpContext context)
    {
        BrowserGuard.Check(context.Request, context.Features.Get<EngineConnection>()?.Hosts ?? HostNames.OfSocket);
        RefuseTwoSizes(context);
        string path = context.Request.Path.Value ?? "/";
        if (ApiVersion.TryTake(path, out ApiVersion version, out string rest))
        {
            if (version < ApiVersion.Min)
            {
                throw new CaissonException(
                    ErrorKind.InvalidArgument,
                    $"client version {version} is too old. Minimum supported API version is {ApiVersion.Min}, please upgrade your client to a newer version");
            }
            if (version > ApiVersion.Max)
            {
                throw new CaissonException(
                    ErrorKind.InvalidArgument, $"client version {version} is too new. Maximum supported API version is {ApiVersion.Max}");
            }
        }

        Router.Match match = router.Find(context.Request.Method, rest);
        if (Guard.Meet(context, access) is not { } guard)
        {
            await WriteErrorAsync(context, StatusCodes.Status401Unauthorized, "this engine does not know who asks: the token is worth nothing, or the user is none of its any more");
            return;
        }
        if (match is { Handler: { } handler, Need: { } need })
        {
            var call = new Call(context, version, match.Values);
            guard.Require(need, call);
            await handler(call);
            return;
        }
        await WriteErrorAsync(
            context,
            match.OtherMethod ? StatusCodes.Status405MethodNotAllowed : StatusCodes.Status404NotFound,
            match.OtherMethod ? $"{context.Request.Method} is not allowed on {rest}" : "page not found");
    }

    /// <summary>A body with a length and in chunks is how a second request is hidden from whoever stands between. Source: RFC 9112 §6.3.</summary>
    private static void RefuseTwoSizes(HttpContext context)
    {
        // Kestrel believes the chunks and moves the length to a header of its own.
        if (context.Request.Headers.TransferEncoding.Count > 0 && context.Request.Headers.ContainsKey("X-Content-Length"))
        {
            context.Response.Headers.Connection = "close";
            throw new CaissonException(ErrorKind.InvalidArgument, "the request's body has a Content-Length and comes in chunks, too");
        }
    }

    private async Task FailAsync(HttpContext context, Exception error)
    {
        (int status, string message) = error switch
        {
            CaissonException known => (ErrorStatus.Of(known.Kind), known.Message),
            BadHttpRequestException bad => (bad.StatusCode, bad.Message),
            OperationCanceledException => (ErrorStatus.Of(ErrorKind.Cancelled), "the request was cancelled"),
            _ => (StatusCodes.Status500InternalServerError, $"a fault of the engine: {error.Message}"),
        };
        if (status >= 500 && status is not (StatusCodes.Status501NotImplemented or StatusCodes.Status503ServiceUnavailable))
        {
            log($"{context.Request.Method} {context.Request.Path}: {(error is CaissonException ? message : error.ToString())}");
        }
        context.Features.Get<Guard>()?.Note(context, status, error as AccessException);
        if (context.Response.HasStarted)
        {
            // The head is sent: cutting the connection is the only way left to say that this is not all.
            context.Abort();
            return;
        }
        try
        {
            string? connection = context.Response.Headers.Connection;
            context.Response.Clear();
            context.Response.Headers.Connection = connection;
            context.Response.Headers["Api-Version"] = ApiVersion.Max.ToString();
            context.Response.Headers.Server = ServerName;
            await WriteErrorAsync(context, status, message);
        }
        catch (Exception late) when (late is OperationCanceledException or IOException)
        {
            // The client went away while it was told.
        }
    }

    private static Task WriteErrorAsync(HttpContext context, int status, string message) =>
        new Call(context, ApiVersion.Max, []).Json(new ErrorBody(message), DockerJson.Default.ErrorBody, status);
}
