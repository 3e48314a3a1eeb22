using System.Collections.Concurrent;
using System.Globalization;

using Caisson.Build.Dockerfiles;
using Caisson.Build.Instructions;
using Caisson.Build.Plans;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Images;
using Caisson.Images.Layers;
using Caisson.Images.Registry;
using Caisson.Linux;
using Caisson.Oci;

namespace Caisson.Control.Builds;

/// <summary>What a stage has come to.</summary>
/// <param name="State">How its image runs.</param>
/// <param name="Layers">Its files, lowest first.</param>
/// <param name="Key">What it was made of.</param>
/// <param name="History">How it came to be; entries of this build have no time where no layer was made.</param>
/// <param name="Platform">For which machine.</param>
internal sealed record StageResult(StageState State, IReadOnlyList<LayerSource> Layers, string Key, IReadOnlyList<HistoryEntry> History, Platform Platform)
{
    /// <summary>Its steps and those of the stages below, by the keys that they are looked for by.</summary>
    public IReadOnlyList<KeyValuePair<string, CacheRecord>> Records { get; init; } = [];
}

/// <summary>One build: its stages run beside each other, each when what it needs is there.</summary>
internal sealed partial class BuildRun : IDisposable
{
    private readonly ContainerEngine _engine;
    private readonly EngineServices _services;
    private readonly BuildRequest _request;
    private readonly BuildPlan _plan;
    private readonly TreeNode _context;
    private readonly string _directory;
    private readonly CacheMounts _caches;
    private readonly ContentHashes _hashes;
    private readonly ImagePull? _pull;
    private readonly Action<BuildEvent> _tell;
    private readonly ImageBuild _build;
    private readonly CancellationTokenSource _stop;
    private readonly Lazy<Task<StageResult>>[] _stages;
    private readonly ConcurrentDictionary<string, Lazy<Task<Image>>> _images = new();
    private readonly ConcurrentDictionary<string, CacheRecord> _made = new();
    private readonly ConcurrentDictionary<string, Digest> _materials = new();
    private IReadOnlyList<CacheImport> _imports = [];
    private readonly int[] _firstNumber;
    private readonly int _total;

    /// <param name="engine">Runs the steps.</param>
    /// <param name="request">What was asked for.</param>
    /// <param name="plan">The stages.</param>
    /// <param name="context">The files, for as long as the build runs.</param>
    /// <param name="directory">For what lies on disk meanwhile.</param>
    /// <param name="caches">Directories that outlive builds.</param>
    /// <param name="hashes">What is known of files.</param>
    /// <param name="pull">Brings images here; null when nothing does.</param>
    /// <param name="tell">Gets what happens, from several threads.</param>
    /// <param name="cancellation">Ends the build.</param>
    public BuildRun(
        ContainerEngine engine, BuildRequest request, BuildPlan plan, TreeNode context, string directory, CacheMounts caches, ContentHashes hashes, ImagePull? pull,
        Action<BuildEvent> tell, CancellationToken cancellation)
    {
        _engine = engine;
        _services = engine.Services;
        _request = request;
        _plan = plan;
        _context = context;
        _directory = directory;
        _caches = caches;
        _hashes = hashes;
        _pull = pull;
        _tell = tell;
        _build = _services.Images.BeginBuild();
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        _stages = [.. plan.Stages.Select(stage => new Lazy<Task<StageResult>>(() => Task.Run(() => StageAsync(stage))))];
        _firstNumber = new int[plan.Stages.Length];
        foreach (int index in plan.Needed)
        {
            _firstNumber[index] = _total + 1;
            _total += 1 + plan.Stages[index].Instructions.Length;
        }
    }

    /// <summary>How many steps a plan has, over the stages that are needed.</summary>
    public static int StepsOf(BuildPlan plan) => plan.Needed.Sum(index => 1 + plan.Stages[index].Instructions.Length);

    /// <summary>What the build took from elsewhere: images and fetched files, by their addresses, with what they were.</summary>
    public IReadOnlyDictionary<string, Digest> Materials => _materials;

    /// <summary>Builds the target.</summary>
    public async Task<Image> RunAsync()
    {
        _imports = await OpenImportsAsync();
        // Stages that do not need each other begin together; the first failure ends them all.
        Task<StageResult>[] running = [.. _plan.Needed.Select(index => _stages[index].Value)];
        try
        {
            await foreach (Task<StageResult> done in Task.WhenEach(running))
            {
                if (!done.IsCompletedSuccessfully)
                {
                    await _stop.CancelAsync();
                    await done;
                }
            }
        }
        finally
        {
            await Task.WhenAll(_stages.Where(stage => stage.IsValueCreated).Select(stage => stage.Value.ContinueWith(static _ => { }, TaskScheduler.Default)));
            KeepMade();
        }
        Image image = Commit(await _stages[_plan.Target].Value);
        await ExportAsync();
        return image;
    }

    /// <summary>A cache that cannot be had makes a build slower, not wrong.</summary>
    private async Task<IReadOnlyList<CacheImport>> OpenImportsAsync()
    {
        List<CacheImport> imports = [];
        foreach (CacheAddress address in _request.NoCache ? [] : _request.CacheFrom)
        {
            try
            {
                imports.Add(await CacheImport.OpenAsync(_services.Images, address, CredentialsFor(address), _stop.Token));
            }
            catch (Exception error) when (error is CaissonException or LinuxException)
            {
                Tell(new BuildEvent.Warning($"cache '{address.Text}' is not used: {error.Message}"));
            }
        }
        return imports;
    }

    private async Task ExportAsync()
    {
        foreach (CacheAddress address in _request.CacheTo)
        {
            int[] stages = address.AllStages ? [.. _plan.Needed] : [_plan.Target];
            Dictionary<string, CacheRecord> records = [];
            foreach (int stage in stages)
            {
                foreach ((string key, CacheRecord record) in (await _stages[stage].Value).Records)
                {
                    records[key] = record;
                }
            }
            try
            {
                await CacheExport.RunAsync(_build, _services.Images, address, records, CredentialsFor(address), _stop.Token);
            }
            catch (Exception error) when (error is (CaissonException or LinuxException or IOException) && address.IgnoreErrors)
            {
                Tell(new BuildEvent.Warning($"cache '{address.Text}' was not written: {error.Message}"));
            }
        }
    }

    private RegistryCredentials? CredentialsFor(CacheAddress address) =>
        address.Reference is { } reference ? _request.Credentials?.Invoke(reference.Domain) : null;

    /// <inheritdoc/>
    public void Dispose()
    {
        _build.Dispose();
        _stop.Dispose();
    }

    private async Task<StageResult> StageAsync(StagePlan stage)
    {
        int number = _firstNumber[stage.Index];
        var watch = System.Diagnostics.Stopwatch.StartNew();
        Tell(new BuildEvent.Started(number, _total, stage.Title, stage.From.Line.Text));
        StageResult below = await AtAsync(stage.From, () => BaseAsync(stage));
        var progress = new StageProgress(below);
        ImmutableTriggers triggers = Triggers(stage, below);
        Tell(new BuildEvent.Finished(number, true, Short(below.Key), watch.Elapsed));
        foreach (Instruction trigger in triggers.Instructions)
        {
            await ApplyAsync(stage, progress, trigger, number);
        }
        foreach (Instruction instruction in stage.Instructions)
        {
            _stop.Token.ThrowIfCancellationRequested();
            number++;
            watch.Restart();
            Tell(new BuildEvent.Started(number, _total, stage.Title, instruction.Line.Text));
            bool cached = await ApplyAsync(stage, progress, instruction, number);
            Tell(new BuildEvent.Finished(number, cached, Short(BuildCache.KeyOf(progress.Key, number.ToString(CultureInfo.InvariantCulture))), watch.Elapsed));
        }
        return below with { State = progress.State, Layers = progress.Layers, Key = progress.Key, History = progress.History, Records = progress.Records };
    }

    private async Task<StageResult> BaseAsync(StagePlan stage)
    {
        switch (stage.Base)
        {
            case FileOrigin.Scratch:
                string[] machine = stage.Platform.Split('/');
                return new StageResult(
                    new StageState(_plan, new ExecutionConfig(), null, fromScratch: true),
                    [],
                    BuildCache.KeyOf("scratch", stage.Platform),
                    [],
                    new Platform { Os = machine[0], Architecture = machine.ElementAtOrDefault(1) ?? _services.Facts.Architecture, Variant = machine.ElementAtOrDefault(2) });
            case FileOrigin.Stage other:
                StageResult built = await _stages[other.Index].Value;
                return built with { State = new StageState(_plan, built.State.Config, built.State.Author, fromScratch: false) };
            default:
                Image image = await ImageAsync(((FileOrigin.Image)stage.Base).Name, stage.Platform);
                return new StageResult(
                    new StageState(_plan, image.Execution, image.Config.Author, fromScratch: false),
                    await _build.UseAsync(image, _stop.Token),
                    BuildCache.KeyOf("image", image.Layers.Count > 0 ? image.Layers[^1].ChainId.ToString() : "", image.Config.Architecture),
                    image.Config.History ?? [],
                    new Platform { Os = image.Config.Os, Architecture = image.Config.Architecture, Variant = image.Config.Variant });
        }
    }

    /// <summary>What an image or stage has waiting for those that build on it.</summary>
    private ImmutableTriggers Triggers(StagePlan stage, StageResult below)
    {
        IReadOnlyList<string>? waiting = stage.Base switch
        {
            FileOrigin.Stage other => _stages[other.Index].Value.Result.State.Config.OnBuild,
            FileOrigin.Image image => _images[ImageKey(image.Name, stage.Platform)].Value.Result.Execution.OnBuild,
            _ => null,
        };
        if (waiting is null or { Count: 0 })
        {
            return new ImmutableTriggers([]);
        }
        List<Problem> problems = [];
        Dockerfile file = Dockerfile.Parse($"ONBUILD of {stage.From.Base}", string.Join('\n', waiting), problems);
        IReadOnlyList<Instruction> instructions = InstructionReader.Read(file, problems);
        file.ThrowIfAny(problems);
        return new ImmutableTriggers(instructions);
    }

    private sealed record ImmutableTriggers(IReadOnlyList<Instruction> Instructions);

    private static string ImageKey(string name, string platform) => $"{name} {platform}";

    private Task<Image> ImageAsync(string name, string platform) =>
        _images.GetOrAdd(ImageKey(name, platform), _ => new Lazy<Task<Image>>(() => FindImageAsync(name, platform))).Value;

    private async Task<Image> FindImageAsync(string name, string platform)
    {
        if (_request.Pull && _pull is not null)
        {
            await _pull(name, platform, _stop.Token);
        }
        Image? image = _services.Images.TryResolve(name);
        if ((image is null || !Fits(image, platform)) && _pull is not null && !_request.Pull)
        {
            await _pull(name, platform, _stop.Token);
            image = _services.Images.TryResolve(name);
        }
        if (image is null)
        {
            throw new CaissonException(ErrorKind.NotFound, $"there is no image '{name}' here{Spelling.Hint(name, _plan.Stages.Select(stage => stage.Name).OfType<string>())}; pull, load or bootstrap it");
        }
        _materials[$"pkg:docker/{Reference.Parse(name).WithDefaultTag().Familiar.Replace(":", "@", StringComparison.Ordinal)}?platform={Uri.EscapeDataString(platform)}"] = image.ManifestDigest;
        return Fits(image, platform)
            ? image
            : throw new CaissonException(ErrorKind.FailedPrecondition, $"the image '{name}' is for {image.Config.Os}/{image.Config.Architecture}, and {platform} is needed");
    }

    private static bool Fits(Image image, string platform)
    {
        string[] wanted = platform.Split('/');
        return image.Config.Os == wanted[0] && (wanted.Length < 2 || image.Config.Architecture == wanted[1]);
    }

    /// <summary>Carries out an instruction; true when an earlier build had made it.</summary>
    private Task<bool> ApplyAsync(StagePlan stage, StageProgress progress, Instruction instruction, int number) => AtAsync(instruction, async () =>
    {
        List<Problem> problems = [];
        BuildStep? step = progress.State.Apply(instruction, problems);
        _plan.File.ThrowIfAny(problems);
        switch (step)
        {
            case BuildStep.MakeDirectory directory:
                return await MakeDirectoryAsync(progress, directory);
            case BuildStep.Run run:
                return await RunStepAsync(stage, progress, run, number);
            case BuildStep.Copy copy:
                return await CopyAsync(stage, progress, copy);
            default:
                progress.History.Add(new HistoryEntry { CreatedBy = step!.CreatedBy, EmptyLayer = true });
                return true;
        }
    });

    /// <summary>Says where in the file something went wrong, unless it is said already.</summary>
    private async Task<T> AtAsync<T>(Instruction instruction, Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (LinuxException error)
        {
            throw At(error.Kind, error.Message, error);
        }
        catch (CaissonException error) when (error is not BuildFailure && !error.Message.StartsWith(_plan.File.Name + ":", StringComparison.Ordinal))
        {
            throw At(error.Kind, error.Message, error);
        }

        CaissonException At(ErrorKind kind, string message, Exception cause) => new(
            kind, $"{_plan.File.At(instruction.Line.FirstLine)}: {message}\n{_plan.File.Excerpt(instruction.Line.FirstLine, instruction.Line.LastLine)}", cause);
    }

    /// <summary>What a file comes from, when it is a stage: the stage is built first.</summary>
    private async Task<StageResult> OriginAsync(string from, StagePlan stage)
    {
        switch (BuildPlan.Resolve(from, _plan.Stages, stage.Index))
        {
            case FileOrigin.Stage other:
                return await _stages[other.Index].Value;
            case FileOrigin.Image image:
                Image found = await ImageAsync(image.Name, stage.Platform);
                return new StageResult(
                    new StageState(_plan, found.Execution, null, false),
                    await _build.UseAsync(found, _stop.Token),
                    BuildCache.KeyOf("image", found.Layers.Count > 0 ? found.Layers[^1].ChainId.ToString() : ""),
                    [],
                    new Platform { Os = found.Config.Os, Architecture = found.Config.Architecture });
            default:
                throw new CaissonException(ErrorKind.InvalidArgument, "there is nothing to copy from scratch");
        }
    }

    /// <summary>Takes what an earlier build has made of the same.</summary>
    private async Task<CacheRecord?> TryCacheAsync(StageProgress progress, BuildStep step, string key)
    {
        CacheRecord? record = _made.GetValueOrDefault(key) ?? (_request.NoCache ? null : _engine.Builds.Find(key));
        record ??= await TryImportAsync(progress, key);
        if (record is null)
        {
            return null;
        }
        if (record.DiffId.Length > 0)
        {
            if (await _build.TryUseAsync(progress.Layers, Digest.Parse(record.DiffId), record.SizeBytes, _stop.Token) is not { } layers)
            {
                _engine.Builds.Forget(key);
                return null;
            }
            progress.Layers = layers;
        }
        progress.Add(step, record, key);
        return record;
    }

    /// <summary>What a build elsewhere has made of the same; its layer is here then, and the step is known from now on.</summary>
    private async Task<CacheRecord?> TryImportAsync(StageProgress progress, string key)
    {
        foreach (CacheImport import in _imports)
        {
            if (import.Find(key) is not { } record)
            {
                continue;
            }
            try
            {
                await import.FetchAsync(_build, key, _stop.Token);
            }
            catch (Exception error) when (error is CaissonException or LinuxException)
            {
                Tell(new BuildEvent.Warning($"a step is run again, since its layer could not be had: {error.Message}"));
                continue;
            }
            record = record.DiffId.Length == 0 ? record : record with { ChainId = ImageBuild.ChainId(progress.Layers, Digest.Parse(record.DiffId)).ToString() };
            _made[key] = record;
            return record;
        }
        return null;
    }

    /// <summary>Notes what a step has made.</summary>
    private void Made(StageProgress progress, BuildStep step, IReadOnlyList<LayerSource>? layers, string key, params ReadOnlySpan<string> alsoBy)
    {
        DateTimeOffset now = _request.Epoch ?? _services.Time.GetUtcNow();
        var record = new CacheRecord
        {
            Key = key,
            DiffId = layers is null ? "" : layers[^1].DiffId.ToString(),
            ChainId = layers is null ? "" : layers[^1].ChainId.ToString(),
            SizeBytes = layers is null ? 0 : layers[^1].Blob.Size,
            Created = now,
            Used = now,
            Description = step.CreatedBy.Length > 200 ? step.CreatedBy[..200] : step.CreatedBy,
        };
        progress.Layers = layers ?? progress.Layers;
        progress.Add(step, record, [key, .. alsoBy]);
        _made[key] = record;
        foreach (string other in alsoBy)
        {
            _made[other] = record;
        }
    }

    /// <summary>Also after a failure: what was made before it is not made again.</summary>
    private void KeepMade()
    {
        if (!_made.IsEmpty)
        {
            _build.Seal();
            _engine.Builds.Add([.. _made]);
        }
    }

    private Image Commit(StageResult result)
    {
        result.State.SetLabels(_plan.Options.Labels);
        ImageConfig config = new()
        {
            Author = result.State.Author,
            Architecture = result.Platform.Architecture,
            Variant = result.Platform.Variant,
            Os = result.Platform.Os,
            Config = result.State.Config,
            RootFs = new RootFs { Type = RootFs.LayersType, DiffIds = [.. result.Layers.Select(layer => layer.DiffId)] },
            History = [.. result.History],
        };
        // The same image is the same image, whenever it is built: its time is that of the first time.
        string key = BuildCache.KeyOf("image", Convert.ToHexString(config.ToBytes()));
        CacheRecord? known = _request.NoCache ? null : _engine.Builds.Find(key);
        DateTimeOffset created = _request.Epoch ?? known?.Created ?? _services.Time.GetUtcNow();
        config = config with { Created = created, History = [.. result.History.Select(entry => entry.Created is null ? entry with { Created = created } : entry)] };
        Image image = _build.Commit(config, result.Layers, _request.Names);
        if (known is null)
        {
            _engine.Builds.Add([new(key, new CacheRecord { Key = key, Created = created, Used = created, Description = "image" })]);
        }
        return image;
    }

    private void Tell(BuildEvent happened) => _tell(happened);

    private static string Short(string key) => key[..12];

    /// <summary>Where a stage is.</summary>
    private sealed class StageProgress(StageResult below)
    {
        public StageState State { get; } = below.State;

        public IReadOnlyList<LayerSource> Layers { get; set; } = below.Layers;

        public string Key { get; private set; } = below.Key;

        public List<HistoryEntry> History { get; } = [.. below.History];

        public List<KeyValuePair<string, CacheRecord>> Records { get; } = [.. below.Records];

        public Platform Platform => below.Platform;

        public void Add(BuildStep step, CacheRecord record, params ReadOnlySpan<string> keys)
        {
            Note(record, keys);
            Key = record.Key;
            History.Add(new HistoryEntry
            {
                Created = record.Created,
                CreatedBy = step.CreatedBy,
                EmptyLayer = record.DiffId.Length == 0 ? true : null,
            });
        }

        /// <summary>Keeps what a step made under keys that it may be looked for by.</summary>
        public void Note(CacheRecord record, params ReadOnlySpan<string> keys)
        {
            foreach (string key in keys)
            {
                Records.Add(new(key, record));
            }
        }
    }
}
