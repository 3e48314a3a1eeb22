using Caisson.Api.Http;
using Caisson.Control.Access;
using Caisson.Control.Images;
using Caisson.Control.Listing;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Images;
using Caisson.Images.Registry;
using Caisson.Oci;

namespace Caisson.Api.Docker;

/// <summary>Images. Source: Docker Engine API, "Images".</summary>
internal sealed class ImageRoutes(ContainerEngine engine)
{
    private readonly ImageActions _images = new(engine);
    private readonly EngineServices _services = engine.Services;

    public void AddTo(Router.Builder routes)
    {
        routes.Get("/images/json", Need.To("list", "images"), List);
        routes.Get("/images/get", Need.To("get", "images/content"), call => Save(call, [.. call.QueryAll("names").SelectMany(names => names.Split(','))]));
        routes.Get("/images/search", Need.To("list", "images"), _ => throw new CaissonException(
            ErrorKind.Unimplemented, "registries are not searched: the standard has no search; ask the registry's own page"));
        routes.Get("/images/{name*}/json", Need.To("get", "images"), call => call.Json(
            ImageBodies.Full(_images.Store.Resolve(call.Path("name")), call.Version), DockerJson.Default.ImageBody));
        routes.Get("/images/{name*}/history", Need.To("get", "images"), call => call.Json(
            ImageBodies.History(_images.Store.Resolve(call.Path("name"))), DockerJson.Default.IReadOnlyListHistoryBody));
        routes.Get("/images/{name*}/get", Need.To("get", "images/content"), call => Save(call, [call.Path("name")]));
        routes.Post("/images/create", Need.To("create", "images"), Create);
        routes.Post("/images/load", Need.To("create", "images"), Load);
        routes.Post("/images/prune", Need.To("delete", "images"), Prune);
        routes.Post("/images/{name*}/tag", Need.To("update", "images"), Tag);
        routes.Post("/images/{name*}/push", Need.To("create", "images/push"), Push);
        routes.Delete("/images/{name*}", Need.To("delete", "images"), Remove);
        routes.Post("/commit", Need.To("create", "images"), Commit);
        routes.Get("/distribution/{name*}/json", Need.To("get", "images"), Describe);
        routes.Post("/auth", Need.To("create", "images"), LogIn);
        routes.Post("/caisson/images/bootstrap", Need.To("create", "images/bootstrap"), Bootstrap);
    }

    private Task List(Call call)
    {
        FilterSet filters = call.Filters();
        if (call.Version < new ApiVersion(1, 25) && call.Query("filter") is { } pattern)
        {
            filters = new FilterSet(new Dictionary<string, IReadOnlyList<string>>(filters.Values) { ["reference"] = [pattern] });
        }
        filters.RequireKnown("before", "dangling", "label", "label!", "reference", "since", "until");
        DateTimeOffset? before = Created(filters["before"]);
        DateTimeOffset? since = Created(filters["since"]);
        DateTimeOffset? until = filters.Has("until") ? Times.Parse(filters["until"][0], "until", _services.Time.GetUtcNow()) : null;
        IEnumerable<Image> found = _images.Store.List().Where(image =>
            (before is null || image.Config.Created < before)
            && (since is null || image.Config.Created > since)
            && (until is null || image.Config.Created < until)
            && filters.Allows("dangling", dangling => (image.RepoTags.Count == 0) == dangling is "1" or "true")
            && filters.Allows("reference", pattern => image.RepoTags.Any(tag => ReferencePattern.Matches(tag, pattern)))
            && filters.AllowsLabels(image.Execution.Labels));
        IReadOnlyList<string> patterns = filters["reference"];
        return call.Json([.. found.Select(image => ImageBodies.Summary(image, -1, call.Version, patterns))], DockerJson.Default.IReadOnlyListImageSummaryBody);
    }

    private DateTimeOffset? Created(IReadOnlyList<string> names) => names.Count > 0 ? _images.Store.Resolve(names[0]).Config.Created : null;

    private async Task Save(Call call, IReadOnlyList<string> names)
    {
        if (names.Count == 0)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "no image is named");
        }
        foreach (string name in names)
        {
            _ = _images.Store.Resolve(name); // what is not here is said with a status, before the archive begins
        }
        Stream output = await call.Begin("application/x-tar");
        await _images.Store.SaveAsync(names, output, null, call.Gone);
    }

    private Task Load(Call call) => ProgressStream.RunAsync(call, quiet: call.Flag("quiet"), errorsAreLines: true, work: async progress =>
    [
        .. (await _images.LoadAsync(call.Http.Request.Body, progress, call.Gone)).SelectMany(loaded => loaded.Names.Count > 0
            ? loaded.Names.Select(name => new ProgressBody { Stream = $"Loaded image: {name}\n" })
            : [new ProgressBody { Stream = $"Loaded image ID: {loaded.Image.Id}\n" }]),
    ]);

    private Task Create(Call call)
    {
        if (call.Query("fromImage") is { } name)
        {
            return Pull(call, PullName(name, call.Query("tag")));
        }
        if (call.Query("fromSrc") is not "-")
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "give fromSrc=- and the archive as the request's body; archives are not fetched from addresses");
        }
        var options = new ImportOptions
        {
            Name = Name(call.Query("repo"), call.Query("tag")),
            Comment = call.Query("message") ?? "Imported from -",
            Architecture = call.Query("platform") is { Length: > 0 } platform ? ArchitectureOf(Platform.Parse(platform)) : null,
            Execution = ImageChanges.Apply(new ExecutionConfig(), [.. call.QueryAll("changes")]),
        };
        return ProgressStream.RunAsync(call, quiet: true, async progress =>
        {
            Image image = await _images.ImportAsync(call.Http.Request.Body, options, progress, call.Gone);
            return [new ProgressBody { Status = image.Id.ToString() }];
        });
    }

    private static string ArchitectureOf(Platform platform) => platform.Os == "linux" ? platform.Architecture
        : throw new CaissonException(ErrorKind.InvalidArgument, $"import for {platform}: only linux runs here");

    private Task Pull(Call call, Reference reference)
    {
        var options = new PullOptions
        {
            Platform = call.Query("platform") is { } platform ? Platform.Parse(platform) : null,
            Credentials = RegistryAuth.Read(call, reference.Domain),
        };
        return ProgressStream.RunAsync(call, quiet: false, async progress =>
        {
            // Nothing is told before the image is found, so that one that is not there is answered with a status.
            PullOptions telling = options with
            {
                Admit = (_, _) =>
                {
                    progress?.Report(new ImageProgress(ImageStage.Note, default, 0, 0, $"Pulling from {reference.Path}") { Id = reference.Tag });
                    return Task.CompletedTask;
                },
            };
            PulledImage pulled = await _images.PullAsync(reference, telling, progress, call.Gone);
            return
            [
                new ProgressBody { Status = $"Digest: {pulled.Digest}" },
                new ProgressBody { Status = $"Status: {(pulled.IsNew ? "Downloaded newer image" : "Image is up to date")} for {reference.Familiar}" },
            ];
        });
    }

    private Task Push(Call call)
    {
        Reference named = Reference.Parse(call.Path("name"));
        IReadOnlyList<Reference> references = string.IsNullOrEmpty(call.Query("tag")) && named is { Tag: null, Digest: null }
            ? TagsOf(named)
            : [PullName(call.Path("name"), call.Query("tag"))];
        RegistryCredentials? credentials = RegistryAuth.Read(call, named.Domain);
        foreach (Reference reference in references)
        {
            _ = _images.Store.TryResolve(reference.ToString())
                ?? throw new CaissonException(ErrorKind.NotFound, $"An image does not exist locally with the tag: {reference.FamiliarName}");
        }
        return ProgressStream.RunAsync(call, quiet: false, errorsAreLines: true, work: async progress =>
        {
            progress?.Report(new ImageProgress(ImageStage.Note, default, 0, 0, $"The push refers to repository [{named.Name}]"));
            List<ProgressBody> lines = [];
            foreach (Reference reference in references)
            {
                PushedImage pushed = await _images.PushAsync(reference, credentials, progress, call.Gone);
                lines.Add(new ProgressBody { Status = $"{pushed.Name.Tag}: digest: {pushed.Manifest.Digest} size: {pushed.Manifest.Size}" });
                lines.Add(new ProgressBody { Aux = new PushedBody(pushed.Name.Tag!, pushed.Manifest.Digest.ToString(), pushed.Manifest.Size) });
            }
            return lines;
        });
    }

    /// <summary>Every name with a tag in a repository: what a push without a tag means.</summary>
    private Reference[] TagsOf(Reference repository)
    {
        Reference[] names = [.. _images.Store.List().SelectMany(image => image.Record.Names).Select(Reference.Parse)
            .Where(name => name.Name == repository.Name && name.Tag is not null)
            .OrderBy(name => name.Tag, StringComparer.Ordinal)];
        return names.Length > 0
            ? names
            : throw new CaissonException(ErrorKind.NotFound, $"An image does not exist locally with the tag: {repository.FamiliarName}");
    }

    private async Task LogIn(Call call)
    {
        AuthBody body = await call.ReadAsync(DockerJson.Default.AuthBody);
        RegistryCredentials credentials = RegistryAuth.Of(body);
        await _images.Store.LogInAsync(credentials.Domain ?? RegistrySettings.DockerHub, credentials, call.Gone);
        await call.Json(new LoginBody("Login Succeeded", ""), DockerJson.Default.LoginBody);
    }

    private async Task Describe(Call call)
    {
        Reference reference = Reference.Parse(call.Path("name"));
        var (descriptor, platforms) = await _images.Store.DescribeAsync(reference, RegistryAuth.Read(call, reference.Domain), call.Gone);
        await call.Json(
            new DistributionBody(
                new DescriptorBody(descriptor.MediaType, descriptor.Digest.ToString(), descriptor.Size),
                [.. platforms.Select(platform => new PlatformBody(platform.Architecture, platform.Os) { Variant = platform.Variant, OsVersion = platform.OsVersion })]),
            DockerJson.Default.DistributionBody);
    }

    /// <summary>The name in the way of pull and push: the tag may be a digest, and stands in the place of one in the name.</summary>
    private static Reference PullName(string name, string? tag)
    {
        if (tag is null)
        {
            return Reference.Parse(name).WithDefaultTag();
        }
        return Digest.TryParse(tag, out Digest digest)
            ? Reference.Parse(name).WithDigest(digest)
            : Reference.Parse($"{Reference.Parse(name).Name}:{tag}");
    }

    private Task Bootstrap(Call call)
    {
        string name = call.Query("name") ?? throw new CaissonException(ErrorKind.InvalidArgument, "name is missing: which image is to be made");
        string[] include = [.. call.QueryAll("include").SelectMany(words => words.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];
        return ProgressStream.RunAsync(call, quiet: false, async progress =>
        {
            Image image = await _images.BootstrapAsync(name, include, progress, call.Gone);
            return [new ProgressBody { Status = $"Made {string.Join(", ", image.RepoTags)}", Id = image.Id.Short }];
        });
    }

    private Task Tag(Call call)
    {
        string repository = call.Query("repo") ?? throw new CaissonException(ErrorKind.InvalidArgument, "repo is missing: the new name");
        _images.Tag(call.Path("name"), call.Query("tag") is { } tag ? $"{repository}:{tag}" : repository);
        return call.Empty(201);
    }

    private Task Remove(Call call)
    {
        ImageRemoval removal = _images.Remove(call.Path("name"), call.Flag("force"));
        return call.Json(Removed(removal), DockerJson.Default.IReadOnlyListImageRemovedBody);
    }

    private Task Prune(Call call)
    {
        FilterSet filters = call.Filters();
        filters.RequireKnown("dangling", "label", "label!", "until");
        bool all = filters["dangling"].Any(value => value is "false" or "0");
        DateTimeOffset? until = filters.Has("until") ? Times.Parse(filters["until"][0], "until", _services.Time.GetUtcNow()) : null;
        var (removed, bytes) = _images.Prune(all, image =>
            filters.AllowsLabels(image.Execution.Labels) && (until is not { } limit || (image.Config.Created ?? image.Record.Added) < limit));
        return call.Json(new ImagesPrunedBody([.. removed.SelectMany(Removed)], bytes), DockerJson.Default.ImagesPrunedBody);
    }

    private async Task Commit(Call call)
    {
        string container = call.Query("container") ?? throw new CaissonException(ErrorKind.InvalidArgument, "container is missing");
        Workload workload = engine.Find(container);
        call.Guard.Require(new Right("get", "containers/files"), ContainerProjects.Of(workload));
        var current = new ExecutionConfig
        {
            User = workload.Record.Config.User,
            ExposedPorts = workload.Record.Config.ExposedPorts,
            Env = workload.Record.Config.Env,
            Entrypoint = workload.Record.Config.Entrypoint,
            Cmd = workload.Record.Config.Cmd,
            Volumes = workload.Record.Config.Volumes,
            WorkingDir = workload.Record.Config.WorkingDir,
            Labels = workload.Record.Config.Labels,
            StopSignal = workload.Record.Config.StopSignal,
            Healthcheck = workload.Record.Config.Healthcheck,
            Shell = workload.Record.Config.Shell,
        };
        var options = new ImportOptions
        {
            Name = Name(call.Query("repo"), call.Query("tag")),
            Author = call.Query("author"),
            Comment = call.Query("comment"),
            CreatedBy = string.Join(' ', workload.Record.Args),
            Execution = ImageChanges.Apply(current, [.. call.QueryAll("changes")]),
        };
        bool paused = workload.IsReadWhilePaused && call.Flag("pause", otherwise: true) && await IsDoneAsync(workload.PauseAsync(call.Gone));
        Image image;
        try
        {
            image = await _images.CommitAsync(container, options, call.Gone);
        }
        finally
        {
            if (paused)
            {
                _ = await IsDoneAsync(workload.ResumeAsync(CancellationToken.None));
            }
        }
        await call.Json(new IdBody(image.Id.ToString()), DockerJson.Default.IdBody, 201);
    }

    /// <summary>False when the container did not run or ended meanwhile: then it writes nothing that a pause would hold back.</summary>
    private static async Task<bool> IsDoneAsync(Task change)
    {
        try
        {
            await change;
            return true;
        }
        catch (CaissonException error) when (error.Kind == ErrorKind.Conflict)
        {
            return false;
        }
    }

    private static Reference? Name(string? repository, string? tag) => repository is null
        ? null
        : Reference.Parse(tag is null ? repository : $"{repository}:{tag}").WithDefaultTag();

    private static IReadOnlyList<ImageRemovedBody> Removed(ImageRemoval removal) =>
    [
        .. removal.Untagged.Select(name => new ImageRemovedBody { Untagged = name }),
        .. removal.Deleted.Select(id => new ImageRemovedBody { Deleted = id.ToString() }),
    ];
}
