using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

using Caisson.Errors;

namespace Caisson.Oci;

/// <summary>Strict reading of image documents, so that two readers cannot see two images in one document.</summary>
/// <remarks>
/// Refused: a key twice in one object, a key that differs from a known one only in case (Go would take it), invalid UTF-8,
/// lone surrogates, more than 64 levels, trailing data, and documents over their limit.
/// </remarks>
internal static class ImageJson
{
    private const int DepthMax = 64;

    /// <summary>Checks the whole document and returns the keys of its outermost object.</summary>
    public static HashSet<string> CheckDocument(
        ReadOnlySpan<byte> content, int sizeBytesMax, ReadOnlySpan<string> names, string subject)
    {
        if (content.Length > sizeBytesMax)
        {
            throw Invalid(subject, $"is {content.Length} bytes long; at most {sizeBytesMax} are read");
        }
        var reader = new Utf8JsonReader(content, new JsonReaderOptions { MaxDepth = DepthMax });
        var open = new Stack<HashSet<string>>();
        HashSet<string>? outermost = null;
        try
        {
            while (reader.Read())
            {
                switch (reader.TokenType)
                {
                    case JsonTokenType.StartObject:
                        open.Push(new HashSet<string>(StringComparer.Ordinal));
                        outermost ??= reader.CurrentDepth == 0 ? open.Peek() : null;
                        break;
                    case JsonTokenType.EndObject:
                        open.Pop();
                        break;
                    case JsonTokenType.PropertyName:
                        CheckKey(reader.GetString()!, open.Peek(), reader.CurrentDepth, names, subject);
                        break;
                    case JsonTokenType.String:
                        _ = reader.GetString();
                        break;
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw Invalid(subject, $"is not well-formed JSON: {FirstSentence(e)}", e);
        }
        return outermost ?? throw Invalid(subject, "is not a JSON object");
    }

    /// <summary>Binds a checked document to its type.</summary>
    public static T Read<T>(ReadOnlySpan<byte> content, JsonTypeInfo<T> type, string subject)
    {
        try
        {
            return JsonSerializer.Deserialize(content, type) ?? throw Invalid(subject, "is null");
        }
        catch (JsonException e)
        {
            throw Invalid(subject, $"has a wrong value at {e.Path ?? "$"}: {FirstSentence(e)}", e);
        }
    }

    /// <summary>The bytes of <paramref name="value"/>.</summary>
    public static byte[] Write<T>(T value, JsonTypeInfo<T> type) => JsonSerializer.SerializeToUtf8Bytes(value, type);

    /// <summary>Requires that what others call the document, what it calls itself and what it is are one.</summary>
    public static void CheckMediaType(string? told, string? own, Func<string?, bool> known, string subject)
    {
        if (own is not null && !known(own))
        {
            throw Invalid(subject, $"calls itself '{own}'");
        }
        if (told is not null && !known(told))
        {
            throw Invalid(subject, $"was announced as '{told}'");
        }
        if (own is not null && told is not null && own != told)
        {
            throw Invalid(subject, $"was announced as '{told}' but calls itself '{own}'");
        }
    }

    /// <summary>Requires a digest and a size that can be.</summary>
    public static void CheckDescriptor(ContentDescriptor? descriptor, string subject, string place)
    {
        if (descriptor is null || descriptor.Digest.IsEmpty || descriptor.Size < 0)
        {
            throw Invalid(subject, $"has a descriptor in {place} without a digest or with a negative size");
        }
    }

    /// <summary>The error for a document that is refused.</summary>
    public static CaissonException Invalid(string subject, string why, Exception? cause = null) =>
        new(ErrorKind.InvalidArgument, $"{subject} {why}", cause);

    private static void CheckKey(string key, HashSet<string> keys, int depth, ReadOnlySpan<string> names, string subject)
    {
        if (!keys.Add(key))
        {
            throw Invalid(subject, $"has the key '{key}' twice in one object");
        }
        if (depth != 1)
        {
            return;
        }
        foreach (string name in names)
        {
            if (name != key && name.Equals(key, StringComparison.OrdinalIgnoreCase))
            {
                throw Invalid(subject, $"has the key '{key}'; the standard spells it '{name}'");
            }
        }
    }

    private static string FirstSentence(Exception e)
    {
        int end = e.Message.IndexOf(". ", StringComparison.Ordinal);
        string sentence = (end < 0 ? e.Message : e.Message[..end]).TrimEnd('.');
        return sentence.Length > 0 ? char.ToLowerInvariant(sentence[0]) + sentence[1..] : sentence;
    }
}

/// <summary>The generated readers and writers of image documents.</summary>
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, MaxDepth = 64)]
[JsonSerializable(typeof(ImageManifest))]
[JsonSerializable(typeof(ImageIndex))]
[JsonSerializable(typeof(ImageConfig))]
[JsonSerializable(typeof(ImageLayout))]
internal sealed partial class ImageJsonContext : JsonSerializerContext
{
    /// <summary>Writes text as it is: escapes only what JSON demands.</summary>
    public static ImageJsonContext Relaxed { get; } = new(new JsonSerializerOptions
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        MaxDepth = 64,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        RespectNullableAnnotations = true,
    });
}
