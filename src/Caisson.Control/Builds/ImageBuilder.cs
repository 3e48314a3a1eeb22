using System.Text;

using Caisson.Build.Dockerfiles;
using Caisson.Build.Ignore;
using Caisson.Build.Instructions;
using Caisson.Build.Plans;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Images;
using Caisson.Images.Archives;
using Caisson.Linux;
using Caisson.Oci;

namespace Caisson.Control.Builds;

/// <summary>Builds images of Dockerfiles.</summary>
public sealed class ImageBuilder
{
    internal const int DockerfileBytesMax = 4 << 20;

    private const string SecretPrefix = "secrets/";

    private static readonly string[] FrontendNames = ["docker/dockerfile", "docker.io/docker/dockerfile", "docker/dockerfile-upstream", "docker.io/docker/dockerfile-upstream", "dockerfile.v0"];

    private readonly ContainerEngine _engine;
    private readonly ImagePull? _pull;
    private readonly string _directory;
    private readonly CacheMounts _caches;
    private readonly ContentHashes _hashes;

    /// <param name="engine">Runs the steps.</param>
    /// <param name="pull">Brings images here that are not; null: an image that is not here is an error.</param>
    public ImageBuilder(ContainerEngine engine, ImagePull? pull)
    {
        _engine = engine;
        _pull = pull;
        _directory = $"{engine.Services.Root}/build";
        _caches = new CacheMounts(_directory);
        _hashes = new ContentHashes(engine.Services.Time);
        RemoveLeftovers();
    }

    /// <summary>Builds an image.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="context">The files as a tar archive, or what is beside the directory that the request names; read to its end.</param>
    /// <param name="tell">Gets what happens, from several threads.</param>
    /// <param name="cancellation">Ends the build; steps that were completed are kept for the next.</param>
    /// <exception cref="CaissonException">The Dockerfile is wrong or a step failed; the message shows the lines.</exception>
    public async Task<Image> BuildAsync(BuildRequest request, Stream context, Action<BuildEvent> tell, CancellationToken cancellation)
    {
        DateTimeOffset started = request.Epoch ?? _engine.Services.Time.GetUtcNow();
        Dictionary<string, byte[]> aside = [];
        using ArchiveTree sent = await ReadContextAsync(request, context, aside, cancellation);
        using RemoteContext? remote = request.Remote is { } address
            ? await RemoteContext.FetchAsync(address, _directory, request.Options.Arguments.GetValueOrDefault("BUILDKIT_CONTEXT_KEEP_GIT_DIR") == "1", _hashes, cancellation)
            : null;
        using HostTree? own = request.Directory is { } directory ? new HostTree(RootDirectory.Open(directory), _hashes) : null;
        HostTree? local = own ?? remote?.Tree;
        ArchiveTree archive = remote?.Archive ?? sent;
        TreeNode tree = local?.Root ?? archive.Root;
        request = request with
        {
            Secrets = aside.Where(file => file.Key.StartsWith(SecretPrefix, StringComparison.Ordinal)).Select(file => KeyValuePair.Create(file.Key[SecretPrefix.Length..], file.Value)).Concat(request.Secrets).ToDictionary(),
        };
        string text = (aside.GetValueOrDefault("Dockerfile") ?? remote?.Dockerfile) is { } given ? Encoding.UTF8.GetString(given) : Read(tree, request.Dockerfile)
            ?? throw new CaissonException(ErrorKind.InvalidArgument, $"Cannot locate specified Dockerfile: {request.Dockerfile}");
        List<BuildPlan> plans = [.. Compile(request, text)];
        if (IgnoreRulesOf(request, tree) is { IsEmpty: false } rules)
        {
            archive.Prune(rules.Ignores);
            local?.Ignore(path => (remote is not null && IsGit(path)) || rules.Ignores(path), rules.HasExceptions);
        }
        WarnOfUnused(plans[0], tell);
        int total = plans.Sum(BuildRun.StepsOf);
        int before = 0;
        List<Image> images = [];
        List<ContentDescriptor> statements = [];
        // One after the other: an image that a build stands on has one name, and that is of one machine at a time.
        foreach (BuildPlan plan in Ordered(plans))
        {
            int first = before;
            BuildRequest one = images.Count == 0 ? request : request with { Names = [], CacheTo = [] };
            using var run = new BuildRun(
                _engine, one, plan, local?.Root ?? archive.Root, _directory, _caches, _hashes, _pull, happened => tell(Renumber(happened, first, total)), cancellation);
            Image image = await run.RunAsync();
            images.Add(image);
            before += BuildRun.StepsOf(plan);
            if (!request.Attestations.IsEmpty)
            {
                statements.Add(await StateAsync(image, request, plan, text, run.Materials, started, cancellation));
            }
        }
        if (images.Count > 1 || statements.Count > 0)
        {
            _engine.Services.Images.AttachIndex(images[0], images, statements);
        }
        return _engine.Services.Images.TryFind(images[0].ManifestDigest) ?? images[0];
    }

    /// <summary>A plan for each machine; what is wrong with the Dockerfile is wrong for all, and told once.</summary>
    private static IEnumerable<BuildPlan> Compile(BuildRequest request, string text)
    {
        List<Problem> problems = [];
        Dockerfile file = Dockerfile.Parse(request.Dockerfile.Split('/')[^1], text, problems);
        string?[] platforms = request.Platforms.Count > 0 ? [.. request.Platforms.Select(platform => platform.ToString())] : [request.Options.TargetPlatform];
        foreach (string? platform in platforms.Distinct())
        {
            BuildPlan? plan = BuildPlan.Compile(file, request.Options with { TargetPlatform = platform }, problems);
            file.ThrowIfAny(problems);
            RequireFrontend(file);
            yield return plan!;
        }
    }

    /// <summary>The image for this machine is the one that has the names here, so it comes first.</summary>
    private static IEnumerable<BuildPlan> Ordered(IReadOnlyList<BuildPlan> plans) => plans.OrderBy(plan => plan.Options.TargetPlatform is null || plan.Options.TargetPlatform == plan.Options.BuildPlatform ? 0 : 1);

    private static bool IsGit(string path) => path == ".git" || path.EndsWith("/.git", StringComparison.Ordinal);

    private static BuildEvent Renumber(BuildEvent happened, int before, int total) => happened switch
    {
        BuildEvent.Started started => started with { Number = started.Number + before, Total = total },
        BuildEvent.Output output => output with { Number = output.Number + before },
        BuildEvent.Finished finished => finished with { Number = finished.Number + before },
        _ => happened,
    };

    /// <summary>Makes the statements about an image that were asked for, and keeps them with it.</summary>
    private async Task<ContentDescriptor> StateAsync(
        Image image, BuildRequest request, BuildPlan plan, string dockerfile, IReadOnlyDictionary<string, Digest> materials, DateTimeOffset started, CancellationToken cancellation)
    {
        List<(string, byte[])> statements = [];
        if (request.Attestations.Sbom)
        {
            byte[] packages = await _engine.Scanner.WriteSbomAsync(image.ManifestDigest.ToString(), "spdx", cancellation);
            statements.Add((ProvenanceStatement.SbomPredicateType, ProvenanceStatement.Statement(image, request.Names, ProvenanceStatement.SbomPredicateType, json => json.WriteRawValue(packages))));
        }
        if (request.Attestations.Provenance)
        {
            DateTimeOffset finished = request.Epoch ?? _engine.Services.Time.GetUtcNow();
            statements.Add((ProvenanceStatement.PredicateType, ProvenanceStatement.Write(image, request, plan, dockerfile, materials, started, finished)));
        }
        return _engine.Services.Images.AttachStatements(image, statements);
    }

    /// <summary>Forgets what builds have made.</summary>
    /// <param name="goes">Which records; null for all, and the directories of cache mounts with them.</param>
    /// <returns>Keys of records, and bytes that were freed.</returns>
    public (IReadOnlyList<string> Keys, long Bytes) Prune(Func<CacheRecord, bool>? goes)
    {
        if (goes is null)
        {
            _caches.Clear();
        }
        return _engine.Builds.Prune(goes);
    }

    /// <summary>How directories of secrets begin: in memory, by engine.</summary>
    internal static string SecretDirectory(string root) => $"/dev/shm/caisson-build-{BuildCache.KeyOf(root)[..12]}-";

    private Task<ArchiveTree> ReadContextAsync(BuildRequest request, Stream context, Dictionary<string, byte[]> aside, CancellationToken cancellation) =>
        BlockingStream.RunAsync(
            context,
            blocking =>
            {
                Func<string, Action<byte[]>?>? take = request.Aside is not { Length: > 0 } prefix ? null
                    : path => path.StartsWith(prefix + "/", StringComparison.Ordinal) ? content => aside[path[(prefix.Length + 1)..]] = content : null;
                return ArchiveTree.Read(_directory, blocking, "the build context", keepOwners: false, take, cancellation);
            },
            cancellation);

    private static string? Read(TreeNode tree, string path)
    {
        if (TreePaths.Resolve(tree, path) is not { Kind: FileKind.Regular } node)
        {
            return null;
        }
        if (node.Size > DockerfileBytesMax)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{path} has {node.Size} bytes; at most {DockerfileBytesMax} are read");
        }
        using Stream content = node.Open();
        using var reader = new StreamReader(content, Encoding.UTF8);
        return reader.ReadToEnd();
    }

    private static IgnoreRules IgnoreRulesOf(BuildRequest request, TreeNode tree)
    {
        string name = request.Dockerfile + ".dockerignore";
        string? text = Read(tree, name);
        if (text is null)
        {
            name = ".dockerignore";
            text = Read(tree, name);
        }
        if (text is null)
        {
            return IgnoreRules.None;
        }
        List<Problem> problems = [];
        IgnoreRules rules = IgnoreRules.Parse(name, text, problems);
        ProblemsException.ThrowIfAny("build context", problems);
        return rules;
    }

    private static void RequireFrontend(Dockerfile file)
    {
        if (file.Syntax is { } syntax && !FrontendNames.Contains(syntax.Split('@')[0].Split(':')[0]))
        {
            throw new CaissonException(
                ErrorKind.Unimplemented, $"{file.At(1)}: the file asks for the frontend '{syntax}'; only that of Dockerfiles is here, which docker/dockerfile means");
        }
    }

    private static void WarnOfUnused(BuildPlan plan, Action<BuildEvent> tell)
    {
        HashSet<string> declared = [.. plan.Globals.Keys];
        foreach (StagePlan stage in plan.Stages)
        {
            declared.UnionWith(stage.Instructions.OfType<Instruction.Arg>().SelectMany(arg => arg.Variables.Select(variable => variable.Name)));
        }
        string[] unused = [.. plan.Options.Arguments.Keys
            .Where(name => !declared.Contains(name) && !PlatformArguments.Proxies.Contains(name) && !PlatformArguments.OfBuilder.Contains(name))
            .Order(StringComparer.Ordinal)];
        if (unused.Length > 0)
        {
            tell(new BuildEvent.Warning($"[Warning] One or more build-args [{string.Join(' ', unused)}] were not consumed"));
        }
    }

    /// <summary>What an engine that was killed has left of its builds.</summary>
    private void RemoveLeftovers()
    {
        if (Directory.Exists(_directory))
        {
            using DirectoryDescriptor build = HostFiles.OpenDirectory(_directory);
            foreach (DirectoryEntry entry in build.Enumerate().Where(entry => entry.Name != "caches"))
            {
                build.RemoveTree(entry.Name);
            }
        }
        string prefix = SecretDirectory(_engine.Services.Root);
        if (Directory.Exists(Path.GetDirectoryName(prefix)))
        {
            foreach (string left in Directory.EnumerateDirectories(Path.GetDirectoryName(prefix)!, Path.GetFileName(prefix) + "*"))
            {
                Directory.Delete(left, recursive: true);
            }
        }
    }
}
