using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

using Caisson.Errors;

namespace Caisson.Control.Access;

/// <summary>What a token of an account says.</summary>
/// <param name="Project">The account's namespace.</param>
/// <param name="Name">The account's name.</param>
/// <param name="Uid">Of the very account; another of the same name is not meant.</param>
/// <param name="Expires">From when on it is worth nothing.</param>
public sealed record ServiceAccountClaims(string Project, string Name, string Uid, DateTimeOffset Expires);

/// <summary>Tokens of Kubernetes' service accounts, signed with a key that is the engine's alone. Source: RFC 7519; Kubernetes API, "TokenRequest".</summary>
public sealed class ServiceAccountTokens
{
    /// <summary>Whom tokens are for where nobody says.</summary>
    public const string Audience = "https://kubernetes.default.svc";

    private const string Issuer = "caisson";
    private const int KeyBytes = 32;
    private const int LengthMax = 8 * 1024;
    private static readonly string Header = Base64Url.EncodeToString("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"u8);

    private readonly byte[] _key;
    private readonly TimeProvider _time;

    private ServiceAccountTokens(byte[] key, TimeProvider time) => (_key, _time) = (key, time);

    /// <summary>Reads the key file, or makes it.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: the file is no key.</exception>
    public static ServiceAccountTokens Open(string path, TimeProvider time)
    {
        if (!File.Exists(path))
        {
            using var file = new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
            file.Write(RandomNumberGenerator.GetBytes(KeyBytes));
            file.Flush(flushToDisk: true);
        }
        byte[] key = File.ReadAllBytes(path);
        return key.Length == KeyBytes
            ? new(key, time)
            : throw new CaissonException(ErrorKind.FailedPrecondition, $"the key of service account tokens, {path}, has {key.Length} bytes instead of {KeyBytes}; delete it, and all tokens are worth nothing");
    }

    /// <summary>Makes a token.</summary>
    /// <param name="claims">What it says.</param>
    /// <param name="audiences">Whom it is for; empty for <see cref="Audience"/>.</param>
    public string Issue(ServiceAccountClaims claims, IReadOnlyList<string> audiences)
    {
        ArgumentNullException.ThrowIfNull(claims);
        ArgumentNullException.ThrowIfNull(audiences);
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("iss", Issuer);
            json.WriteStartArray("aud");
            foreach (string audience in audiences.Count > 0 ? audiences : [Audience])
            {
                json.WriteStringValue(audience);
            }
            json.WriteEndArray();
            json.WriteString("sub", AccessPolicy.ServiceAccountName(claims.Project, claims.Name));
            json.WriteNumber("iat", _time.GetUtcNow().ToUnixTimeSeconds());
            json.WriteNumber("exp", claims.Expires.ToUnixTimeSeconds());
            json.WriteStartObject("kubernetes.io");
            json.WriteString("namespace", claims.Project);
            json.WriteStartObject("serviceaccount");
            json.WriteString("name", claims.Name);
            json.WriteString("uid", claims.Uid);
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndObject();
        }
        string signed = $"{Header}.{Base64Url.EncodeToString(buffer.WrittenSpan)}";
        return $"{signed}.{Base64Url.EncodeToString(Sign(signed))}";
    }

    /// <summary>Reads a token; null when it is not good: forged, too old, or for others.</summary>
    public ServiceAccountClaims? Verify(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] parts = text.Split('.');
        if (text.Length > LengthMax || parts.Length != 3 || parts[0] != Header)
        {
            return null;
        }
        try
        {
            if (!CryptographicOperations.FixedTimeEquals(Base64Url.DecodeFromChars(parts[2]), Sign($"{parts[0]}.{parts[1]}")))
            {
                return null;
            }
            using JsonDocument document = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[1]));
            JsonElement claims = document.RootElement;
            var expires = DateTimeOffset.FromUnixTimeSeconds(claims.GetProperty("exp").GetInt64());
            if (expires <= _time.GetUtcNow() || !claims.GetProperty("aud").EnumerateArray().Any(audience => audience.GetString() == Audience))
            {
                return null;
            }
            JsonElement own = claims.GetProperty("kubernetes.io");
            JsonElement account = own.GetProperty("serviceaccount");
            return new(own.GetProperty("namespace").GetString()!, account.GetProperty("name").GetString()!, account.GetProperty("uid").GetString()!, expires);
        }
        catch (Exception error) when (error is FormatException or JsonException or InvalidOperationException or KeyNotFoundException)
        {
            return null;
        }
    }

    private byte[] Sign(string signed) => HMACSHA256.HashData(_key, Encoding.ASCII.GetBytes(signed));
}
