using System.Globalization;
using System.Security.Cryptography;

using Caisson.Build.Ignore;
using Caisson.Build.Instructions;
using Caisson.Build.Plans;
using Caisson.Control.Hosting;
using Caisson.Control.Volumes;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Images.Layers;
using Caisson.Images.Snapshots;
using Caisson.Images.Users;
using Caisson.Linux;

namespace Caisson.Control.Builds;

internal sealed partial class BuildRun
{
    private async Task<bool> MakeDirectoryAsync(StageProgress progress, BuildStep.MakeDirectory step)
    {
        string key = BuildCache.KeyOf(progress.Key, "directory", step.Path);
        if (await TryCacheAsync(progress, step, key) is not null)
        {
            return true;
        }
        bool exists;
        using (MountTree view = _build.OpenView(progress.Layers))
        using (RootDirectory root = RootDirectory.From(view))
        {
            exists = root.TryGetStatus(step.Path)?.Kind == FileKind.Directory;
        }
        IReadOnlyList<LayerSource>? layers = exists ? null : Write(
            progress.Layers, link: false, (root, _) => root.CreateDirectories(step.Path).Dispose());
        Made(progress, step, layers, key);
        return false;
    }

    /// <summary>Writes to a root on layers and makes a layer of it; what writes gets the root, and what of it is its own.</summary>
    private IReadOnlyList<LayerSource> Write(IReadOnlyList<LayerSource> below, bool link, Action<RootDirectory, RootDirectory> write)
    {
        string id = Names.NewId();
        Snapshot snapshot = _build.Begin(id, link ? [] : below);
        try
        {
            using (MountTree mount = snapshot.OpenMount())
            using (RootDirectory root = RootDirectory.From(mount))
            using (RootDirectory upper = RootDirectory.Open(snapshot.UpperDirectory))
            {
                write(root, upper);
            }
            return _build.Finish(id, below, _request.Epoch, _stop.Token);
        }
        catch
        {
            _build.Abandon(id);
            throw;
        }
    }

    private async Task<bool> RunStepAsync(StagePlan stage, StageProgress progress, BuildStep.Run step, int number)
    {
        if (step.Network == "host" && !_request.AllowsHostNetwork)
        {
            throw new CaissonException(ErrorKind.PermissionDenied, $"RUN --network=host needs the right '{Access.HostRights.Namespaces}', which is missing");
        }
        List<string> parts =
        [
            progress.Key, "run", string.Join('\0', step.Arguments), string.Join('\0', step.Environment), step.Directory, step.User,
            step.Network == "default" ? _request.Network : step.Network, step.Script ?? "",
        ];
        Dictionary<RunMount, StageResult> origins = [];
        foreach (RunMount mount in step.Mounts)
        {
            parts.Add(mount.ToString());
            if (mount.From is { } from)
            {
                origins[mount] = await OriginAsync(from, stage);
                parts.Add(origins[mount].Key);
            }
            else if (mount.Kind == RunMountKind.Bind)
            {
                parts.Add(DigestOf(ContextNode(mount.Source), null, owned: false));
            }
        }
        string key = BuildCache.KeyOf([.. parts]);
        if (await TryCacheAsync(progress, step, key) is not null)
        {
            return true;
        }
        ForeignPrograms.Require(progress.Platform.Architecture, _services.Facts.Architecture);
        string id = Names.NewId();
        Snapshot snapshot = _build.Begin(id, progress.Layers);
        try
        {
            ProcessExit exit = await new StepContainer(_engine).RunAsync(
                id, snapshot, step, _request, range => PrepareAsync(id, step, origins, range), text => Tell(new BuildEvent.Output(number, text)), _stop.Token);
            if (exit.Code != 0)
            {
                throw Failed(step, exit);
            }
            Made(progress, step, _build.Finish(id, progress.Layers, _request.Epoch, _stop.Token), key);
            return false;
        }
        catch
        {
            _build.Abandon(id);
            throw;
        }
    }

    private BuildFailure Failed(BuildStep.Run step, ProcessExit exit)
    {
        string command = string.Join(' ', step.Arguments);
        command = command.Length > 400 ? command[..400] + "…" : command;
        string why = exit.OomKilled ? "; it was ended because it needed more memory than it may have" : exit.Error is { } error ? $": {error}" : "";
        int line = step.Source.Line.FirstLine;
        return new BuildFailure(string.Create(
            CultureInfo.InvariantCulture,
            $"The command '{command}' returned a non-zero code: {exit.Code}{why}\n{_plan.File.At(line)}\n{_plan.File.Excerpt(line, step.Source.Line.LastLine)}"), exit.Code);
    }

    private async Task<StepMounts> PrepareAsync(string id, BuildStep.Run step, Dictionary<RunMount, StageResult> origins, IdRange range)
    {
        var mounts = new StepMounts($"{ImageBuilder.SecretDirectory(_services.Root)}{id[..16]}");
        try
        {
            foreach (RunMount mount in step.Mounts)
            {
                string target = StepPath.Join(step.Directory, mount.Target);
                switch (mount.Kind)
                {
                    case RunMountKind.Tmpfs:
                        mounts.AddTmpfs(mount, step.Directory);
                        break;
                    case RunMountKind.Secret:
                        mounts.AddSecret(mount, step.Directory, _request.Secrets.GetValueOrDefault(mount.Id), range.First);
                        break;
                    case RunMountKind.Ssh:
                        AddAgent(mounts, mount, target);
                        break;
                    case RunMountKind.Cache:
                        CacheMounts.Held held = mounts.Hold(await _caches.TakeAsync(mount, _stop.Token));
                        if (origins.TryGetValue(mount, out StageResult? first))
                        {
                            FillCache(held.Path, first, mount.Source);
                        }
                        mounts.Mounts.Add(new ContainerMount { Type = "bind", Source = held.Path, Target = target, ReadOnly = mount.ReadOnly });
                        break;
                    default:
                        AddBind(mounts, id, mount, target, origins.GetValueOrDefault(mount), range);
                        break;
                }
            }
            return mounts;
        }
        catch
        {
            mounts.Dispose();
            throw;
        }
    }

    private void AddAgent(StepMounts mounts, RunMount mount, string target)
    {
        if (_request.Agents.GetValueOrDefault(mount.Id) is not { } socket)
        {
            if (mount.Required)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"the step needs the agent '{mount.Id}'; give it with --ssh {mount.Id}");
            }
            return;
        }
        mounts.Mounts.Add(new ContainerMount { Type = "bind", Source = socket, Target = target });
        mounts.Variables.Add($"SSH_AUTH_SOCK={target}");
    }

    /// <summary>Files of the context or of a part of a stage are copied aside for the step; a whole stage is shown as it is.</summary>
    private void AddBind(StepMounts mounts, string id, RunMount mount, string target, StageResult? origin, IdRange range)
    {
        bool isWhole = mount.Source.Trim('/') is "" or ".";
        if (origin is not null && isWhole && mount.ReadOnly)
        {
            IdMap[] map = [new IdMap(0, range.First, IdRange.Size)];
            using UserNamespace owners = UserNamespace.Create(map, map);
            mounts.AddTree(_build.OpenView(origin.Layers, owners), target, readOnly: true);
            return;
        }
        string name = string.Create(CultureInfo.InvariantCulture, $"bind-{id[..16]}-{mounts.Mounts.Count}");
        string path = $"{_directory}/{name}";
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        mounts.Hold(new Removal(_directory, name));
        using RootDirectory aside = RootDirectory.Open(path);
        using DiskTree? tree = origin is null ? null : new DiskTree(_build.OpenView(origin.Layers), _hashes);
        TreeNode root = tree?.Root ?? _context;
        TreeNode node = TreePaths.Resolve(root, mount.Source)
            ?? throw new CaissonException(ErrorKind.NotFound, $"'{mount.Source}' is not {(origin is null ? "in the context" : $"in {mount.From}")}");
        var copier = new TreeCopier(aside, null, null, null, null, _stop.Token);
        if (node.Kind == FileKind.Directory)
        {
            copier.CopyContents(node, "", "/content");
        }
        else
        {
            copier.CopyTo(node, node.Name, "/content");
        }
        mounts.Mounts.Add(new ContainerMount { Type = "bind", Source = path + "/content", Target = target, ReadOnly = mount.ReadOnly });
    }

    private void FillCache(string path, StageResult first, string source)
    {
        using RootDirectory cache = RootDirectory.Open(path);
        if (cache.Directory.Enumerate().Count > 0)
        {
            return;
        }
        using var tree = new DiskTree(_build.OpenView(first.Layers), _hashes);
        if (TreePaths.Resolve(tree.Root, source) is { Kind: FileKind.Directory } node)
        {
            new TreeCopier(cache, null, null, null, null, _stop.Token).CopyContents(node, "", "/");
        }
    }

    private sealed class Removal(string directory, string name) : IDisposable
    {
        public void Dispose()
        {
            using DirectoryDescriptor parent = HostFiles.OpenDirectory(directory);
            parent.RemoveTree(name);
        }
    }

    private TreeNode ContextNode(string source) => TreePaths.Resolve(_context, source)
        ?? throw new CaissonException(ErrorKind.NotFound, $"'{source}' is not in the context");

    private static string DigestOf(TreeNode node, Func<string, bool>? ignores, bool owned)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        node.AddTo(hash, "", ignores, owned);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private async Task<bool> CopyAsync(StagePlan stage, StageProgress progress, BuildStep.Copy step)
    {
        CopyOptions options = step.Options;
        if (options.Mode is { } mode && !CopyMode.IsValid(mode))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"--chmod is octal, such as 0755, or symbolic, such as u=rwX,go=rX, and is '{mode}'");
        }
        // A layer of its own depends on what is below it only when names of users are looked up there.
        bool alone = options.Link && (options.Owner is null || options.Owner.All(c => char.IsAsciiDigit(c) || c == ':'));
        string[] how =
        [
            alone ? "" : progress.Key, options.IsAdd ? "add" : "copy", step.Destination, options.Owner ?? "", options.Mode ?? "", options.Link ? "link" : "",
            options.Parents ? "parents" : "", string.Join('\0', options.Exclude), options.Unpack?.ToString() ?? "", string.Join('\0', step.Sources),
            string.Join('\0', step.Documents),
        ];
        StageResult? origin = options.From is { } from ? await OriginAsync(from, stage) : null;
        string? byOrigin = origin is null ? null : BuildCache.KeyOf([.. how, "from", origin.Key]);
        if (byOrigin is not null && await TryCacheAsync(progress, step, byOrigin) is not null)
        {
            return true;
        }
        using var sources = new CopySources(_directory, _services.Time);
        using DiskTree? tree = origin is null ? null : new DiskTree(_build.OpenView(origin.Layers), _hashes);
        await sources.GatherAsync(step, tree?.Root ?? _context, tree is null, _stop.Token);
        foreach ((string address, Oci.Digest digest) in sources.Fetched)
        {
            _materials[address] = digest;
        }
        IgnoreRules excluded = IgnoreRules.Excluding(options.Exclude);
        Func<string, bool>? ignores = excluded.IsEmpty ? null : excluded.Ignores;
        string content = sources.Digest(ignores, owned: options.Owner is null);
        string key = BuildCache.KeyOf([.. how, "content", content]);
        if (await TryCacheAsync(progress, step, key) is { } record)
        {
            if (byOrigin is not null)
            {
                _made[byOrigin] = record;
                progress.Note(record, byOrigin);
            }
            return true;
        }
        (uint, uint)? owner = options.Owner is null ? null : Owner(progress.Layers, options.Owner);
        IReadOnlyList<LayerSource> layers = Write(
            progress.Layers,
            options.Link,
            (root, upper) => sources.CopyTo(new TreeCopier(root, upper, owner, options.Mode, ignores, _stop.Token), step, _stop.Token));
        Made(progress, step, layers, key, byOrigin is null ? [] : [byOrigin]);
        return false;
    }

    /// <summary>Numbers are meant as they are, names as the files of the stage have them; a number alone is the group's, too.</summary>
    private (uint UserId, uint GroupId) Owner(IReadOnlyList<LayerSource> layers, string text)
    {
        if (text.All(char.IsAsciiDigit) && uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint id))
        {
            return (id, id);
        }
        using MountTree view = _build.OpenView(layers);
        using RootDirectory root = RootDirectory.From(view);
        ResolvedUser user = new UserDatabase(root).Resolve(text);
        return (user.Uid, user.Gid);
    }
}
