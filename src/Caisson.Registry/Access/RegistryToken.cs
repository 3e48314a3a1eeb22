using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;

using Caisson.Errors;

namespace Caisson.Registry.Access;

/// <summary>What a token lets its bearer do.</summary>
/// <param name="Subject">Whose it is; empty for nobody in particular.</param>
/// <param name="Grants">Repositories with the words of what may be done there.</param>
public sealed record RegistryToken(string Subject, IReadOnlyList<(string Repository, IReadOnlyList<string> Actions)> Grants)
{
    /// <summary>Whether it allows <paramref name="action"/>.</summary>
    public bool Allows(string repository, RegistryAction action)
    {
        string word = action switch
        {
            RegistryAction.Pull => "pull",
            RegistryAction.Push => "push",
            _ => "delete",
        };
        return Grants.Any(grant => grant.Repository == repository && (grant.Actions.Contains(word) || grant.Actions.Contains("*")));
    }
}

/// <summary>Tokens as a registry takes them: signed by itself, or by a token server whose key it was given.</summary>
/// <remarks>
/// The algorithm follows from the key that was given, never from the token, and a key that a token brings along is never used. For several
/// threads. Source: RFC 7519; distribution's "Token Authentication Implementation".
/// </remarks>
public sealed class RegistryTokens : IDisposable
{
    private const int LengthMax = 16 * 1024;
    private const int LifeSeconds = 300;
    private const int SkewSeconds = 60;

    private readonly string _algorithm;
    private readonly byte[]? _secret;
    private readonly AsymmetricAlgorithm? _key;
    private readonly string _issuer;
    private readonly TimeProvider _time;

    private RegistryTokens(string algorithm, byte[]? secret, AsymmetricAlgorithm? key, string issuer, string service, string? realm, TimeProvider time)
    {
        _algorithm = algorithm;
        _secret = secret;
        _key = key;
        _issuer = issuer;
        Service = service;
        Realm = realm;
        _time = time;
    }

    /// <summary>What this registry is called in tokens.</summary>
    public string Service { get; }

    /// <summary>The address of the token server; null when this registry is its own.</summary>
    public string? Realm { get; }

    /// <summary>Tokens of the registry's own.</summary>
    /// <param name="secret">32 bytes that nobody else knows.</param>
    /// <param name="time">The clock; null for the system's.</param>
    public static RegistryTokens Own(byte[] secret, TimeProvider? time = null) =>
        new("HS256", secret, null, "caisson", "caisson", null, time ?? TimeProvider.System);

    /// <summary>Tokens of a token server.</summary>
    /// <param name="realm">Its address, for clients.</param>
    /// <param name="service">What this registry is called there.</param>
    /// <param name="issuer">What the server calls itself.</param>
    /// <param name="publicKey">Its public key or certificate in PEM: RSA, or ECDSA with P-256.</param>
    /// <param name="time">The clock; null for the system's.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: not such a key.</exception>
    public static RegistryTokens Of(string realm, string service, string issuer, string publicKey, TimeProvider? time = null)
    {
        try
        {
            if (publicKey.Contains("BEGIN CERTIFICATE", StringComparison.Ordinal))
            {
                using var certificate = X509Certificate2.CreateFromPem(publicKey);
                AsymmetricAlgorithm? own = (AsymmetricAlgorithm?)certificate.GetRSAPublicKey() ?? certificate.GetECDsaPublicKey();
                return With(own ?? throw new CryptographicException("the certificate has neither an RSA nor an ECDSA key"));
            }
            var rsa = RSA.Create();
            try
            {
                rsa.ImportFromPem(publicKey);
                return With(rsa);
            }
            catch (Exception e) when (e is CryptographicException or ArgumentException)
            {
                rsa.Dispose();
            }
            var ecdsa = ECDsa.Create();
            ecdsa.ImportFromPem(publicKey);
            return With(ecdsa);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"the key of the token server: {e.Message.TrimEnd('.')}", e);
        }

        RegistryTokens With(AsymmetricAlgorithm key) =>
            new(key is RSA ? "RS256" : "ES256", null, key, issuer, service, realm, time ?? TimeProvider.System);
    }

    /// <summary>Makes a token; only where this registry is its own token server.</summary>
    public (string Token, int LifeSeconds) Issue(string subject, IEnumerable<(string Repository, IReadOnlyList<string> Actions)> grants)
    {
        long now = _time.GetUtcNow().ToUnixTimeSeconds();
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("iss", _issuer);
            json.WriteString("aud", Service);
            json.WriteString("sub", subject);
            json.WriteNumber("iat", now);
            json.WriteNumber("nbf", now - SkewSeconds);
            json.WriteNumber("exp", now + LifeSeconds);
            json.WriteString("jti", Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)));
            json.WriteStartArray("access");
            foreach ((string repository, IReadOnlyList<string> actions) in grants)
            {
                json.WriteStartObject();
                json.WriteString("type", "repository");
                json.WriteString("name", repository);
                json.WriteStartArray("actions");
                foreach (string action in actions)
                {
                    json.WriteStringValue(action);
                }
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        string signed = $"{Base64Url.EncodeToString("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"u8)}.{Base64Url.EncodeToString(buffer.WrittenSpan)}";
        byte[] signature = HMACSHA256.HashData(_secret ?? throw new InvalidOperationException("this registry makes no tokens"), Encoding.ASCII.GetBytes(signed));
        return ($"{signed}.{Base64Url.EncodeToString(signature)}", LifeSeconds);
    }

    /// <summary>Reads a token; null when it is not good: forged, too old, or for another registry.</summary>
    public RegistryToken? Verify(string text)
    {
        string[] parts = text.Split('.');
        if (text.Length > LengthMax || parts.Length != 3)
        {
            return null;
        }
        try
        {
            byte[] signature = Base64Url.DecodeFromChars(parts[2]);
            using JsonDocument header = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[0]));
            return Text(header.RootElement, "alg") == _algorithm && IsSigned(Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), signature)
                ? ReadClaims(Base64Url.DecodeFromChars(parts[1]))
                : null;
        }
        catch (Exception e) when (e is FormatException or JsonException or CryptographicException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _key?.Dispose();

    private bool IsSigned(byte[] signed, byte[] signature) => _key switch
    {
        RSA rsa => rsa.VerifyData(signed, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1),
        ECDsa ecdsa => ecdsa.VerifyData(signed, signature, HashAlgorithmName.SHA256),
        _ => CryptographicOperations.FixedTimeEquals(HMACSHA256.HashData(_secret!, signed), signature),
    };

    private RegistryToken? ReadClaims(byte[] content)
    {
        using JsonDocument document = JsonDocument.Parse(content);
        JsonElement claims = document.RootElement;
        long now = _time.GetUtcNow().ToUnixTimeSeconds();
        bool isOurs = claims.TryGetProperty("aud", out JsonElement audience)
            && (audience.ValueKind == JsonValueKind.Array
                ? audience.EnumerateArray().Any(each => each.ValueKind == JsonValueKind.String && each.GetString() == Service)
                : audience.ValueKind == JsonValueKind.String && audience.GetString() == Service);
        if (Text(claims, "iss") != _issuer || !isOurs
            || !claims.TryGetProperty("exp", out JsonElement end) || end.GetInt64() + SkewSeconds < now
            || (claims.TryGetProperty("nbf", out JsonElement begin) && begin.GetInt64() - SkewSeconds > now))
        {
            return null;
        }
        List<(string, IReadOnlyList<string>)> grants = [];
        if (claims.TryGetProperty("access", out JsonElement access) && access.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement each in access.EnumerateArray())
            {
                if (Text(each, "type") == "repository" && each.TryGetProperty("actions", out JsonElement actions))
                {
                    grants.Add((Text(each, "name"), [.. actions.EnumerateArray().Select(action => action.GetString() ?? "")]));
                }
            }
        }
        return new RegistryToken(Text(claims, "sub"), grants);
    }

    private static string Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
}
