using System.Text.Json.Serialization;

using Caisson.Registry;

namespace Caisson.Api.Registry;

internal sealed record RefusalBody(
    [property: JsonPropertyName("code")] string Code, [property: JsonPropertyName("message")] string Message);

internal sealed record RefusalsBody([property: JsonPropertyName("errors")] IReadOnlyList<RefusalBody> Errors);

internal sealed record TagsBody(
    [property: JsonPropertyName("name")] string Name, [property: JsonPropertyName("tags")] IReadOnlyList<string> Tags);

internal sealed record CatalogBody([property: JsonPropertyName("repositories")] IReadOnlyList<string> Repositories);

internal sealed record TokenBody(
    [property: JsonPropertyName("token")] string Token,
    [property: JsonPropertyName("access_token")] string AccessToken,
    [property: JsonPropertyName("expires_in")] int ExpiresIn);

/// <summary>Serialization of the registry's documents, generated.</summary>
[JsonSerializable(typeof(RefusalsBody))]
[JsonSerializable(typeof(TagsBody))]
[JsonSerializable(typeof(CatalogBody))]
[JsonSerializable(typeof(TokenBody))]
internal sealed partial class RegistryBodyJson : JsonSerializerContext;

/// <summary>The one table from refusals to the standard's words and HTTP's numbers. Source: distribution-spec, "Error Codes".</summary>
internal static class RefusalStatus
{
    public static (int Status, string Word) Of(RefusalCode code) => code switch
    {
        RefusalCode.BlobUnknown => (404, "BLOB_UNKNOWN"),
        RefusalCode.BlobUploadInvalid => (400, "BLOB_UPLOAD_INVALID"),
        RefusalCode.BlobUploadUnknown => (404, "BLOB_UPLOAD_UNKNOWN"),
        RefusalCode.DigestInvalid => (400, "DIGEST_INVALID"),
        RefusalCode.ManifestBlobUnknown => (400, "MANIFEST_BLOB_UNKNOWN"),
        RefusalCode.ManifestInvalid => (400, "MANIFEST_INVALID"),
        RefusalCode.ManifestUnknown => (404, "MANIFEST_UNKNOWN"),
        RefusalCode.NameInvalid => (400, "NAME_INVALID"),
        RefusalCode.NameUnknown => (404, "NAME_UNKNOWN"),
        RefusalCode.SizeInvalid => (400, "SIZE_INVALID"),
        RefusalCode.RangeInvalid => (416, "BLOB_UPLOAD_INVALID"),
        RefusalCode.Unauthorized => (401, "UNAUTHORIZED"),
        RefusalCode.Denied => (403, "DENIED"),
        _ => (405, "UNSUPPORTED"),
    };
}
