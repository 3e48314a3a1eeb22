using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

using Caisson.Api.Http;
using Caisson.Errors;
using Caisson.Images.Registry;

namespace Caisson.Api.Docker;

/// <summary>Credentials as Docker's clients send them. Source: moby's <c>AuthConfig</c>; Docker Engine API, "Authentication".</summary>
internal sealed record AuthBody
{
    [JsonPropertyName("username")]
    public string? Username { get; init; }

    [JsonPropertyName("password")]
    public string? Password { get; init; }

    [JsonPropertyName("auth")]
    public string? Auth { get; init; }

    [JsonPropertyName("serveraddress")]
    public string? ServerAddress { get; init; }

    [JsonPropertyName("identitytoken")]
    public string? IdentityToken { get; init; }

    [JsonPropertyName("registrytoken")]
    public string? RegistryToken { get; init; }
}

internal sealed record LoginBody(string Status, string IdentityToken);

internal sealed record PushedBody(string Tag, string Digest, long Size);

internal sealed record DescriptorBody(
    [property: JsonPropertyName("mediaType")] string MediaType,
    [property: JsonPropertyName("digest")] string Digest,
    [property: JsonPropertyName("size")] long Size);

internal sealed record PlatformBody(
    [property: JsonPropertyName("architecture")] string Architecture,
    [property: JsonPropertyName("os")] string Os)
{
    [JsonPropertyName("variant")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Variant { get; init; }

    [JsonPropertyName("os.version")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? OsVersion { get; init; }
}

internal sealed record DistributionBody(DescriptorBody Descriptor, IReadOnlyList<PlatformBody> Platforms);

/// <summary>Reads the header <c>X-Registry-Auth</c>.</summary>
internal static class RegistryAuth
{
    private const string Header = "X-Registry-Auth";

    /// <summary>The credentials that came with a request about an image of <paramref name="domain"/>; null without any for it.</summary>
    public static RegistryCredentials? Read(Call call, string domain)
    {
        string? header = call.Http.Request.Headers[Header];
        if (string.IsNullOrEmpty(header))
        {
            return null;
        }
        AuthBody? body;
        try
        {
            body = JsonSerializer.Deserialize(Decode(header), DockerJson.Default.AuthBody);
        }
        catch (Exception e) when (e is JsonException or FormatException)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"the header {Header} is not JSON in base64", e);
        }
        RegistryCredentials credentials = Of(body ?? new AuthBody());
        return (credentials with { Domain = credentials.Domain ?? domain }).For(domain);
    }

    /// <summary>The credentials of a document.</summary>
    public static RegistryCredentials Of(AuthBody body)
    {
        (string user, string password) = (body.Username ?? "", body.Password ?? "");
        if (user.Length == 0 && !string.IsNullOrEmpty(body.Auth))
        {
            string pair;
            try
            {
                pair = Encoding.UTF8.GetString(Convert.FromBase64String(body.Auth));
            }
            catch (FormatException e)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, "auth is not a name and a password in base64", e);
            }
            int colon = pair.IndexOf(':', StringComparison.Ordinal);
            (user, password) = colon < 0 ? (pair, "") : (pair[..colon], pair[(colon + 1)..]);
        }
        return new RegistryCredentials
        {
            Username = user,
            Password = password,
            IdentityToken = body.IdentityToken ?? "",
            RegistryToken = body.RegistryToken ?? "",
            Domain = RegistryCredentials.DomainOf(body.ServerAddress),
        };
    }

    /// <summary>base64 with the alphabet of addresses, as clients write it, or with the usual one.</summary>
    private static byte[] Decode(string text) =>
        text.AsSpan().ContainsAny('+', '/') ? Convert.FromBase64String(text) : Base64Url.DecodeFromChars(text.AsSpan().TrimEnd('='));
}
