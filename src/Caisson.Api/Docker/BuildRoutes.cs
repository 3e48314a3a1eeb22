using System.Globalization;
using System.Text.Json;

using Caisson.Api.Http;
using Caisson.Build.Plans;
using Caisson.Control.Builds;
using Caisson.Control.Model;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Images;
using Caisson.Oci;

namespace Caisson.Api.Docker;

/// <summary>Builds. Source: Docker Engine API, "Image", <c>/build</c> with <c>version=1</c>.</summary>
/// <remarks>
/// Beyond Docker's: the header <c>X-Caisson-Build: 1</c> asks for steps as objects while they run, and
/// <c>X-Caisson-Build-Aside</c> names a directory of the archive that is no part of the context: it may have a <c>Dockerfile</c>, and <c>secrets</c>.
/// </remarks>
internal sealed class BuildRoutes(ContainerEngine engine, ImageBuilder builder)
{
    public void AddTo(Router.Builder routes)
    {
        routes.Post("/build", Build);
        routes.Post("/build/prune", Prune);
        routes.Post("/build/cancel", call => call.Empty());
    }

    private async Task Build(Call call)
    {
        if (call.Query("version") is "2")
        {
            throw new CaissonException(ErrorKind.Unimplemented, "builds by BuildKit's session are not here; use DOCKER_BUILDKIT=0, or caisson build");
        }
        if (call.Query("remote") is { } remote && remote != "client-session")
        {
            throw new CaissonException(ErrorKind.Unimplemented, $"a context is not fetched from '{remote}'; send it as the request's body");
        }
        bool rich = call.Http.Request.Headers["X-Caisson-Build"] == "1";
        var stream = new BuildStream(rich, call.Flag("q"));
        BuildRequest request = Request(call);
        Task<Image> working = Task.Run(() => builder.BuildAsync(request, call.Http.Request.Body, stream.Tell, call.Gone), CancellationToken.None);
        await stream.RunAsync(call, working, request.Names);
    }

    private BuildRequest Request(Call call)
    {
        var host = new HostConfig
        {
            Memory = Size(call, "memory"),
            MemorySwap = Size(call, "memswap"),
            CpuShares = (int)Size(call, "cpushares"),
            CpuPeriod = Size(call, "cpuperiod"),
            CpuQuota = Size(call, "cpuquota"),
            CpusetCpus = call.Query("cpusetcpus") ?? "",
            CpusetMems = call.Query("cpusetmems") ?? "",
            ShmSize = Size(call, "shmsize"),
            CgroupParent = call.Query("cgroupparent") ?? "",
            ExtraHosts = call.Query("extrahosts") is { } hosts ? hosts.StartsWith('[') ? Document(call, "extrahosts", DockerJson.Default.ListString) : hosts.Split(',') : null,
            Ulimits = Document(call, "ulimits", DockerJson.Default.IReadOnlyListUlimit),
        };
        // An argument that is null is one that the client itself has no value for.
        Dictionary<string, string> given = (Document(call, "buildargs", DockerJson.Default.DictionaryStringJsonElement) ?? [])
            .Where(argument => argument.Value.ValueKind != JsonValueKind.Null)
            .ToDictionary(argument => argument.Key, argument => argument.Value.ToString());
        string platform = $"linux/{engine.Services.Facts.Architecture}";
        return new BuildRequest
        {
            Dockerfile = call.Query("dockerfile") ?? "Dockerfile",
            Names = [.. call.QueryAll("t").Select(name => Reference.Parse(name).WithDefaultTag())],
            NoCache = call.Flag("nocache"),
            Pull = call.Flag("pull"),
            Network = call.Query("networkmode") ?? "default",
            Host = host,
            Aside = call.Http.Request.Headers["X-Caisson-Build-Aside"].ToString(),
            Agents = Document(call, "ssh", DockerJson.Default.DictionaryStringString) ?? [],
            Epoch = given.TryGetValue("SOURCE_DATE_EPOCH", out string? epoch) ? Epoch(epoch) : null,
            Options = new BuildOptions
            {
                Target = call.Query("target"),
                Arguments = given,
                Labels = Document(call, "labels", DockerJson.Default.DictionaryStringString) ?? [],
                BuildPlatform = platform,
                TargetPlatform = call.Query("platform"),
            },
        };
    }

    private static DateTimeOffset Epoch(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long seconds) && seconds < 253_402_300_800
        ? DateTimeOffset.FromUnixTimeSeconds(seconds)
        : throw new CaissonException(ErrorKind.InvalidArgument, $"SOURCE_DATE_EPOCH is a number of seconds since 1970, and is '{text}'");

    private static long Size(Call call, string name) => call.Query(name) is not { } text ? 0
        : long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) ? value
        : throw new CaissonException(ErrorKind.InvalidArgument, $"query parameter {name}: '{text}' is not a whole number");

    /// <summary>A parameter that is a JSON document; null when it is absent or, as clients in Go say what they have not, <c>null</c>.</summary>
    private static T? Document<T>(Call call, string name, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type) where T : class
    {
        try
        {
            return call.Query(name) is { } json ? JsonSerializer.Deserialize(json, type) : null;
        }
        catch (JsonException error)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"query parameter {name} is no such JSON document: {error.Message}", error);
        }
    }

    private Task Prune(Call call)
    {
        Control.Listing.FilterSet filters = call.Filters();
        filters.RequireKnown("until", "unused-for", "id", "parent", "type", "description", "inuse", "shared", "private", "label", "label!");
        DateTimeOffset now = engine.Services.Time.GetUtcNow();
        string? age = filters["until"].Concat(filters["unused-for"]).FirstOrDefault();
        DateTimeOffset? until = age is null ? null : Times.Parse(age, "until", now);
        // `system prune` sends its filters to everything; steps of builds have no labels.
        Func<CacheRecord, bool>? goes = filters["label"].Count > 0 ? _ => false : until is { } limit ? record => record.Used < limit : null;
        var (keys, bytes) = builder.Prune(goes);
        return call.Json(new CachePrunedBody([.. keys.Select(key => key[..25])], bytes), DockerJson.Default.CachePrunedBody);
    }
}
