using System.Runtime.CompilerServices;
using System.Text.Json;

using Caisson.Api.Http;
using Caisson.Containers.Profiles;
using Caisson.Control;
using Caisson.Control.Events;
using Caisson.Control.Listing;
using Caisson.Control.Model;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Images;

namespace Caisson.Api.Docker;

/// <summary>What is asked about the engine itself. Source: Docker Engine API, "System".</summary>
internal sealed class SystemRoutes(EngineServices services, ContainerEngine engine, EngineIdentity identity)
{
    public void AddTo(Router.Builder routes)
    {
        routes.Get("/_ping", Need.Nothing, call => Ping(call, body: true));
        routes.Head("/_ping", Need.Nothing, call => Ping(call, body: false));
        routes.Get("/version", Need.Nothing, Version);
        routes.Get("/info", Need.To("get", "engine"), Info);
        routes.Get("/events", Need.To("watch", "events"), Events);
        routes.Get("/system/df", Need.To("get", "engine"), DiskUsage);
    }

    private static Task Ping(Call call, bool body)
    {
        var headers = call.Http.Response.Headers;
        headers.CacheControl = "no-cache, no-store, must-revalidate";
        headers.Pragma = "no-cache";
        headers["Builder-Version"] = "1";
        headers["Swarm"] = "inactive";
        if (body)
        {
            return call.Text("OK");
        }
        call.Http.Response.ContentType = "text/plain; charset=utf-8";
        call.Http.Response.ContentLength = 0;
        return Task.CompletedTask;
    }

    private Task Version(Call call)
    {
        HostFacts facts = services.Facts;
        string min = ApiVersion.Min.ToString();
        string max = ApiVersion.Max.ToString();
        return call.Json(
            new VersionBody
            {
                Platform = new("Caisson"),
                Components =
                [
                    new("Engine", ProductVersion.Text, new Dictionary<string, string>
                    {
                        ["ApiVersion"] = max,
                        ["Arch"] = facts.Architecture,
                        ["Experimental"] = "false",
                        ["KernelVersion"] = facts.KernelVersion,
                        ["MinAPIVersion"] = min,
                        ["Os"] = "linux",
                    }),
                ],
                Version = ProductVersion.Text,
                ApiVersion = max,
                MinAPIVersion = min,
                Arch = facts.Architecture,
                KernelVersion = facts.KernelVersion,
            },
            DockerJson.Default.VersionBody);
    }

    private Task Info(Call call)
    {
        IReadOnlyList<Workload> containers = engine.List();
        HostFacts facts = services.Facts;
        return call.Json(
            new InfoBody
            {
                ID = identity.Id,
                Containers = containers.Count,
                ContainersRunning = containers.Count(each => each.Status.Phase is ContainerPhase.Running or ContainerPhase.Restarting),
                ContainersPaused = containers.Count(each => each.Status.Phase == ContainerPhase.Paused),
                ContainersStopped = containers.Count(each => !each.Status.IsActive),
                Images = services.Images.List().Count,
                LoggingDriver = services.LogDefault.Type,
                SystemTime = Times.Text(services.Time.GetUtcNow()),
                CgroupVersion = facts.CgroupVersion,
                KernelVersion = facts.KernelVersion,
                OperatingSystem = facts.OperatingSystem,
                OSVersion = facts.OperatingSystemVersion,
                Architecture = facts.Machine,
                NCPU = facts.Processors,
                MemTotal = facts.MemoryBytes,
                DockerRootDir = services.Root,
                Name = facts.Hostname,
                ServerVersion = ProductVersion.Text,
                SecurityOptions = call.Version < new ApiVersion(1, 25)
                    ? ["seccomp", "userns", "no-new-privileges"]
                    : ["name=seccomp,profile=builtin", "name=userns", "name=no-new-privileges"],
                ExecutionDriver = call.Version < new ApiVersion(1, 25) ? "<not supported>" : null,
                KernelMemory = call.Version < new ApiVersion(1, 42) ? false : null,
                BridgeNfIptables = call.Version < new ApiVersion(1, 50) ? true : null,
                BridgeNfIp6tables = call.Version < new ApiVersion(1, 50) ? true : null,
                Profiles = [.. SecurityProfiles.All.Select(profile => profile.Name)],
            },
            DockerJson.Default.InfoBody);
    }

    private async Task Events(Call call)
    {
        FilterSet filters = call.Filters();
        filters.RequireKnown(
            "config", "container", "daemon", "event", "id", "image", "label", "label!", "name", "network", "node", "plugin", "scope", "secret", "service", "type", "volume");
        DateTimeOffset now = services.Time.GetUtcNow();
        long? after = Sequence(call.Query("since"));
        DateTimeOffset? since = after is null ? Times.Parse(call.Query("since"), "since", now) : null;
        DateTimeOffset? until = Times.Parse(call.Query("until"), "until", now);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(call.Gone);
        if (until is { } limit)
        {
            TimeSpan left = limit - now;
            end.CancelAfter(left > TimeSpan.Zero ? left : TimeSpan.FromMilliseconds(1));
        }

        using EventLog.Listener listener = after is { } last ? services.Events.ListenAfter(last) : services.Events.Listen(since);
        Stream output = await call.Begin("application/json");
        await foreach (EngineEvent entry in UntilAsync(listener, until, end.Token))
        {
            if (Allows(filters, entry))
            {
                await output.WriteAsync(Line(entry), call.Gone);
                await output.FlushAsync(call.Gone);
            }
        }
    }

    /// <summary><c>seq:41</c> goes on after the event of that number; null for a time.</summary>
    private static long? Sequence(string? text)
    {
        if (text is null || !text.StartsWith("seq:", StringComparison.Ordinal))
        {
            return null;
        }
        return long.TryParse(text.AsSpan(4), System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out long number)
            ? number
            : throw new CaissonException(ErrorKind.InvalidArgument, $"invalid value for \"since\": '{text}' is not the number of an event");
    }

    /// <summary>What is kept comes first even when the end lies in the past; then events as they happen.</summary>
    private static async IAsyncEnumerable<EngineEvent> UntilAsync(
        EventLog.Listener listener, DateTimeOffset? until, [EnumeratorCancellation] CancellationToken end)
    {
        while (true)
        {
            while (listener.Reader.TryRead(out EngineEvent? entry))
            {
                if (until is { } limit && entry.At > limit)
                {
                    yield break;
                }
                yield return entry;
            }
            try
            {
                if (!await listener.Reader.WaitToReadAsync(end))
                {
                    yield break;
                }
            }
            catch (OperationCanceledException)
            {
                yield break;
            }
        }
    }

    private static byte[] Line(EngineEvent entry)
    {
        string? image = entry.Type == "container" ? entry.Attributes.GetValueOrDefault("image") : null;
        var body = new EventBody
        {
            Status = entry.Type is "container" or "image" ? entry.Action : null,
            Id = entry.Type is "container" or "image" ? entry.ActorId : null,
            From = image,
            Type = entry.Type,
            Action = entry.Action,
            Actor = new(entry.ActorId, entry.Attributes),
            Sequence = entry.Sequence,
            Time = entry.At.ToUnixTimeSeconds(),
            TimeNano = Times.Nanoseconds(entry.At),
        };
        return [.. JsonSerializer.SerializeToUtf8Bytes(body, DockerJson.Default.EventBody), (byte)'\n'];
    }

    private static bool Allows(FilterSet filters, EngineEvent entry)
    {
        string name = entry.Attributes.GetValueOrDefault("name") ?? "";
        bool Named(string type, string wanted) => entry.Type == type
            && (entry.ActorId.StartsWith(wanted, StringComparison.Ordinal) || name == wanted || name.StartsWith(wanted + ":", StringComparison.Ordinal));
        return filters.Allows("type", type => type == entry.Type)
            && filters.Allows("event", action => action == entry.Action || entry.Action.StartsWith(action + ":", StringComparison.Ordinal))
            && filters.Allows("container", wanted => Named("container", wanted))
            && filters.Allows("image", wanted => Named("image", wanted) || (entry.Type == "container" && entry.Attributes.GetValueOrDefault("image") == wanted))
            && filters.Allows("id", wanted => entry.ActorId.StartsWith(wanted, StringComparison.Ordinal))
            && filters.Allows("name", wanted => name == wanted)
            && filters.Allows("scope", scope => scope == "local")
            && filters.Allows("daemon", _ => entry.Type == "daemon")
            && filters.Allows("network", wanted => Named("network", wanted))
            && filters.Allows("volume", wanted => Named("volume", wanted))
            && filters.Allows("secret", wanted => Named("secret", wanted))
            && filters.Allows("config", wanted => Named("config", wanted))
            && !filters.Has("plugin") && !filters.Has("node")
            && !filters.Has("service")
            && filters.AllowsLabels(entry.Attributes);
    }

    private Task DiskUsage(Call call)
    {
        string[] kinds = call.Version < new ApiVersion(1, 42) ? [] : [.. call.QueryAll("type")];
        if (kinds.FirstOrDefault(kind => kind is not ("container" or "image" or "volume" or "build-cache")) is { } unknown)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"unknown object type: {unknown}");
        }
        bool Wants(string kind) => kinds.Length == 0 || kinds.Contains(kind);
        IReadOnlyList<Workload> containers = engine.List();
        IReadOnlyList<Image> images = services.Images.List();
        return call.Json(
            new DiskUsageBody
            {
                LayersSize = Wants("image") ? images.SelectMany(image => image.Manifest.Layers).DistinctBy(layer => layer.Digest).Sum(layer => layer.Size) : 0,
                Images = Wants("image")
                    ? [.. images.Select(image => ImageBodies.Summary(image, containers.Count(each => each.Record.ImageId == image.Id.ToString()), call.Version))]
                    : null,
                Containers = Wants("container")
                    ? [.. containers.Select(each => ContainerBodies.Summary(each, services, withSize: true, call.Version))]
                    : null,
                Volumes = Wants("volume") ? [.. services.Volumes.List().Select(volume => VolumeBodies.Full(volume, services.Volumes, withSize: true))] : null,
                BuildCache = Wants("build-cache") ? [] : null,
                BuilderSize = call.Version < new ApiVersion(1, 42) ? 0 : null,
            },
            DockerJson.Default.DiskUsageBody);
    }
}
