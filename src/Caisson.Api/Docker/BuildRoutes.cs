using System.Globalization;
using System.Text.Json;

using Caisson.Api.Http;
using Caisson.Build.Plans;
using Caisson.Control.Access;
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
/// <c>X-Caisson-Build-Context</c> describes a directory of this machine that is read instead of an archive; <c>/build/context</c> says whether it could be.
/// </remarks>
internal sealed class BuildRoutes(ContainerEngine engine, ImageBuilder builder)
{
    private readonly ContainerProjects _projects = new(engine);

    public void AddTo(Router.Builder routes)
    {
        routes.Post("/build", Need.To("create", "builds"), Build);
        routes.Get("/build/context", Need.To("use", "host/paths"), Context);
        routes.Post("/build/prune", Need.To("delete", "builds"), Prune);
        routes.Post("/build/cancel", Need.To("create", "builds"), call => call.Empty());
    }

    private async Task Build(Call call)
    {
        if (call.Query("version") is "2")
        {
            throw new CaissonException(ErrorKind.Unimplemented, "builds by BuildKit's session are not here; use DOCKER_BUILDKIT=0, or caisson build");
        }
        bool rich = call.Http.Request.Headers["X-Caisson-Build"] == "1";
        var stream = new BuildStream(rich, call.Flag("q"));
        BuildRequest request = Request(call);
        call.Guard.Require(HostRights.Of(request), null);
        _projects.RequireShared(call, new HostConfig { NetworkMode = request.Network });
        Task<Image> working = Task.Run(() => builder.BuildAsync(request, call.Http.Request.Body, stream.Tell, call.Gone), CancellationToken.None);
        await stream.RunAsync(call, working, request.Names);
    }

    /// <summary>Whether the engine sees a directory of its machine as the client does; the answer says no more.</summary>
    private static Task Context(Call call)
    {
        LocalContext.Require(call.Query("path"), call.Query("boot"), call.Query("mounts"), call.Query("modified"));
        return call.Empty();
    }

    private static string? Directory(Call call)
    {
        if (call.Http.Request.Headers["X-Caisson-Build-Context"].ToString() is not { Length: > 0 } header)
        {
            return null;
        }
        Dictionary<string, Microsoft.Extensions.Primitives.StringValues> fields = Microsoft.AspNetCore.WebUtilities.QueryHelpers.ParseQuery(header);
        return LocalContext.Require(Field("path"), Field("boot"), Field("mounts"), Field("modified"));

        string? Field(string name) => fields.TryGetValue(name, out Microsoft.Extensions.Primitives.StringValues value) ? value.ToString() : null;
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
        Platform[] platforms = [.. (call.Query("platform") ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries).Select(Platform.Parse)];
        return new BuildRequest
        {
            Dockerfile = call.Query("dockerfile") ?? "Dockerfile",
            Names = [.. call.QueryAll("t").Select(name => Reference.Parse(name).WithDefaultTag())],
            NoCache = call.Flag("nocache"),
            Pull = call.Flag("pull"),
            Network = call.Query("networkmode") ?? "default",
            AllowsHostNetwork = call.Guard.Has(HostRights.Namespaces, null),
            Host = host,
            Directory = Directory(call),
            Remote = call.Query("remote") is { Length: > 0 } remote and not "client-session" ? remote : null,
            Platforms = [.. platforms],
            CacheFrom = [.. Texts(call, "cachefrom").Select(text => CacheAddress.Parse(text, isTarget: false))],
            CacheTo = [.. Texts(call, "cacheto").Select(text => CacheAddress.Parse(text, isTarget: true))],
            Attestations = BuildAttestations.Parse(Texts(call, "attest")),
            Credentials = domain => RegistryAuth.Read(call, domain),
            Aside = call.Http.Request.Headers["X-Caisson-Build-Aside"].ToString(),
            Agents = Document(call, "ssh", DockerJson.Default.DictionaryStringString) ?? [],
            Epoch = given.TryGetValue("SOURCE_DATE_EPOCH", out string? epoch) ? Epoch(epoch) : null,
            Options = new BuildOptions
            {
                Target = call.Query("target"),
                Arguments = given,
                Labels = Document(call, "labels", DockerJson.Default.DictionaryStringString) ?? [],
                BuildPlatform = platform,
                TargetPlatform = platforms.Length > 0 ? platforms[0].ToString() : null,
            },
        };
    }

    private static List<string> Texts(Call call, string name) => Document(call, name, DockerJson.Default.ListString) ?? [];

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
            return call.Query(name) is { Length: > 0 } json ? JsonSerializer.Deserialize(json, type) : null;
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
