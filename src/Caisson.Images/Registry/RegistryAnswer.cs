using System.Net;
using System.Text;
using System.Text.Json;

using Caisson.Errors;

namespace Caisson.Images.Registry;

/// <summary>What a registry's answers mean when they are not what was asked for. Source: distribution-spec, "Error Codes".</summary>
internal static class RegistryAnswer
{
    private const int ErrorBytesMax = 64 * 1024;
    private const int ReasonLengthMax = 512;

    /// <summary>True for what may pass: asked for patience, or a fault of the server's.</summary>
    public static bool IsTransient(HttpStatusCode status) => (int)status is 408 or 429 or 500 or 502 or 503 or 504;

    /// <summary>The error that an answer stands for. The answer is read; disposing it stays the caller's.</summary>
    /// <param name="response">With a status of 400 or more, or one that was not expected.</param>
    /// <param name="what">What was being done, to what.</param>
    /// <param name="cancellation">Ends the reading.</param>
    public static async Task<CaissonException> ErrorAsync(HttpResponseMessage response, string what, CancellationToken cancellation)
    {
        string reason = await ReasonAsync(response, cancellation);
        int status = (int)response.StatusCode;
        string said = reason.Length > 0 ? reason : $"it answered {status} {response.ReasonPhrase}".TrimEnd();
        if (IsTransient(response.StatusCode))
        {
            TimeSpan? wait = response.Headers.RetryAfter switch
            {
                { Delta: { } delta } => delta,
                { Date: { } date } => date - DateTimeOffset.UtcNow,
                _ => null,
            };
            return new RegistryTransientException($"{what}: {said}", null) { RetryAfter = wait is { } positive && positive > TimeSpan.Zero ? positive : null };
        }
        return new CaissonException(
            status switch
            {
                401 or 403 => ErrorKind.PermissionDenied,
                404 => ErrorKind.NotFound,
                _ => ErrorKind.Unavailable,
            },
            $"{what}: {said}");
    }

    /// <summary>A small body whole.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: longer than <paramref name="bytesMax"/>.</exception>
    public static async Task<byte[]> ReadAsync(
        HttpResponseMessage response, int bytesMax, string subject, RegistryPatience patience, CancellationToken cancellation)
    {
        if (response.Content.Headers.ContentLength > bytesMax)
        {
            throw TooLong(subject, bytesMax);
        }
        await using Stream body = await response.Content.ReadAsStreamAsync(cancellation);
        using var reader = new PatientReader(body, patience, subject);
        using var whole = new MemoryStream();
        byte[] buffer = new byte[16 * 1024];
        int read;
        while ((read = await reader.ReadAsync(buffer, cancellation)) > 0)
        {
            if (whole.Length + read > bytesMax)
            {
                throw TooLong(subject, bytesMax);
            }
            whole.Write(buffer, 0, read);
        }
        if (response.Content.Headers.ContentLength is { } announced && announced != whole.Length)
        {
            throw new RegistryTransientException($"{subject}: the connection broke after {whole.Length} of {announced} bytes");
        }
        return whole.ToArray();
    }

    private static CaissonException TooLong(string subject, int bytesMax) =>
        new(ErrorKind.InvalidArgument, $"{subject} is longer than {bytesMax} bytes, which is the most that is read");

    /// <summary>What the registry says in its own words, fit for a line of a terminal; empty when it says nothing.</summary>
    private static async Task<string> ReasonAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        try
        {
            await using Stream body = await response.Content.ReadAsStreamAsync(cancellation);
            byte[] buffer = new byte[ErrorBytesMax];
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            deadline.CancelAfter(TimeSpan.FromSeconds(5));
            int length = await body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, deadline.Token);
            using JsonDocument document = JsonDocument.Parse(buffer.AsMemory(0, length));
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                return "";
            }
            if (document.RootElement.TryGetProperty("errors", out JsonElement errors) && errors.ValueKind == JsonValueKind.Array)
            {
                return Clean(string.Join("; ", errors.EnumerateArray().Take(3).Select(Describe)));
            }
            return Clean(Text(document.RootElement, "details") is { Length: > 0 } details ? details : Text(document.RootElement, "message"));
        }
        catch (Exception e) when (e is JsonException or HttpRequestException or IOException
            || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            return "";
        }
    }

    private static string Describe(JsonElement error)
    {
        string code = Text(error, "code").ToLowerInvariant().Replace('_', ' ');
        string message = Text(error, "message");
        return code.Length == 0 || message.Equals(code, StringComparison.OrdinalIgnoreCase) ? message : $"{code}: {message}";
    }

    private static string Text(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : "";

    private static string Clean(string text)
    {
        var clean = new StringBuilder();
        foreach (char c in text.Length > ReasonLengthMax ? text[..ReasonLengthMax] : text)
        {
            clean.Append(char.IsControl(c) ? ' ' : c);
        }
        return clean.ToString().Trim().TrimEnd('.');
    }
}
