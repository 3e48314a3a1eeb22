using System.Text;
using System.Text.Json;

using Caisson.Errors;

namespace Caisson.Cli.Registries;

/// <summary>What the user has for registries: Docker's <c>config.json</c>, and the helpers it names.</summary>
/// <remarks>Source: docker login(1), "Credential stores" and "Credential helpers".</remarks>
internal sealed class CredentialStore(Func<string, string?> variable)
{
    /// <summary>What Docker Hub is called in the file.</summary>
    public const string DockerHub = "https://index.docker.io/v1/";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>The file: in <c>DOCKER_CONFIG</c>, or in <c>~/.docker</c>.</summary>
    public string Path => System.IO.Path.Combine(variable("DOCKER_CONFIG") ?? System.IO.Path.Combine(variable("HOME") ?? "/root", ".docker"), "config.json");

    /// <summary>What a registry is called in the file: its host, but for Docker Hub.</summary>
    public static string ServerOf(string text)
    {
        int scheme = text.IndexOf("://", StringComparison.Ordinal);
        string host = scheme < 0 ? text : text[(scheme + 3)..];
        int slash = host.IndexOf('/', StringComparison.Ordinal);
        host = slash < 0 ? host : host[..slash];
        return host is "" or "docker.io" or "index.docker.io" or "registry-1.docker.io" ? DockerHub : host;
    }

    /// <summary>The registry of a repository: its first part when that looks like a host.</summary>
    public static string ServerOfRepository(string repository)
    {
        int slash = repository.IndexOf('/', StringComparison.Ordinal);
        string first = slash < 0 ? "" : repository[..slash];
        bool isHost = first.AsSpan().ContainsAny('.', ':') || first == "localhost" || first.Any(char.IsAsciiLetterUpper);
        return ServerOf(isHost ? first : "");
    }

    /// <summary>The value of <c>X-Registry-Auth</c> for the registry of <paramref name="repository"/>; null without credentials.</summary>
    public string? HeaderFor(string repository) => Find(ServerOfRepository(repository))?.ToHeader();

    /// <summary>What there is for <paramref name="server"/>; null when there is nothing.</summary>
    public RegistryCredential? Find(string server)
    {
        using JsonDocument? document = Read();
        if (document is null)
        {
            return null;
        }
        if (HelperFor(document.RootElement, server) is { } helper)
        {
            return helper.Get(server);
        }
        if (!document.RootElement.TryGetProperty("auths", out JsonElement auths) || auths.ValueKind != JsonValueKind.Object)
        {
            return null;
        }
        foreach (JsonProperty entry in auths.EnumerateObject())
        {
            if (entry.Value.ValueKind == JsonValueKind.Object && (entry.Name == server || ServerOf(entry.Name) == server))
            {
                return FromEntry(server, entry.Value);
            }
        }
        return null;
    }

    /// <summary>Keeps <paramref name="credential"/>; by a helper where one is set up.</summary>
    /// <returns>True when it is in the file, where everybody who may read it can.</returns>
    public bool Put(RegistryCredential credential)
    {
        using JsonDocument? document = Read();
        if (document is not null && HelperFor(document.RootElement, credential.Server) is { } helper)
        {
            helper.Put(credential);
            return false;
        }
        Write(document, credential.Server, credential);
        return true;
    }

    /// <summary>Forgets what there is for <paramref name="server"/>; false when there is nothing.</summary>
    public bool Remove(string server)
    {
        using JsonDocument? document = Read();
        if (document is null || Find(server) is null)
        {
            return false;
        }
        if (HelperFor(document.RootElement, server) is { } helper)
        {
            helper.Remove(server);
        }
        Write(document, server, null);
        return true;
    }

    private JsonDocument? Read()
    {
        try
        {
            byte[] content = File.ReadAllBytes(Path);
            JsonDocument document = JsonDocument.Parse(content);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document : throw new JsonException("it is not an object");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (JsonException e)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{Path} is not what docker writes: {e.Message.TrimEnd('.')}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CaissonException(ErrorKind.PermissionDenied, $"read credentials: {e.Message.TrimEnd('.')}", e);
        }
    }

    private static CredentialHelper? HelperFor(JsonElement config, string server)
    {
        if (config.TryGetProperty("credHelpers", out JsonElement helpers) && helpers.ValueKind == JsonValueKind.Object
            && helpers.TryGetProperty(server, out JsonElement own) && own.GetString() is { Length: > 0 } helper)
        {
            return new CredentialHelper(helper);
        }
        return config.TryGetProperty("credsStore", out JsonElement store) && store.ValueKind == JsonValueKind.String && store.GetString() is { Length: > 0 } name
            ? new CredentialHelper(name)
            : null;
    }

    private static RegistryCredential? FromEntry(string server, JsonElement entry)
    {
        string user = Text(entry, "username");
        string password = Text(entry, "password");
        string token = Text(entry, "identitytoken");
        if (Text(entry, "auth") is { Length: > 0 } auth)
        {
            Span<byte> bytes = new byte[auth.Length];
            string pair = Convert.TryFromBase64String(auth, bytes, out int length) ? Encoding.UTF8.GetString(bytes[..length]).TrimEnd('\0') : "";
            int colon = pair.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0)
            {
                (user, password) = (pair[..colon], pair[(colon + 1)..]);
            }
        }
        return user.Length == 0 && token.Length == 0 ? null : new RegistryCredential(server, token.Length > 0 ? "" : user, password, token);
    }

    private static string Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    /// <summary>Writes the file anew with one entry more or less; everything else in it stays.</summary>
    private void Write(JsonDocument? document, string server, RegistryCredential? credential)
    {
        string directory = System.IO.Path.GetDirectoryName(Path)!;
        Directory.CreateDirectory(directory, OwnerOnly | UnixFileMode.UserExecute);
        // A link stays one: what it leads to is replaced.
        string target = new FileInfo(Path).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? Path;
        string temporary = $"{target}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (var file = new FileStream(temporary, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnerOnly }))
            using (var json = new Utf8JsonWriter(file, new JsonWriterOptions { Indented = true, IndentCharacter = '\t', IndentSize = 1 }))
            {
                json.WriteStartObject();
                json.WriteStartObject("auths");
                if (document is not null && document.RootElement.TryGetProperty("auths", out JsonElement auths) && auths.ValueKind == JsonValueKind.Object)
                {
                    foreach (JsonProperty entry in auths.EnumerateObject().Where(entry => entry.Name != server && ServerOf(entry.Name) != server))
                    {
                        entry.WriteTo(json);
                    }
                }
                if (credential is not null)
                {
                    json.WriteStartObject(server);
                    json.WriteString("auth", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{credential.Username}:{credential.Password}")));
                    if (credential.IdentityToken.Length > 0)
                    {
                        json.WriteString("identitytoken", credential.IdentityToken);
                    }
                    json.WriteEndObject();
                }
                json.WriteEndObject();
                foreach (JsonProperty other in document?.RootElement.EnumerateObject() ?? Enumerable.Empty<JsonProperty>())
                {
                    if (other.Name != "auths")
                    {
                        other.WriteTo(json);
                    }
                }
                json.WriteEndObject();
                json.Flush();
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, target, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            File.Delete(temporary);
            throw new CaissonException(ErrorKind.PermissionDenied, $"keep credentials: {e.Message.TrimEnd('.')}", e);
        }
    }
}
