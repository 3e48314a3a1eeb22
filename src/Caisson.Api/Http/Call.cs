using System.Buffers;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

using Caisson.Errors;

using Microsoft.AspNetCore.Http;

namespace Caisson.Api.Http;

/// <summary>One request and its answer, with the readings that all handlers share.</summary>
internal sealed class Call(HttpContext http, ApiVersion version, IReadOnlyList<KeyValuePair<string, string>> values)
{
    /// <summary>The largest JSON document that is read; a container's configuration is a few kilobytes.</summary>
    private const int BodyBytesMax = 4 << 20;
    private const int ListPartBytes = 32 << 10;

    /// <summary>The request underneath.</summary>
    public HttpContext Http => http;

    /// <summary>Who asks, and what that one may.</summary>
    public Guard Guard => Guard.Of(http);

    /// <summary>The version the client speaks.</summary>
    public ApiVersion Version => version;

    /// <summary>Fires when the client is gone.</summary>
    public CancellationToken Gone => http.RequestAborted;

    /// <summary>Whether the request's body was read as a document.</summary>
    public bool BodyWasRead { get; private set; }

    /// <summary>The part of the path that the route calls <paramref name="name"/>.</summary>
    public string Path(string name)
    {
        foreach (KeyValuePair<string, string> value in values)
        {
            if (value.Key == name)
            {
                return value.Value;
            }
        }
        throw new System.Diagnostics.UnreachableException($"no {name} in this route");
    }

    /// <summary>A query parameter; null when absent or empty.</summary>
    public string? Query(string name) =>
        http.Request.Query.TryGetValue(name, out var found) && found.Count > 0 && found[0] is { Length: > 0 } value ? value : null;

    /// <summary>Every value of a query parameter that may repeat.</summary>
    public IEnumerable<string> QueryAll(string name) =>
        http.Request.Query.TryGetValue(name, out var found) ? found.OfType<string>().Where(value => value.Length > 0) : [];

    /// <summary>A switch in Docker's reading: absent, 0, no, false and none are off.</summary>
    public bool Flag(string name, bool otherwise = false) =>
        http.Request.Query.TryGetValue(name, out var found) && found.Count > 0
            ? found[0]?.Trim().ToLowerInvariant() is not (null or "" or "0" or "no" or "false" or "none")
            : otherwise;

    /// <summary>A whole number; null when absent.</summary>
    public int? Number(string name)
    {
        if (Query(name) is not { } text)
        {
            return null;
        }
        return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number)
            ? number
            : throw new CaissonException(ErrorKind.InvalidArgument, $"query parameter {name}: '{text}' is not a whole number");
    }

    /// <summary>The body as JSON.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: absent, too large or malformed.</exception>
    public async Task<T> ReadAsync<T>(JsonTypeInfo<T> type) where T : class =>
        await ReadOptionalAsync(type)
        ?? throw new CaissonException(ErrorKind.InvalidArgument, "the request has no body; a JSON document is needed");

    /// <summary>The body as JSON; null when there is none.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: too large or malformed.</exception>
    public async Task<T?> ReadOptionalAsync<T>(JsonTypeInfo<T> type) where T : class
    {
        byte[] body = await ReadBytesAsync();
        if (body.AsSpan().Trim(" \t\r\n"u8).IsEmpty)
        {
            return null;
        }
        if (http.Request.ContentType is { } contentType && !contentType.StartsWith("application/json", StringComparison.OrdinalIgnoreCase))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"unsupported Content-Type header ({contentType}): must be 'application/json'");
        }
        try
        {
            return JsonSerializer.Deserialize(body, type);
        }
        catch (JsonException error)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"the request's JSON at {error.Path ?? "$"}: {Reason(error)}", error);
        }
    }

    /// <summary>Reads the body, if nobody has, and forgets it.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: larger than a document may be.</exception>
    public async Task SkipBodyAsync()
    {
        if (!BodyWasRead)
        {
            _ = await ReadBytesAsync();
        }
    }

    /// <summary>Answers with a JSON document.</summary>
    public async Task Json<T>(T value, JsonTypeInfo<T> type, int status = StatusCodes.Status200OK)
    {
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(value, type);
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = body.Length;
        await http.Response.Body.WriteAsync(body, Gone);
    }

    /// <summary>Answers with a JSON array; of a long one a part is sent while the next is made.</summary>
    public async Task JsonList<T>(IEnumerable<T> items, JsonTypeInfo<T> type)
    {
        http.Response.ContentType = "application/json";
        var part = new ArrayBufferWriter<byte>(ListPartBytes);
        await using var writer = new Utf8JsonWriter(part, new JsonWriterOptions { Encoder = type.Options.Encoder, SkipValidation = true });
        writer.WriteStartArray();
        foreach (T item in items)
        {
            JsonSerializer.Serialize(writer, item, type);
            if (writer.BytesPending + part.WrittenCount > ListPartBytes)
            {
                await SendPartAsync();
            }
        }
        writer.WriteEndArray();
        if (!http.Response.HasStarted)
        {
            http.Response.ContentLength = writer.BytesPending + part.WrittenCount;
        }
        await SendPartAsync();

        async Task SendPartAsync()
        {
            writer.Flush();
            await http.Response.Body.WriteAsync(part.WrittenMemory, Gone);
            part.ResetWrittenCount();
        }
    }

    /// <summary>Answers with text.</summary>
    public async Task Text(string text, string contentType = "text/plain; charset=utf-8")
    {
        byte[] body = System.Text.Encoding.UTF8.GetBytes(text);
        http.Response.ContentType = contentType;
        http.Response.ContentLength = body.Length;
        await http.Response.Body.WriteAsync(body, Gone);
    }

    /// <summary>Answers with a status and nothing else.</summary>
    public Task Empty(int status = StatusCodes.Status204NoContent)
    {
        http.Response.StatusCode = status;
        return Task.CompletedTask;
    }

    /// <summary>Begins an answer that is written piece by piece; its head is sent at once.</summary>
    public async Task<Stream> Begin(string contentType)
    {
        http.Response.ContentType = contentType;
        await http.Response.StartAsync(Gone);
        await http.Response.Body.FlushAsync(Gone);
        return http.Response.Body;
    }

    private async Task<byte[]> ReadBytesAsync()
    {
        BodyWasRead = true;
        if (http.Request.ContentLength > BodyBytesMax)
        {
            throw TooLarge();
        }
        var reader = http.Request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync(Gone);
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

    private static CaissonException TooLarge() =>
        new(ErrorKind.InvalidArgument, $"the request's JSON is larger than {BodyBytesMax >> 20} MiB");

    private static string Reason(JsonException error)
    {
        int position = error.Message.IndexOf(" Path: ", StringComparison.Ordinal);
        string reason = (position < 0 ? error.Message : error.Message[..position]).TrimEnd('.');
        return reason.Length > 0 ? char.ToLowerInvariant(reason[0]) + reason[1..] : "malformed";
    }
}
