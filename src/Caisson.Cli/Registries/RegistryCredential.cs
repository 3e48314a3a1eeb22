using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;

namespace Caisson.Cli.Registries;

/// <summary>What a user has for one registry.</summary>
/// <param name="Server">The registry as Docker's files call it.</param>
/// <param name="Username">Empty with a token.</param>
/// <param name="Password">Empty with a token.</param>
/// <param name="IdentityToken">A refresh token; empty without one.</param>
internal sealed record RegistryCredential(string Server, string Username, string Password, string IdentityToken)
{
    /// <summary>Docker's <c>AuthConfig</c>.</summary>
    public byte[] ToJson()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (Username.Length > 0)
            {
                json.WriteString("username", Username);
                json.WriteString("password", Password);
            }
            json.WriteString("serveraddress", Server);
            if (IdentityToken.Length > 0)
            {
                json.WriteString("identitytoken", IdentityToken);
            }
            json.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>The value of <c>X-Registry-Auth</c>.</summary>
    public string ToHeader() => Base64Url.EncodeToString(ToJson());

    /// <summary>Never shows a secret.</summary>
    public override string ToString() => $"{Username}@{Server}";
}
