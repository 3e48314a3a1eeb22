using System.Text.Json;

using Caisson.Client.Http;
using Caisson.Errors;

namespace Caisson.Client;

/// <summary>The engine refused a request; the message is the engine's own.</summary>
public sealed class EngineException : CaissonException
{
    /// <summary>Takes the engine's status and message.</summary>
    public EngineException(int status, string message) : base(KindOf(status), message) => Status = status;

    /// <summary>The HTTP status, 300 or above.</summary>
    public int Status { get; }

    /// <summary>Reads <c>{"message": …}</c> from an error response; a body of another shape is quoted.</summary>
    internal static EngineException From(HttpResponse response)
    {
        int status = response.Head.Status;
        var body = response.ReadAll();
        try
        {
            using var document = JsonDocument.Parse(body);
            if (document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("message", out var message)
                && message.GetString() is { Length: > 0 } text)
            {
                return new EngineException(status, text.Trim());
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Not the engine's own words: say what came instead.
        }
        string quoted = System.Text.Encoding.UTF8.GetString(body.Span[..Math.Min(body.Length, 300)]).Trim();
        return new EngineException(status, $"the engine answered with status {status}{(quoted.Length > 0 ? ": " + quoted : "")}");
    }

    private static ErrorKind KindOf(int status) => status switch
    {
        400 => ErrorKind.InvalidArgument,
        401 or 403 => ErrorKind.PermissionDenied,
        404 => ErrorKind.NotFound,
        409 => ErrorKind.Conflict,
        412 => ErrorKind.FailedPrecondition,
        429 or 507 => ErrorKind.ResourceExhausted,
        501 => ErrorKind.Unimplemented,
        503 => ErrorKind.Unavailable,
        _ => ErrorKind.Internal,
    };
}
