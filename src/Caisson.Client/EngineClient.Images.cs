using System.Text.Json;

using Caisson.Client.Containers;
using Caisson.Client.Http;
using Caisson.Client.Images;
using Caisson.Errors;

namespace Caisson.Client;

public sealed partial class EngineClient
{
    /// <summary>Images.</summary>
    /// <param name="all">Also those without a name that others build on.</param>
    /// <param name="filters">Values by the filter's name.</param>
    public IReadOnlyList<ImageSummary> ListImages(bool all = false, IReadOnlyDictionary<string, List<string>>? filters = null)
    {
        var query = new QueryString().Add("all", all).Add("filters", FormatFilters(filters));
        using var response = Call("GET", "/images/json" + query);
        using var json = response.ReadJson(JsonValueKind.Array);
        return [.. json.RootElement.EnumerateArray().Select(item => new ImageSummary(item))];
    }

    /// <summary>Everything about one image. The caller disposes the document.</summary>
    public JsonDocument InspectImage(string name)
    {
        using var response = Call("GET", $"/images/{EscapeReference(name)}/json");
        return response.ReadJson();
    }

    /// <summary>How an image was made, newest step first.</summary>
    public IReadOnlyList<ImageHistoryEntry> ImageHistory(string name)
    {
        using var response = Call("GET", $"/images/{EscapeReference(name)}/history");
        using var json = response.ReadJson(JsonValueKind.Array);
        return [.. json.RootElement.EnumerateArray().Select(item => new ImageHistoryEntry(
            item.Text("Id"), DateTimeOffset.FromUnixTimeSeconds(item.Number("Created")), item.Text("CreatedBy"),
            item.Number("Size"), item.Text("Comment"), item.Texts("Tags")))];
    }

    /// <summary>Gives an image another name.</summary>
    public void TagImage(string source, string repository, string tag) =>
        Do("POST", $"/images/{EscapeReference(source)}/tag{new QueryString().Add("repo", repository).Add("tag", tag)}");

    /// <summary>Removes a name, and the image with its last name.</summary>
    public IReadOnlyList<ImageRemoval> RemoveImage(string name, bool force, bool noPrune)
    {
        var query = new QueryString().Add("force", force).Add("noprune", noPrune);
        using var response = Call("DELETE", $"/images/{EscapeReference(name)}{query}");
        using var json = response.ReadJson(JsonValueKind.Array);
        return [.. json.RootElement.EnumerateArray().Select(item => new ImageRemoval(item.Text("Untagged"), item.Text("Deleted")))];
    }

    /// <summary>Images as one tar archive. The caller disposes the response.</summary>
    public HttpResponse SaveImages(IReadOnlyList<string> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        string query = string.Join('&', names.Select(name => "names=" + Uri.EscapeDataString(name)));
        return Call("GET", "/images/get?" + query);
    }

    /// <summary>Takes images from a tar archive; the answer is a stream of progress. The caller disposes the response.</summary>
    public HttpResponse LoadImages(Stream archive, bool quiet) =>
        Exchange(new HttpRequest("POST", $"/images/load?quiet={(quiet ? "1" : "0")}")
        {
            WriteBody = body => archive.CopyTo(body, 64 * 1024),
            ContentType = "application/x-tar",
        });

    /// <summary>Makes an image from a tar archive of a root; the answer is a stream of progress. The caller disposes the response.</summary>
    /// <param name="archive">The tar archive; null when <paramref name="source"/> is an address the engine fetches.</param>
    /// <param name="source"><c>-</c> for <paramref name="archive"/>.</param>
    /// <param name="repository">Name of the image; empty: none.</param>
    /// <param name="tag">Its tag; empty: latest.</param>
    /// <param name="message">Comment.</param>
    /// <param name="changes">Dockerfile instructions to apply.</param>
    /// <param name="platform">Its platform; empty: this one.</param>
    public HttpResponse ImportImage(
        Stream? archive, string source, string repository, string tag, string message, IReadOnlyList<string> changes, string platform)
    {
        var query = new QueryString()
            .Add("fromSrc", source)
            .Add("message", message)
            .Add("platform", platform)
            .Add("repo", repository)
            .Add("tag", tag);
        foreach (string change in changes ?? [])
        {
            query.Add("changes", change);
        }
        return Exchange(new HttpRequest("POST", "/images/create" + query)
        {
            WriteBody = archive is null ? null : body => archive.CopyTo(body, 64 * 1024),
            ContentType = "application/x-tar",
        });
    }

    /// <summary>Fetches an image from its registry; the answer is a stream of progress. The caller disposes the response.</summary>
    public HttpResponse PullImage(string repository, string tag, string platform) =>
        Exchange(new HttpRequest("POST", "/images/create" + new QueryString().Add("fromImage", repository).Add("platform", platform).Add("tag", tag))
        {
            Headers = WhoAsks(repository, otherwise: ""),
        });

    /// <summary>Sends an image to its registry; the answer is a stream of progress. The caller disposes the response.</summary>
    /// <param name="repository">The name without a tag.</param>
    /// <param name="tag">Its tag; empty for all that the repository has here.</param>
    public HttpResponse PushImage(string repository, string tag) =>
        Exchange(new HttpRequest("POST", $"/images/{EscapeReference(repository)}/push" + new QueryString().Add("tag", tag))
        {
            Headers = WhoAsks(repository, otherwise: "e30"), // older engines want the header: this is {}
        });

    private Dictionary<string, string> WhoAsks(string repository, string otherwise)
    {
        string value = RegistryAuth?.Invoke(repository) is { Length: > 0 } known ? known : otherwise;
        return value.Length == 0 ? [] : new() { ["X-Registry-Auth"] = value };
    }

    /// <summary>Sees whether a registry lets a user in.</summary>
    /// <param name="credentials">Docker's <c>AuthConfig</c> as JSON.</param>
    /// <returns>What the engine says, and a token to keep instead of the password; empty without one.</returns>
    public (string Status, string IdentityToken) LogIn(ReadOnlyMemory<byte> credentials)
    {
        using var response = Call("POST", "/auth", credentials);
        using var json = response.ReadJson();
        return (json.RootElement.Text("Status"), json.RootElement.Text("IdentityToken"));
    }

    /// <summary>Builds an image; the answer is a stream of what happens, steps as objects where the engine is Caisson's. The caller disposes the response.</summary>
    /// <param name="asked">What is asked for.</param>
    /// <param name="writeContext">Writes the files as a tar archive.</param>
    public HttpResponse BuildImage(BuildQuery asked, Action<Stream> writeContext)
    {
        ArgumentNullException.ThrowIfNull(asked);
        var query = new QueryString()
            .Add("dockerfile", asked.Dockerfile)
            .Add("target", asked.Target)
            .Add("nocache", asked.NoCache)
            .Add("pull", asked.Pull)
            .Add("rm", true)
            .Add("networkmode", asked.Network)
            .Add("platform", asked.Platform)
            .Add("buildargs", Map(asked.Arguments))
            .Add("labels", Map(asked.Labels))
            .Add("ssh", Map(asked.Agents))
            .Add("extrahosts", string.Join(',', asked.ExtraHosts))
            .Add("remote", asked.Remote)
            .Add("cachefrom", List(asked.CacheFrom))
            .Add("cacheto", List(asked.CacheTo))
            .Add("attest", List(asked.Attestations))
            .Add("shmsize", asked.ShmSizeBytes > 0 ? asked.ShmSizeBytes.ToString(System.Globalization.CultureInfo.InvariantCulture) : "")
            .Add("memory", asked.MemoryBytes > 0 ? asked.MemoryBytes.ToString(System.Globalization.CultureInfo.InvariantCulture) : "")
            .Add("version", "1");
        foreach (string name in asked.Names)
        {
            query.Add("t", name);
        }
        string? registry = asked.CacheTo.Concat(asked.CacheFrom).SelectMany(cache => cache.Split(',')).FirstOrDefault(field => field.StartsWith("ref=", StringComparison.Ordinal))?[4..];
        Dictionary<string, string> headers = registry is null ? [] : WhoAsks(registry, otherwise: "");
        headers["X-Caisson-Build"] = "1";
        if (asked.Aside.Length > 0)
        {
            headers["X-Caisson-Build-Aside"] = asked.Aside;
        }
        if (asked.Directory is { } directory)
        {
            headers["X-Caisson-Build-Context"] = directory.ToQuery();
        }
        return Exchange(new HttpRequest("POST", "/build" + query) { WriteBody = writeContext, ContentType = "application/x-tar", Headers = headers });
    }

    /// <summary>Whether the engine sees a directory of this machine as the caller does, and would read a build's files there.</summary>
    public bool CanRead(HostDirectory directory)
    {
        ArgumentNullException.ThrowIfNull(directory);
        try
        {
            using var response = Call("GET", "/build/context" + directory.ToQuery());
            return true;
        }
        catch (EngineException e) when (e.Kind is ErrorKind.NotFound or ErrorKind.Unimplemented or ErrorKind.PermissionDenied)
        {
            return false; // it does not see it, reads it for others only, or is an engine that cannot be asked
        }
    }

    /// <summary>Removes what builds have made and no image needs.</summary>
    /// <param name="filters">Values by the filter's name.</param>
    public PruneResult PruneBuilds(IReadOnlyDictionary<string, List<string>> filters)
    {
        using var response = Call("POST", "/build/prune" + new QueryString().Add("filters", FormatFilters(filters)));
        using var json = response.ReadJson();
        return new(json.RootElement.Texts("CachesDeleted"), json.RootElement.Number("SpaceReclaimed"));
    }

    private static string List(IReadOnlyList<string> values)
    {
        if (values.Count == 0)
        {
            return "";
        }
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartArray();
            foreach (string value in values)
            {
                writer.WriteStringValue(value);
            }
            writer.WriteEndArray();
        }
        return System.Text.Encoding.UTF8.GetString(buffer.ToArray());
    }

    private static string Map(IReadOnlyDictionary<string, string> values)
    {
        if (values.Count == 0)
        {
            return "";
        }
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            foreach ((string name, string value) in values)
            {
                writer.WriteString(name, value);
            }
            writer.WriteEndObject();
        }
        return System.Text.Encoding.UTF8.GetString(buffer.ToArray());
    }

    /// <summary>Removes images nobody uses.</summary>
    public PruneResult PruneImages(IReadOnlyDictionary<string, List<string>> filters)
    {
        using var response = Call("POST", "/images/prune" + new QueryString().Add("filters", FormatFilters(filters)));
        using var json = response.ReadJson();
        var deleted = new List<string>();
        foreach (var item in json.RootElement.Items("ImagesDeleted"))
        {
            deleted.Add(item.Text("Untagged") is { Length: > 0 } name ? "untagged: " + name : "deleted: " + item.Text("Deleted"));
        }
        return new(deleted, json.RootElement.Number("SpaceReclaimed"));
    }

    /// <summary>A reference may hold slashes, and they stay.</summary>
    private static string EscapeReference(string name) => string.Join('/', name.Split('/').Select(Escape));
}
