using Caisson.Api.Http;
using Caisson.Control.Access;
using Caisson.Control.Listing;
using Caisson.Control.Model;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Images;

namespace Caisson.Api.Docker;

/// <summary>Containers but for their streams. Source: Docker Engine API, "Containers".</summary>
internal sealed class ContainerRoutes(EngineServices services, ContainerEngine engine)
{
    /// <summary>Clients send an empty document where Docker's first versions took one.</summary>
    private const int EmptyDocumentBytesMax = 7;

    private static readonly Right ListContainers = new("list", "containers");

    private readonly ContainerList _list = new(engine);
    private readonly ContainerProjects _projects = new(engine);

    public void AddTo(Router.Builder routes)
    {
        routes.Get("/containers/json", Need.To("list", "containers").Anywhere, List);
        routes.Post("/containers/create", Need.To("create", "containers"), Create);
        routes.Post("/containers/prune", Need.To("delete", "containers"), Prune);
        routes.Get("/containers/{id}/json", Need.To("get", "containers").In(_projects.Of), call => call.Json(
            ContainerBodies.Full(Find(call), services, call.Flag("size"), call.Version), DockerJson.Default.ContainerBody));
        routes.Post("/containers/{id}/start", Need.To("operate", "containers").In(_projects.Of), Start);
        routes.Post("/containers/{id}/stop", Need.To("operate", "containers").In(_projects.Of), async call => await call.Empty(await Find(call).StopAsync(call.Query("signal"), call.Number("t"), call.Gone) ? 204 : 304));
        routes.Post("/containers/{id}/restart", Need.To("operate", "containers").In(_projects.Of), call => Done(call, workload => workload.RestartAsync(call.Query("signal"), call.Number("t"), call.Gone)));
        routes.Post("/containers/{id}/kill", Need.To("operate", "containers").In(_projects.Of), call => Done(call, workload => workload.KillAsync(call.Query("signal"), call.Gone)));
        routes.Post("/containers/{id}/pause", Need.To("operate", "containers").In(_projects.Of), call => Done(call, workload => workload.PauseAsync(call.Gone)));
        routes.Post("/containers/{id}/unpause", Need.To("operate", "containers").In(_projects.Of), call => Done(call, workload => workload.ResumeAsync(call.Gone)));
        routes.Post("/containers/{id}/rename", Need.To("update", "containers").In(_projects.Of), call => Done(call, workload => workload.RenameAsync(
            call.Query("name") ?? throw new CaissonException(ErrorKind.InvalidArgument, "Neither old nor new names may be empty"), call.Gone)));
        routes.Post("/containers/{id}/resize", Need.To("create", "containers/attach").In(_projects.Of), Resize);
        routes.Post("/containers/{id}/update", Need.To("update", "containers").In(_projects.Of), Update);
        routes.Post("/containers/{id}/wait", Need.To("get", "containers").In(_projects.Of), Wait);
        routes.Get("/containers/{id}/top", Need.To("get", "containers").In(_projects.Of), Top);
        routes.Get("/containers/{id}/changes", Need.To("get", "containers/files").In(_projects.Of), async call => await call.Json(
            [.. (await Find(call).ChangesAsync(call.Gone)).Select(change => new ChangeBody(change.Path, ContainerBodies.KindOf(change.Kind)))],
            DockerJson.Default.IReadOnlyListChangeBody));
        routes.Get("/containers/{id}/export", Need.To("get", "containers/files").In(_projects.Of), Export);
        routes.Delete("/containers/{id}", Need.To("delete", "containers").In(_projects.Of), Remove);
        routes.Post("/caisson/explain", Need.To("get", "plans"), async call => await call.Text(await engine.ExplainAsync(await call.ReadAsync(DockerJson.Default.ContainerCreate), call.Gone)));
        routes.Get("/caisson/containers/{id}/explain", Need.To("get", "containers").In(_projects.Of), async call => await call.Text(await Find(call).ExplainAsync(call.Gone)));
    }

    private Workload Find(Call call) => engine.Find(call.Path("id"));

    private async Task Done(Call call, Func<Workload, Task> work)
    {
        await work(Find(call));
        await call.Empty();
    }

    private Task List(Call call)
    {
        IReadOnlyList<Workload> found = _list.List(call.Flag("all"), call.Number("limit"), call.Filters());
        bool size = call.Flag("size");
        if (!call.Guard.Has(ListContainers, null))
        {
            Dictionary<string, bool> seen = [];
            found =
            [
                .. found.Where(workload => ContainerProjects.Of(workload) is { } project
                    && (seen.TryGetValue(project, out bool sees) ? sees : seen[project] = call.Guard.Has(ListContainers, project))),
            ];
        }
        return call.JsonList(found.Select(workload => ContainerBodies.Summary(workload, services, size, call.Version)), DockerJson.Default.ContainerSummaryBody);
    }

    private async Task Start(Call call)
    {
        if (call.Http.Request.ContentLength > EmptyDocumentBytesMax)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24");
        }
        if (call.Query("checkpoint") is not null)
        {
            throw new CaissonException(ErrorKind.Unimplemented, "start from a checkpoint: checkpoints are not supported, they need CRIU");
        }
        await call.Empty(await Find(call).StartAsync(call.Gone) ? 204 : 304);
    }

    private async Task Create(Call call)
    {
        ContainerCreate asked = WithHardwareAddress(await call.ReadAsync(DockerJson.Default.ContainerCreate));
        RequireHost(call, asked);
        Image? image = services.Images.TryResolve(asked.Image);
        if (image is not null && call.Query("platform") is { } platform)
        {
            RequirePlatform(image, asked.Image, platform);
        }
        ContainerEngine.Created created;
        try
        {
            created = await engine.CreateAsync(call.Query("name"), asked, call.Gone);
        }
        catch (CaissonException error) when (error.Kind == ErrorKind.NotFound && image is not null)
        {
            // Clients take 404 as a missing image, and pull it.
            throw new CaissonException(ErrorKind.InvalidArgument, error.Message, error);
        }
        await call.Json(new CreatedBody(created.Id, created.Warnings), DockerJson.Default.CreatedBody, 201);
    }

    /// <summary>What a new container reaches of the host, by itself or by those whose volumes and namespaces it shares.</summary>
    private void RequireHost(Call call, ContainerCreate asked)
    {
        if (call.Guard.Caller.Standing == Standing.Owner)
        {
            return;
        }
        call.Guard.Require(HostRights.Create.Of(asked), null);
        _projects.RequireShared(call, asked.HostConfig ?? new HostConfig());
    }

    /// <summary>Takes an address that stands beside the networks as one of the first network's.</summary>
    private static ContainerCreate WithHardwareAddress(ContainerCreate asked)
    {
        string network = asked.HostConfig?.NetworkMode is { Length: > 0 } mode ? mode : "default";
        if (asked.MacAddress is not { Length: > 0 } address || network is "none" or "host" || network.StartsWith("container:", StringComparison.Ordinal))
        {
            return asked;
        }
        var endpoints = new Dictionary<string, EndpointSettings?>(asked.NetworkingConfig?.EndpointsConfig ?? new Dictionary<string, EndpointSettings?>());
        EndpointSettings first = endpoints.GetValueOrDefault(network) ?? new EndpointSettings();
        endpoints[network] = first.MacAddress.Length > 0 ? first : first with { MacAddress = address };
        return asked with { NetworkingConfig = new NetworkingConfig { EndpointsConfig = endpoints } };
    }

    /// <summary>Whether the image is made for <paramref name="platform"/>: <c>os</c>, <c>arch</c>, <c>os/arch</c> or <c>os/arch/variant</c>.</summary>
    private static void RequirePlatform(Image image, string name, string platform)
    {
        string[] parts = platform.ToLowerInvariant().Split('/');
        string os = parts.Length > 1 || parts[0] == "linux" ? parts[0] : image.Config.Os;
        string architecture = parts.Length > 1 ? parts[1] : parts[0] == "linux" ? image.Config.Architecture : parts[0];
        architecture = architecture switch { "x86_64" or "x86-64" => "amd64", "aarch64" => "arm64", _ => architecture };
        if (os != image.Config.Os || architecture != image.Config.Architecture)
        {
            throw new CaissonException(
                ErrorKind.NotFound,
                $"image with reference {name} was found but does not match the specified platform: wanted {platform}, actual: {image.Config.Os}/{image.Config.Architecture}");
        }
    }

    private async Task Prune(Call call)
    {
        FilterSet filters = call.Filters();
        DateTimeOffset? until = filters.Has("until") ? Times.Parse(filters["until"][0], "until", services.Time.GetUtcNow()) : null;
        var (removed, bytes) = await _list.PruneAsync(filters, until, call.Gone);
        await call.Json(new ContainersPrunedBody(removed, bytes), DockerJson.Default.ContainersPrunedBody);
    }

    private async Task Resize(Call call)
    {
        (ushort rows, ushort columns) = Size(call);
        await Find(call).ResizeAsync(rows, columns, call.Gone);
        await call.Empty(200);
    }

    /// <summary>The size of a terminal in <c>h</c> and <c>w</c>.</summary>
    internal static (ushort Rows, ushort Columns) Size(Call call)
    {
        return (Read("h"), Read("w"));

        ushort Read(string name) => call.Number(name) is >= 0 and <= ushort.MaxValue and var number
            ? (ushort)number
            : throw new CaissonException(ErrorKind.InvalidArgument, $"query parameter {name}: the size of a terminal is between 0 and {ushort.MaxValue}");
    }

    private async Task Update(Call call)
    {
        UpdateConfig change = await call.ReadAsync(DockerJson.Default.UpdateConfig);
        call.Guard.Require(HostRights.Update.Of(change), null);
        await Find(call).UpdateAsync(change, call.Gone);
        await call.Json(new WarningsBody([]), DockerJson.Default.WarningsBody);
    }

    private async Task Wait(Call call)
    {
        WaitCondition condition = (call.Version < new ApiVersion(1, 30) ? null : call.Query("condition")) switch
        {
            null or "not-running" => WaitCondition.NotRunning,
            "next-exit" => WaitCondition.NextExit,
            "removed" => WaitCondition.Removed,
            var other => throw new CaissonException(ErrorKind.InvalidArgument, $"invalid condition: \"{other}\""),
        };
        Task<WaitResult> wait = Find(call).WaitAsync(condition, call.Gone);
        // The head goes out at once: clients start the container only when they see that the wait is in place.
        Stream output = await call.Begin("application/json");
        WaitResult result = await wait;
        var body = new WaitBody { StatusCode = result.Code, Error = result.Error is { } error ? new(error) : null };
        await System.Text.Json.JsonSerializer.SerializeAsync(output, body, DockerJson.Default.WaitBody, call.Gone);
    }

    private Task Top(Call call)
    {
        ProcessTable table = Find(call).Top(call.Query("ps_args") ?? "");
        return call.Json(new TopBody(table.Titles, table.Rows), DockerJson.Default.TopBody);
    }

    private async Task Export(Call call)
    {
        Workload workload = Find(call);
        Stream output = await call.Begin("application/octet-stream");
        await workload.ExportAsync(output, call.Gone);
    }

    private async Task Remove(Call call)
    {
        if (call.Flag("link"))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "links are not supported");
        }
        await Find(call).RemoveAsync(call.Flag("force"), volumes: call.Flag("v"), CancellationToken.None);
        await call.Empty();
    }
}
