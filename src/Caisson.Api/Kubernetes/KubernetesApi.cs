using System.Buffers;
using System.Security.Cryptography;
using System.Text;

using Caisson.Api.Http;
using Caisson.Control.Access;
using Caisson.Documents;
using Caisson.Errors;

using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Caisson.Api.Kubernetes;

/// <summary>The Kubernetes API at a TCP address: who comes must have a token, of the owner's kubeconfig, of a user or of a service account.</summary>
internal sealed class KubernetesApi(ObjectRoutes routes, AccessControl access, string token, Action<string> log) : IHttpApplication<HttpContext>
{
    public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

    public void DisposeContext(HttpContext context, Exception? exception)
    {
    }

    public async Task ProcessRequestAsync(HttpContext context)
    {
        string given = context.Request.Headers.Authorization.ToString();
        if (CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(given)), SHA256.HashData(Encoding.UTF8.GetBytes("Bearer " + token))))
        {
            _ = Guard.Enter(context, access, Caller.Owner with { Known = "token of the kubeconfig" });
        }
        else if (Guard.Meet(context, access) is null)
        {
            await KubernetesAnswer.FailAsync(context, 401, "Unauthorized", "Unauthorized: the token of 'caisson kubeconfig' or 'caisson access token' is needed");
            return;
        }
        await routes.HandleAsync(context, context.Request.Path.Value ?? "/", log);
    }
}

/// <summary>Answers and bodies of the Kubernetes API. Source: Kubernetes API conventions, "Response Status Kind".</summary>
internal static class KubernetesAnswer
{
    private const int BodyBytesMax = 4 << 20;

    /// <summary>Answers with a document.</summary>
    public static Task SendAsync(HttpContext context, DocumentNode document, int status = 200) => SendAsync(context, YamlWriter.WriteJsonBytes(document), "application/json", status);

    /// <summary>Answers with bytes.</summary>
    public static async Task SendAsync(HttpContext context, ReadOnlyMemory<byte> body, string type, int status = 200)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }

    /// <summary>Says what went wrong.</summary>
    public static async Task FailAsync(HttpContext context, int code, string reason, string message)
    {
        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }
        try
        {
            await SendAsync(context, Status(code, reason, message), code);
        }
        catch (Exception late) when (late is OperationCanceledException or IOException)
        {
            // The client went away while it was told.
        }
    }

    /// <summary>A document that says what went wrong.</summary>
    public static MappingNode Status(int code, string reason, string message) => Doc.Map(
        ("kind", Doc.Text("Status")), ("apiVersion", Doc.Text("v1")), ("metadata", MappingNode.Empty),
        ("status", Doc.Text("Failure")), ("message", Doc.Text(message)), ("reason", Doc.Text(reason)), ("code", Doc.Number(code)));

    /// <summary>How an error of ours is said.</summary>
    public static (int Code, string Reason) Of(CaissonException error) => error switch
    {
        ProblemsException => (422, "Invalid"),
        { Kind: ErrorKind.FailedPrecondition } when error.Message.StartsWith("too old resource version", StringComparison.Ordinal) => (410, "Expired"),
        { Kind: ErrorKind.InvalidArgument } when error.Message.Contains(" is invalid: ", StringComparison.Ordinal) => (422, "Invalid"),
        { Kind: ErrorKind.InvalidArgument } => (400, "BadRequest"),
        { Kind: ErrorKind.NotFound } => (404, "NotFound"),
        { Kind: ErrorKind.AlreadyExists } => (409, "AlreadyExists"),
        { Kind: ErrorKind.Conflict } => (409, "Conflict"),
        { Kind: ErrorKind.PermissionDenied } => (403, "Forbidden"),
        { Kind: ErrorKind.ResourceExhausted } => (429, "TooManyRequests"),
        { Kind: ErrorKind.Unimplemented } => (501, "NotImplemented"),
        { Kind: ErrorKind.Unavailable } => (503, "ServiceUnavailable"),
        { Kind: ErrorKind.FailedPrecondition } => (409, "Conflict"),
        _ => (500, "InternalError"),
    };

    /// <summary>The request's body.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: larger than a document may be.</exception>
    public static async Task<byte[]> ReadAsync(HttpContext context)
    {
        if (context.Request.ContentLength > BodyBytesMax)
        {
            throw TooLarge();
        }
        var reader = context.Request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync(context.RequestAborted);
            if (read.Buffer.Length > BodyBytesMax)
            {
                reader.AdvanceTo(read.Buffer.End);
                throw TooLarge();
            }
            if (read.IsCompleted)
            {
                byte[] body = read.Buffer.ToArray();
                reader.AdvanceTo(read.Buffer.End);
                return body;
            }
            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private static CaissonException TooLarge() => new(ErrorKind.InvalidArgument, $"the request's body is larger than {BodyBytesMax >> 20} MiB");
}

/// <summary>A path of the API: which objects, and what of them.</summary>
/// <param name="Kind">Which kind.</param>
/// <param name="Namespace">Null for all of them.</param>
/// <param name="Name">Empty for all objects.</param>
/// <param name="Part">What of an object: <c>status</c>, <c>log</c>…; empty for all of it.</param>
internal readonly record struct ObjectPath(Caisson.Kubernetes.Schema.ResourceKind Kind, string? Namespace, string Name, string Part)
{
    /// <summary>Reads a path such as <c>/apis/apps/v1/namespaces/default/deployments/web/scale</c>; null when it is none.</summary>
    public static ObjectPath? Read(string path)
    {
        string[] parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        bool isCore = parts is ["api", ..];
        int at = isCore ? 2 : 3;
        if (parts.Length <= at || !(isCore || parts[0] == "apis"))
        {
            return null;
        }
        (string group, string version) = isCore ? ("", parts[1]) : (parts[1], parts[2]);
        ReadOnlySpan<string> rest = parts.AsSpan(at);
        string? space = null;
        if (rest.Length > 2 && rest[0] == "namespaces" && rest[2] is not ("status" or "finalize"))
        {
            space = rest[1];
            rest = rest[2..];
        }
        if (rest.Length > 3 || Caisson.Kubernetes.Schema.ResourceKind.FindPlural(group, version, rest[0]) is not { } kind)
        {
            return null;
        }
        return new(kind, kind.Namespaced ? space : "", rest.Length > 1 ? rest[1] : "", rest.Length > 2 ? rest[2] : "");
    }
}
